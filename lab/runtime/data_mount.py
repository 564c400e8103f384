"""Where the pipeline finds a file of this machine."""

import os
import shutil
from pathlib import Path

from lab.base.account import belong_to_folder
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.endpoints import MOUNTS
from lab.runtime.lab_marker import COMPOSE, recorded_runtime

FOLDER = "inbox"


def visible(config: LabConfig, path: Path) -> Path:
    """`path` itself or, for containers, where a copy of it is mounted. Raises LabError when it can't be copied."""
    if recorded_runtime(config.home) != COMPOSE:
        return path
    target = config.home / FOLDER / path.name
    try:
        target.parent.mkdir(exist_ok=True, mode=0o700)
        # Mode 0600 from the beginning: it may hold what others must not read.
        with (
            path.open("rb") as source,
            os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as copy,
        ):
            shutil.copyfileobj(source, copy)
        belong_to_folder(target)
    except OSError as err:
        raise LabError(f"Can't copy {path} to {target}: {err.strerror}.", "Give a file that you can read.") from None
    return Path(MOUNTS / FOLDER / path.name)
