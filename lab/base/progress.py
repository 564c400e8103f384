"""How a long use case tells its front end where it stands."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`subject` (a service, a step) is in `state`; `seconds` since it began, where that is known."""

    subject: str
    state: str
    detail: str = ""
    seconds: float | None = None


Report = Callable[[Progress], None]
