"""What the screen remembers from one day to the next: theme, panel, orders, bell. Never what is filtered away."""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.base.account import home
from lab.views.sorting import Order

_SCHEMA = 1


@dataclass(frozen=True)
class Layout:
    """How a person left the screen; `orders` by panel, `bell` whether notices ring."""

    theme: str = ""
    panel: str = ""
    orders: Mapping[str, Order] = field(default_factory=dict)
    bell: bool = False


@dataclass(frozen=True)
class SavedLayout:
    """The file that holds a layout. Neither reading nor writing raises: the screen works without it."""

    path: Path

    @classmethod
    def of_user(cls, environ: Mapping[str, str]) -> "SavedLayout":
        """Below XDG_STATE_HOME, or where that is by default."""
        base = environ.get("XDG_STATE_HOME", "")
        folder = Path(base) if base.startswith("/") else home() / ".local" / "state"
        return cls(folder / "mlops-lab" / "screen.json")

    def load(self) -> tuple[Layout, str]:
        """The layout, and a note for the person when the file can't be used."""
        try:
            return _layout(json.loads(self.path.read_text(encoding="utf-8"))), ""
        except (FileNotFoundError, NotADirectoryError):
            return Layout(), ""
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return Layout(), f"The remembered layout in {self.path} can't be read; the screen starts afresh."

    def save(self, layout: Layout) -> str:
        """Writes the file whole or not at all; a note when that can't be done."""
        text = json.dumps({"schema": _SCHEMA, **asdict(layout)}, indent=2) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
        except OSError as err:
            return f"The layout can't be remembered in {self.path}: {err.strerror}."
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self.path)
        except OSError as err:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            return f"The layout can't be remembered in {self.path}: {err.strerror}."
        return ""


def _layout(found: Mapping[str, Any]) -> Layout:
    if found["schema"] != _SCHEMA:
        raise ValueError("of another version")
    orders = {str(panel): Order(str(one["column"]), bool(one["down"])) for panel, one in found["orders"].items()}
    return Layout(str(found["theme"]), str(found["panel"]), orders, found.get("bell") is True)
