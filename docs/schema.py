"""Writes docs/snapshot-schema.json from the dataclasses of a snapshot: `python docs/schema.py`."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lab.observe.snapshot_schema import snapshot_schema  # noqa: E402 - run as a file, it must find the package first

TARGET = ROOT / "docs" / "snapshot-schema.json"


def text() -> str:
    """The file's content."""
    return json.dumps(snapshot_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text())
