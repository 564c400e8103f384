"""What the poller's worker tells the app: values, never widgets."""

from textual.message import Message

from lab.core.snapshot import Snapshot


class SnapshotTaken(Message):
    """A new snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot


class PollFailed(Message):
    """No snapshot this time; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
