"""Asks where the snapshot that is on screen goes, and writes it there."""

import json
from pathlib import Path

from lab.base.errors import LabError
from lab.observe.snapshot import Snapshot
from lab.observe.snapshot_json import snapshot_json
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.views import View
from lab.views.view import note


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


_BODY = note("Writes what is on screen as JSON, as `mlops-lab --once --json` prints it.")


class ExportScreen(ConfirmScreen):
    """Stays open when the file can't be written, and says why."""

    ENTER_IS_ENOUGH = True
    NEEDED = "Type the name of a file."

    def __init__(self, view: View) -> None:
        super().__init__("Export the snapshot", _BODY, ask_reason=True, confirm="Export", value=suggested_path(view))
        # What was on screen when it was asked for, not what comes while a name is typed.
        self._snapshot = view.snapshot

    def accept(self, answer: str) -> None:
        """Writes the file."""
        try:
            path = export(self._snapshot, Path(answer))
        except LabError as err:
            self.complain(str(err))
            return
        self.app.notify(str(path), title="Exported", markup=False)
        self.dismiss(answer)
