"""One hash for a model's files, which stock tools give as well."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base.model_versions import files_digest

FILES = {"MLmodel": "flavors:\n", "model.skops": "\x00\x01", "data/input example.json": "{}", "Z": "", "é": "x"}
BY_HAND = (
    "find . -type f ! -path ./registered_model_meta -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_coreutils_give_the_same(folder: Path) -> None:
    printed = subprocess.run(["sh", "-c", BY_HAND], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert printed.split()[0] == files_digest(folder)


@pytest.mark.parametrize("change", [
    lambda folder: (folder / "MLmodel").write_text("flavors: \n"),
    lambda folder: (folder / "MLmodel").rename(folder / "MLmodel2"),
    lambda folder: (folder / "more").write_text(""),
    lambda folder: (folder / "Z").unlink(),
    lambda folder: (folder / "data" / "registered_model_meta").write_text(""),
])  # fmt: skip
def test_any_other_file_name_or_byte_gives_another(folder: Path, change: Callable[[Path], object]) -> None:
    before = files_digest(folder)
    change(folder)
    assert files_digest(folder) != before


def test_what_mlflow_adds_to_a_download_does_not_matter(folder: Path) -> None:
    before = files_digest(folder)
    (folder / "registered_model_meta").write_text("model_name: CreditRiskModel\n")
    assert files_digest(folder) == before
