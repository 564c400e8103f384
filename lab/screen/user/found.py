"""The file of whoever runs the screen; what reads it is imported where there is one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.account import home

if TYPE_CHECKING:
    from lab.screen.user.reading import Loaded


def path_of_user(environ: Mapping[str, str]) -> Path:
    """Below XDG_CONFIG_HOME, or where that is by default."""
    base = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else home() / ".config"
    return folder / "mlops-lab" / "screen.toml"


def load_user(environ: Mapping[str, str]) -> "Loaded | None":
    """What the file says; None where there is none: then nothing of this costs start-up time."""
    path = path_of_user(environ)
    if not os.path.lexists(path):
        return None
    from lab.screen.user.reading import load

    return load(path)
