"""Where a lab's servers were found on PATH: written down at `up`, so that they don't change with the shell."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lab.runtime.layout import write_private


class Found:
    """The file that holds program, version, source and arguments by name; kept until `invoke down`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> Mapping[str, object] | None:
        """What was written down of a program that is still there."""
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))[name]
            whole = known.keys() >= {"path", "version", "source", "arguments"}
            return known if whole and os.access(known["path"], os.X_OK) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, programs: Mapping[str, Mapping[str, object]]) -> None:
        write_private(self._path, json.dumps(programs, indent=1, sort_keys=True, default=str))

    def forget(self) -> None:
        """The next `up` looks at PATH again."""
        with suppress(FileNotFoundError, NotADirectoryError):
            self._path.unlink()
