"""What `verify-governance` launched doesn't go on without it, and leaves no gap in the trail."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.base.errors import RunFailed
from lab.base.runs import INGEST, JOB, Run, RunStatus, Step
from lab.governance.checks import Verifier
from lab.governance.checks.policy_proofs import TRIED
from lab.governance.ledger import Status
from lab.services.dagster_answers import RunEvent
from tests.governance.test_proofs import NOWHERE, Examined
from tests.support.governed_lab import GovernedLab

DEADLINE_S = 60


class Dagster:
    """Runs that begin their first step and go on until they are terminated; `answers` holds the launches' answers."""

    def __init__(self) -> None:
        self.states: dict[str, RunStatus] = {}
        self.followed: set[str] = set()
        self.answers, self.launched, self.all_followed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.answers.set()

    async def launch(self, *_: Any) -> str:
        run_id = f"run-{len(self.states)}"
        self.states[run_id] = RunStatus.STARTED
        if len(self.states) == len(TRIED):
            self.launched.set()
        await self.answers.wait()
        return run_id

    async def run_status(self, run_id: str) -> RunStatus:
        self.followed.add(run_id)
        if len(self.followed) == len(TRIED):
            self.all_followed.set()
        return self.states[run_id]

    async def run(self, run_id: str) -> Run:
        return Run(run_id, JOB, self.states[run_id], owner="verify-governance", steps=(Step(INGEST, "FAILURE"),))

    async def terminate(self, run_id: str) -> None:
        if self.states[run_id].finished:
            raise RunFailed("It is over.")
        self.states[run_id] = RunStatus.CANCELED

    async def runs(self, *_: Any, run_ids: Sequence[str], **__: Any) -> list[Run]:
        return [await self.run(one) for one in run_ids]

    async def all_events(self, run_id: str) -> tuple[RunEvent, ...]:
        return (RunEvent("STEP_FAILURE", INGEST, 1.0, "ERROR", "interrupted"),)

    async def aclose(self) -> None:
        return


@pytest.fixture
def governed(tmp_path: Path) -> GovernedLab:
    return GovernedLab(tmp_path)


async def interrupted(governed: GovernedLab, dagster: Dagster, when: asyncio.Event) -> None:
    """A verification that is interrupted as soon as `when` is set."""
    nowhere = (NOWHERE, NOWHERE, NOWHERE)
    clients = Examined(governed.config, dagster, governed.registry.client(), *nowhere, governed.store)  # type: ignore[arg-type]
    going_on = asyncio.create_task(Verifier(governed.config, clients).run("real runs"))
    await asyncio.wait_for(when.wait(), DEADLINE_S)
    going_on.cancel()
    dagster.answers.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(going_on, DEADLINE_S)


async def test_an_interruption_ends_every_run_and_records_what_it_broke_off(governed: GovernedLab) -> None:
    dagster = Dagster()
    await interrupted(governed, dagster, dagster.all_followed)
    assert list(dagster.states.values()) == [RunStatus.CANCELED] * len(TRIED)
    assert {(one.run_id, one.action, one.status) for one in governed.store.entries} == {
        (run_id, INGEST, Status.FAILURE) for run_id in dagster.states
    }


async def test_a_launch_that_is_not_answered_yet_is_ended_as_well(governed: GovernedLab) -> None:
    dagster = Dagster()
    dagster.answers.clear()
    await interrupted(governed, dagster, dagster.launched)
    assert list(dagster.states.values()) == [RunStatus.CANCELED] * len(TRIED)
    assert len(governed.store.entries) == len(TRIED)
