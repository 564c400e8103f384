"""When a daemon met the errors that its heartbeat reports: Dagster repeats each for five minutes, without a time."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

# Daemons work in rounds of 30 s at most; an error that a later round didn't meet again is over.
ROUND_S = 40.0
_DATED = re.compile(r"\nMet at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z\.\Z")


@dataclass(frozen=True)
class DaemonError:
    """One error of a heartbeat; `at` is epoch seconds, None where the daemon didn't say."""

    message: str
    at: float | None = None

    def is_over(self, heartbeat: float | None, since: float) -> bool:
        """Whether the daemon went on without it: `since` is when what it needs was last started."""
        return self.at is not None and (self.at < since or (heartbeat is not None and self.at < heartbeat - ROUND_S))


def dated(message: str, at: float) -> str:
    """The text of an error with a last line that says when it was met."""
    return f"{message.rstrip()}\nMet at {datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}."


def met_at(message: str) -> float | None:
    """The time in the last line of the text, if it has one."""
    found = _DATED.search(message)
    try:
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp() if found else None
    except ValueError:
        return None


def current(errors: Iterable[DaemonError], heartbeat: float | None, since: float) -> list[str]:
    """What the daemon still meets."""
    return [one.message for one in errors if not one.is_over(heartbeat, since)]
