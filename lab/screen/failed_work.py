"""What goes on in the background and ends by a mistake of this program is told: somebody waits for it."""

from textual.worker import Worker, WorkerState

from lab.base.errors import told


class TellsFailedWork:
    """For an app or a screen whose workers may fail without ending the app."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Says what went wrong; cancelled work is none of that."""
        if event.state is WorkerState.ERROR and event.worker.error:
            said = f"{told(event.worker.error)}. This is a mistake of the program: go back, and try again."
            title = f"{event.worker.name} failed"
            event.worker.node.app.notify(said, title=title, severity="error", timeout=30, markup=False)
