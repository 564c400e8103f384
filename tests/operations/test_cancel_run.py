"""Stopping a run: the policy decides, who asked is on record before it is done, and the end is waited for."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from lab.base.errors import LabError, NotFound, PolicyDenied, RunFailed
from lab.base.progress import Progress
from lab.base.runs import JOB, Run, RunStatus
from lab.governance.ledger import Entry, Status
from lab.governance.rules.policy import Actor, Environment, Role
from lab.operations.cancel_run import RunCanceller
from lab.services.dagster import Dagster
from tests.support.governed_lab import MemoryStore
from tests.support.played_lab import config

RUN = Run(
    "a1b2c3d4-0000-4000-8000-000000000000", JOB, RunStatus.STARTED, owner="ada@example.com", model="CreditRiskModel"
)


class Played:
    """Dagster with these runs; one that is asked to stop is canceled at the next look, unless it is `stubborn`.

    With each look at a run it goes on to the next of `then`. As Dagster does, it stops what is queued or at work only.
    """

    def __init__(self, *runs: Run, stubborn: bool = False, then: Sequence[RunStatus] = ()) -> None:
        self._runs = {run.run_id: run for run in runs}
        self._stubborn, self._then = stubborn, list(then)
        self.terminated: list[str] = []
        self.closed = False

    async def run(self, run_id: str) -> Run:
        if run_id not in self._runs:
            raise NotFound(f"There is no run {run_id}.")
        found = self._runs[run_id]
        if self._then:
            self._runs[run_id] = replace(found, status=self._then.pop(0))
        return found

    async def runs(self, limit: int) -> tuple[Run, ...]:
        return tuple(self._runs.values())[:limit]

    async def terminate(self, run_id: str) -> None:
        if (status := self._runs[run_id].status) not in {RunStatus.QUEUED, RunStatus.STARTED}:
            raise RunFailed(f"Run {run_id} could not be terminated due to having status {status}.")
        self.terminated.append(run_id)
        status = RunStatus.CANCELING if self._stubborn else RunStatus.CANCELED
        self._runs[run_id] = replace(self._runs[run_id], status=status)

    async def aclose(self) -> None:
        self.closed = True


class Lab:
    """A canceller over played parts; notes what was reported."""

    def __init__(self, tmp_path: Path, dagster: Played, actor: Actor | None = None) -> None:
        made = config(tmp_path)
        self.config = replace(made, actor=actor) if actor else made
        self.dagster, self.store, self.told = dagster, MemoryStore(), list[Progress]()
        self.canceller = RunCanceller(self.config, self.told.append, cast("Dagster", dagster), self.store)

    @property
    def trail(self) -> list[Entry]:
        return self.store.entries


async def test_a_run_is_stopped_and_the_trail_says_who_asked(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Played(RUN))
    made = await lab.canceller.cancel(RUN.run_id)
    assert made.run.status is RunStatus.CANCELED
    assert lab.dagster.terminated == [RUN.run_id]
    assert lab.dagster.closed
    (entry,) = lab.trail
    assert (entry.action, entry.status, entry.owner) == ("cancel", Status.REQUESTED, lab.config.actor.owner)
    assert entry.details == {"run": RUN.run_id, "job": JOB, "of": "ada@example.com", "model": "CreditRiskModel"}


async def test_enough_of_the_id_s_beginning_will_do(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Played(RUN, replace(RUN, run_id="ffff0000")))
    assert (await lab.canceller.cancel("a1b2c3d4")).run.run_id == RUN.run_id


@pytest.mark.parametrize(
    ("given", "said"), [("a1b2", "2 runs begin with a1b2"), ("zzzz", "no run zzzz"), ("", "no run")]
)
async def test_a_run_that_is_none_or_several_is_not_stopped(tmp_path: Path, given: str, said: str) -> None:
    lab = Lab(tmp_path, Played(RUN, replace(RUN, run_id="a1b2ffff")))
    with pytest.raises(NotFound, match=said):
        await lab.canceller.cancel(given)
    assert lab.dagster.terminated == []
    assert lab.trail == []


async def test_who_may_not_run_may_not_stop_and_that_is_on_record(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Played(RUN), Actor("eve@example.com", Role.ANALYST, Environment.PROD))
    with pytest.raises(PolicyDenied, match=r"goes on: .* Audit entry 1 says so"):
        await lab.canceller.cancel(RUN.run_id)
    assert lab.dagster.terminated == []
    assert [(entry.action, entry.status, entry.owner) for entry in lab.trail] == [
        ("cancel", Status.BLOCKED, "eve@example.com")
    ]


async def test_a_run_that_has_ended_is_left_alone(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Played(replace(RUN, status=RunStatus.SUCCESS)))
    with pytest.raises(LabError, match="has ended already: success"):
        await lab.canceller.cancel(RUN.run_id)
    assert lab.trail == []


async def test_a_run_that_does_not_stop_in_time_is_said_so(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Played(RUN, stubborn=True))
    with pytest.raises(RunFailed, match="was asked to stop and is canceling"):
        await lab.canceller.cancel(RUN.run_id, deadline_s=0.0)


async def test_a_run_that_is_being_started_is_stopped_once_it_can_be(tmp_path: Path) -> None:
    starting = replace(RUN, status=RunStatus.STARTING)
    lab = Lab(tmp_path, Played(starting, then=[RunStatus.STARTING, RunStatus.STARTING, RunStatus.STARTED]))
    made = await lab.canceller.cancel(RUN.run_id)
    assert made.run.status is RunStatus.CANCELED
    assert lab.dagster.terminated == [RUN.run_id]
    # Once, however long it takes.
    assert lab.told == [Progress("run", "starting", f"{RUN.run_id} can be stopped once it has begun")]
    assert [entry.status for entry in lab.trail] == [Status.REQUESTED]


async def test_a_run_that_ends_while_its_start_is_waited_for_has_ended(tmp_path: Path) -> None:
    starting = replace(RUN, status=RunStatus.STARTING)
    lab = Lab(tmp_path, Played(starting, then=[RunStatus.STARTING, RunStatus.FAILURE]))
    with pytest.raises(LabError, match="has ended already: failure"):
        await lab.canceller.cancel(RUN.run_id)
    assert lab.trail == []


async def test_a_run_that_never_begins_is_said_so(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Played(replace(RUN, status=RunStatus.STARTING)))
    with pytest.raises(RunFailed, match="is still starting after 0 s, and can be stopped once it has begun"):
        await lab.canceller.cancel(RUN.run_id, deadline_s=0.0)
    assert lab.dagster.terminated == []
    assert lab.trail == []


async def test_a_run_that_somebody_stops_already_is_followed_to_its_end(tmp_path: Path) -> None:
    going = replace(RUN, status=RunStatus.CANCELING)
    lab = Lab(tmp_path, Played(going, then=[RunStatus.CANCELING, RunStatus.CANCELED]))
    made = await lab.canceller.cancel(RUN.run_id)
    assert made.run.status is RunStatus.CANCELED
    assert lab.dagster.terminated == []
    assert [entry.status for entry in lab.trail] == [Status.REQUESTED]
