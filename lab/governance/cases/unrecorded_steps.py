"""Steps that ended between Dagster's beginning of them and the trail's: Dagster knows them, and no entry does."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lab.base.model_id import is_training
from lab.base.runs import Run, RunStatus, Step
from lab.services.dagster import Dagster
from lab.services.dagster_answers import RunEvent, failure_reason

# How Dagster shows a step that failed or was interrupted, and one whose process was killed.
_BROKEN_OFF = frozenset({"FAILURE", "IN_PROGRESS"})
# What a step leaves in Dagster only when it did something: it must have had its entry before.
_WORK = frozenset(
    {
        *("STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS"),
        *("ASSET_MATERIALIZATION", "ASSET_OBSERVATION", "ASSET_CHECK_EVALUATION"),
    }
)
_PAGE = 100
_LONGEST_REASON = 500


@dataclass(frozen=True)
class Unaudited:
    """A step of which no entry can be right, and why: it did something, and the trail doesn't know that it began."""

    run_id: str
    action: str
    reason: str


def unrecorded(run: Run, recorded: Collection[str]) -> tuple[Step, ...]:
    """The steps of a finished run that broke off and are none of the `recorded` actions of that run."""
    return tuple(step for step in run.steps if step.status in _BROKEN_OFF and step.name not in recorded)


def how(run: Run, step: Step, found: Iterable[RunEvent]) -> tuple[str, str]:
    """Why the step can be recorded as failed, by the run's events; or why it can't."""
    events = tuple(found)
    if work := next((event.kind for event in events if event.step == step.name and event.kind in _WORK), ""):
        return "", f"it did something without an entry (Dagster has its {work.lower()}): find out what happened"
    why = failure_reason(events)[:_LONGEST_REASON]
    ended = f"its run is {run.status.lower()}" + (f": {why}" if why else "")
    return f"The step ended before its beginning was recorded, and Dagster knows of no output of it; {ended}.", ""


async def broken_off(dagster: Dagster, run_ids: tuple[str, ...] = ()) -> list[Run]:
    """The runs, or those of `run_ids`, that failed or were canceled, with their steps. Raises ServiceUnavailable."""
    found: list[Run] = []
    cursor: str | None = None
    while True:
        ended = (RunStatus.FAILURE, RunStatus.CANCELED)
        page = await dagster.runs(_PAGE, cursor, run_ids=run_ids, steps=True, statuses=ended)
        found += [run for run in page if is_training(run.job)]
        if len(page) < _PAGE:
            return found
        cursor = page[-1].run_id
