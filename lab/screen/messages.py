"""What workers and screens tell the app: values, never widgets."""

from textual.message import Message

from lab.observe.snapshot import Snapshot


class SnapshotTaken(Message):
    """A new snapshot of the lab with this number."""

    def __init__(self, snapshot: Snapshot, lab: int = 0) -> None:
        super().__init__()
        self.snapshot = snapshot
        self.lab = lab


class PollFailed(Message):
    """No snapshot this time of the lab with this number; `reason` is for people."""

    def __init__(self, reason: str, lab: int = 0) -> None:
        super().__init__()
        self.reason = reason
        self.lab = lab


class LabChosen(Message):
    """A person wants to see the lab with this number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Narrowed(Message):
    """A person wants to see one model only; all of them where `model` is empty."""

    def __init__(self, model: str) -> None:
        super().__init__()
        self.model = model


class ActionWanted(Message):
    """A person asks for something that changes the lab, or takes long.

    `action` is a name in `lab.screen.actions`; `target` is what it is about: name and number of a model version (with a
    slash between), the id of a run, the name of a service, the key of an alert's row; empty where the action is about
    the whole lab.
    """

    def __init__(self, action: str, target: str = "") -> None:
        super().__init__()
        self.action = action
        self.target = target


class OwnCommandWanted(Message):
    """A person wants one of their own commands, by its number in the file, for the row `key` of its panel."""

    def __init__(self, number: int, key: str = "") -> None:
        super().__init__()
        self.number = number
        self.key = key
