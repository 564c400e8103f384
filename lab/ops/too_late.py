"""Deciding about a version while somebody else does: what happened, and what to type."""

from lab.core.approval import CHAMPION, Move, find_move
from lab.core.errors import LabError
from lab.core.history import History, Record
from lab.core.ledger import Entry
from lab.ops.gates import Case


class TooLate(LabError):
    """Somebody else's decision was written first. `now` is the version as that left it, `reached` whether that is what
    was wanted.
    """

    def __init__(self, case: Case, move: Move, now: Record, sealed: Entry, history: History) -> None:
        self.case, self.move, self.now = case, move, now
        self.reached = bool(now.decisions) and now.state is move.to_state and not move.alias
        problem = next(one.problem for one in history.overtaken if one.seq == sealed.seq)
        super().__init__(
            f"Version {case.version} was acted on by somebody else at the same time: entry {sealed.seq}, {problem}. "
            "It is recorded as overtaken, which is no fault.",
            self._next(history),
        )

    def _next(self, history: History) -> str:
        if self.reached:
            return f"The version is {self.now.state}, as you wanted: nothing is left to do."
        action, state = self.case.action, self.now.state
        move = find_move(state, action, history.holds(CHAMPION, self.now))
        if isinstance(move, str):
            return f"Nothing is left to type: {move}."
        again = f'invoke {action} --version {self.case.version} --reason "…"'
        return f"The version is {state} now. Look at what the other one said; if you still want it, type `{again}`."
