"""Writes the JSON Schemas of what commands print, a snapshot, a contract and a screen: `python docs/schema.py`."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lab.commands.json_schemas import schemas  # noqa: E402 - run as a file, it must find the package first
from lab.models.contract import Contract  # noqa: E402
from lab.observe.snapshot_schema import snapshot_schema  # noqa: E402
from lab.screen.user.fields import schema as screen_schema  # noqa: E402

# The last two are for editors, which show what a field means while it is typed.
FILES = {
    "commands-schema.json": schemas,
    "snapshot-schema.json": snapshot_schema,
    "model-schema.json": Contract.model_json_schema,
    "screen-schema.json": screen_schema,
}


def text(name: str) -> str:
    """The content of a file in docs/."""
    return json.dumps(FILES[name](), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in FILES:
        (ROOT / "docs" / name).write_text(text(name))
