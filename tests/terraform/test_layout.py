"""Modules and roots are put together alike, and say what they take and give."""

import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

from docs.modules import FOLDERS, blocks
from tests.support.aws.terraform import ENVIRONMENTS, SOURCE

_FILES = {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"}
_NAMED = (
    "network storage database registry cluster autoscaling batch identity observability governance".split()  # noqa: SIM905
)
_SKIP = re.compile(r"checkov:skip=(?P<check>CKV2?_AWS_\d+)(?P<reason>.*)")


def test_all_modules_are_there() -> None:
    assert {f"modules/{name}" for name in _NAMED} <= set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_module_has_its_five_files(folder: str) -> None:
    assert {path.name for path in (SOURCE / folder).iterdir()} >= _FILES


@pytest.mark.parametrize("folder", [*FOLDERS, *(f"envs/{name}" for name in ENVIRONMENTS)])
def test_variables_and_outputs_are_typed_and_described(folder: str) -> None:
    for name, body in blocks(SOURCE / folder / "variables.tf", "variable").items():
        assert body.get("type"), name
        assert body.get("description"), name
    for name, body in blocks(SOURCE / folder / "outputs.tf", "output").items():
        assert body.get("description"), name


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environments_differ_by_values_only(name: str) -> None:
    own, dev = SOURCE / "envs" / name, SOURCE / "envs" / "dev"
    for file in ("variables.tf", "outputs.tf", "versions.tf", ".terraform.lock.hcl"):
        assert (own / file).read_text() == (dev / file).read_text(), file
    assert _shape(own / "main.tf") == _shape(dev / "main.tf")


def _shape(file: Path) -> Any:
    with file.open() as text:
        return _names(hcl2.load(text))


def _names(value: Any) -> Any:
    """Blocks and the names in them, and what refers to something; a value of its own counts for nothing."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_names(one) for one in value]
    if not isinstance(value, dict):
        return value if isinstance(value, str) and "${" in value else None
    named = {name: _names(one) for name, one in value.items() if not name.startswith("__")}
    return named if "__is_block__" in value or any(one is not None for one in named.values()) else None


def test_every_exception_from_checkov_has_its_reason() -> None:
    for path in SOURCE.rglob("*.tf"):
        for found in _SKIP.finditer(path.read_text()):
            assert re.fullmatch(r":.{20,}", found["reason"]), f"{path.name}: {found['check']}"
