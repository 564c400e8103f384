"""Writing the snapshot that is on screen to a file."""

import json
from pathlib import Path

from lab.base.errors import LabError
from lab.observe.snapshot import Snapshot
from lab.observe.snapshot_json import snapshot_json
from lab.tui.present import View


def suggested_path(view: View) -> str:
    """A name that says whose snapshot it is, and when it was taken."""
    return f"{view.snapshot.lab.name or 'lab'}-{view.now:%Y%m%d-%H%M%S}.json"


def export(snapshot: Snapshot, path: Path) -> Path:
    """Writes the document that `mlops-lab --once --json` prints, to a new file. Raises LabError."""
    path = path.expanduser().absolute()
    text = json.dumps(snapshot_json(snapshot), indent=2, ensure_ascii=False) + "\n"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise LabError(f"There is a file {path} already.", "Give another name.") from None
    except OSError as err:
        raise LabError(f"Can't write {path}: {err.strerror}.", "Give a folder that exists and is yours.") from None
    return path
