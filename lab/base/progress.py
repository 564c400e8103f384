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


# Seconds between two looks at what is waited for: a twentieth of the time that it was waited for already, within these.
_OFTEN_S, _SELDOM_S, _SHARE = 0.2, 1.0, 20

Report = Callable[[Progress], None]


def pause_s(waited_s: float) -> float:
    """How long something is left alone that was waited for so long, in seconds.

    A busy machine is slow because it is busy, and who asks it more often makes it slower.
    """
    return min(_SELDOM_S, max(_OFTEN_S, waited_s / _SHARE))


def watched(report: Report) -> Callable[[str, str, str, float | None], None]:
    """The same for code that knows of no `Progress`: subject, state, detail and seconds."""
    return lambda subject, state, detail, seconds: report(Progress(subject, state, detail, seconds))


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
