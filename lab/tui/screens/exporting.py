"""Asks where the snapshot goes, and writes it there."""

from pathlib import Path

from lab.base.errors import LabError
from lab.tui.export import export, suggested_path
from lab.tui.present import View
from lab.tui.present.base import note
from lab.tui.screens.confirm import ConfirmScreen

_BODY = note("Writes what is on screen as JSON, as `mlops-lab --once --json` prints it.")


class ExportScreen(ConfirmScreen):
    """Stays open when the file can't be written, and says why."""

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
