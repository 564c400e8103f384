"""Actions under way and done, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lab.base.catalogue import BY_NAME, Service

KEPT = 50
# Actions that tell themselves how their run ended, and how their service is.
_TRAINS, _SERVES = {"demo-run", "relaunch"}, {"start", "stop", "restart"}
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
    """One action: `name` is its kind, `target` its row; times are epoch seconds; `result` is None while it goes on."""

    number: int
    name: str
    title: str
    began_at: float
    lines: tuple[str, ...] = ()
    ended_at: float | None = None
    result: ActionResult | None = None
    target: str = ""


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

    def recent(self, now: float) -> tuple[Job, ...]:
        """What goes on, or has just ended."""
        return tuple(job for job in self.all if job.ended_at is None or now - job.ended_at < SHOWN_S)

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


def own_news(jobs: Jobs, now: float) -> Callable[[str], bool]:
    """Whether a line of news is what an action from here tells by itself, at its end."""
    running, recent = {job.name for job in jobs.running}, jobs.recent(now)
    starts = any(job.name == "up" for job in recent)
    acted = {BY_NAME[Service(job.target)].title for job in recent if job.name in _SERVES and job.target in BY_NAME}

    def told(text: str) -> bool:
        subject, _, end = text.rpartition(" ")
        trained = text.startswith("run ") and bool(running & _TRAINS)
        return trained or subject in acted or (starts and end == "up")

    return told
