"""Actions under way and done, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

KEPT = 50
# A line about what has just ended stays that long (seconds), so that nobody misses it.
SHOWN_S = 20.0


@dataclass(frozen=True)
class ActionResult:
    """How an action ended: `said` in a line, `next` what to do now, `lines` more of it, `data` for the screen."""

    ok: bool
    said: str
    next: str = ""
    lines: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One action: `name` is its kind, times are epoch seconds; `result` is None while it goes on."""

    number: int
    name: str
    title: str
    began_at: float
    lines: tuple[str, ...] = ()
    ended_at: float | None = None
    result: ActionResult | None = None


@dataclass(frozen=True)
class Jobs:
    """The newest jobs, oldest first."""

    all: tuple[Job, ...] = ()

    @property
    def running(self) -> tuple[Job, ...]:
        return tuple(job for job in self.all if job.result is None)

    @property
    def next_number(self) -> int:
        return self.all[-1].number + 1 if self.all else 1

    def of(self, name: str) -> Job | None:
        """The job of that kind which goes on."""
        return next((job for job in self.running if job.name == name), None)

    def to_show(self, now: float) -> tuple[Job, ...]:
        """What the screen should show without being asked, the most important last."""
        ended = [job for job in self.all if job.ended_at is not None and now - job.ended_at < SHOWN_S]
        return (*ended[-1:], *self.running)

    def begun(self, job: Job) -> "Jobs":
        return Jobs((*self.all, job)[-KEPT:])

    def with_line(self, number: int, line: str) -> "Jobs":
        return self._changed(number, lambda job: replace(job, lines=(*job.lines, line)))

    def ended(self, number: int, result: ActionResult, now: float) -> "Jobs":
        return self._changed(number, lambda job: replace(job, result=result, ended_at=now))

    def _changed(self, number: int, change: Callable[[Job], Job]) -> "Jobs":
        return Jobs(tuple(change(job) if job.number == number else job for job in self.all))
