"""Runs in progress: `up` lets them end before it restarts what they need; `down` and `restart` say that they end them.

Whoever asks for a running service to end means it; whoever types `up` may not know that something changed.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from lab.base.catalogue import Service
from lab.base.errors import LabError, ServiceUnavailable
from lab.base.progress import Progress, Report
from lab.base.runs import Run, RunStatus
from lab.config import LabConfig
from lab.runtime.lab_marker import recorded_offset
from lab.runtime.runtime import Runtime
from lab.services.dagster import Dagster
from lab.services.http import Http

WAIT_S = 900.0
# What a run dies with, or fails without: the daemon forks it, and it writes to the others.
NEEDED = frozenset({Service.DAGSTER_DAEMON, Service.POSTGRES, Service.OBJECT_STORE, Service.MLFLOW})
# A queued run has nothing to lose: it stays in the queue.
GOING_ON = (RunStatus.STARTING, RunStatus.STARTED, RunStatus.CANCELING)
_POLL_S = 1.0
# A busy machine must not make a run look absent.
_ANSWER_S = 15.0
_ASKED = 25


class RunList(Protocol):
    """Lists runs by their state."""

    async def runs(self, limit: int = 25, *, statuses: Sequence[RunStatus] = ()) -> tuple[Run, ...]: ...


async def let_runs_end(
    config: LabConfig,
    changes: Mapping[Service, Sequence[str]],
    report: Report,
    deadline_s: float = WAIT_S,
    runs: RunList | None = None,
) -> None:
    """Waits while a run needs a service that is about to be restarted. Raises LabError at the deadline.

    Where Dagster can't be asked it says so and returns: a lab that is broken must be mended.
    """
    concerned = sorted(NEEDED & set(changes))
    end, said = time.monotonic() + deadline_s, ""
    while concerned and (found := await _asked(config, report, runs)):
        about = described(found)
        if time.monotonic() > end:
            raise LabError(
                f"{about} still in progress after {deadline_s / 60:g} minutes, and restarting "
                f"{', '.join(concerned)} would end it. Nothing was restarted.",
                "Type `invoke up` again later, or `invoke restart`, which ends it.",
            )
        if about != said:
            said = about
            why = f"{', '.join(concerned)} would restart: {_reasons(changes, concerned)}"
            report(Progress("lab", "in_progress", f"waits at most {deadline_s / 60:g} minutes for {about}; {why}"))
        await asyncio.sleep(_POLL_S)


def say_what_ends(
    config: LabConfig, runtime: Runtime, stopped: Collection[Service], report: Report, runs: RunList | None = None
) -> None:
    """Reports the runs that end with the services that are about to be stopped."""
    if NEEDED.isdisjoint(stopped):
        return
    try:
        if runtime.facts()[Service.DAGSTER].state != "running":
            return
    except LabError:
        return
    if found := asyncio.run(_asked(config, report, runs)):
        report(Progress("lab", "stopping", f"this ends {described(found)}"))


def described(found: Sequence[Run]) -> str:
    """`run 1a2b3c4d (ml_training_pipeline)`, and how many more there are."""
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"run {found[0].run_id[:8]} ({found[0].job}){more}"


def _reasons(changes: Mapping[Service, Sequence[str]], concerned: Sequence[Service]) -> str:
    return ", ".join(dict.fromkeys(reason for service in concerned for reason in changes[service]))


async def _asked(config: LabConfig, report: Report, runs: RunList | None) -> tuple[Run, ...]:
    try:
        if runs:
            return await runs.runs(_ASKED, statuses=GOING_ON)
        # A lab that is about to move is still where it was.
        known = recorded_offset(config.home)
        there = config if known is None else replace(config, port_offset=known)
        async with aclosing(Dagster(Http.to(Service.DAGSTER, there.url(Service.DAGSTER), _ANSWER_S))) as dagster:
            return await dagster.runs(_ASKED, statuses=GOING_ON)
    except ServiceUnavailable as err:
        report(Progress("lab", "in_progress", f"can't tell whether a run is in progress: {err.message}"))
        return ()
