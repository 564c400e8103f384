"""Variables and outputs of Terraform's modules, as their READMEs show them."""

from functools import cache
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parents[1]
# Each has a README; the environments share one shape, which is that of `lab`.
FOLDERS = ("bootstrap", *(f"modules/{path.name}" for path in sorted((ROOT / "terraform" / "modules").iterdir())))
_REQUIRED = "needed"


@cache
def blocks(file: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Every block of this kind in a file, by its name."""
    with file.open() as text:
        found = hcl2.load(text).get(kind, [])
    return {_plain(name): body for block in found for name, body in block.items()}


def variables(folder: str) -> list[tuple[str, ...]]:
    """Name, type, default and meaning of each variable."""
    rows = []
    for name, body in blocks(ROOT / "terraform" / folder / "variables.tf", "variable").items():
        default = f"`{_plain(body['default'])}`" if "default" in body else _REQUIRED
        rows.append((f"`{name}`", f"`{_plain(body['type'])}`", default, _sentence(body["description"])))
    return rows


def outputs(folder: str) -> list[tuple[str, ...]]:
    """Name and meaning of each output."""
    found = blocks(ROOT / "terraform" / folder / "outputs.tf", "output")
    return [(f"`{name}`", _sentence(body["description"])) for name, body in found.items()]


def purpose(folder: str) -> str:
    """What it is for: the first paragraph of its README."""
    _, text, *_ = (ROOT / "terraform" / folder / "README.md").read_text().split("\n\n")
    return " ".join(text.split()).removesuffix(":").replace("](", f"]({folder}/")


def _plain(value: Any) -> str:
    """As it was written: without the parser's quotes and marks of an expression."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if text.startswith("${") and text.endswith("}"):
        text = text[2:-1]
    return text.strip('"').replace("'\"", '"').replace("\"'", '"')


def _sentence(value: Any) -> str:
    lines = _plain(value).splitlines()
    if lines and lines[0].startswith("<<"):
        lines = lines[1:-1]
    return " ".join(line.strip() for line in lines)
