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


def unheard(_: int) -> None:
    """Progress that nobody asked for."""


def every(step: int, say: Callable[[int], object]) -> Callable[[int], None]:
    """Tells `say` of a growing count only when it has passed another `step`."""
    said = 0

    def told(count: int) -> None:
        nonlocal said
        if count // step > said:
            said = count // step
            say(count)

    return told
