"""How a run's process began and ended is recorded, also when the database is away just then."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from lab.dagster_host.launcher import WORKER_TAG, PreforkRunLauncher
from lab.dagster_host.prefork_client import Watch


class NoServer:
    """Launches nothing."""

    def launch(self, run_id: str, argument: str, watch: Watch) -> None:
        raise NotImplementedError

    def interrupt(self, run_id: str) -> bool:
        return False

    def runs(self) -> frozenset[str]:
        return frozenset()


class Away(PreforkRunLauncher):
    """Its database is away for the first so many attempts."""

    def __init__(self, times: int) -> None:
        super().__init__(server=NoServer())
        self.times = times

    def _record(self, event: Mapping[str, Any]) -> None:
        if self.times:
            self.times -= 1
            raise ConnectionRefusedError
        super()._record(event)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def launcher(instance: dg.DagsterInstance, away: int = 0) -> PreforkRunLauncher:
    made = Away(away)
    made.register_instance(instance)
    return made


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
@pytest.mark.parametrize("code", [0, 1, -9])
def test_a_run_whose_process_ended_before_it_has_failed(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, code: int
) -> None:
    """Dagster's command ends with 0 when the database went away under it, and the run stays as it was."""
    run_id = create_run_for_test(instance, status=status).run_id
    launcher(instance).watch({"event": "ended", "run_id": run_id, "code": code})
    assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]


def test_a_run_that_has_ended_stays_as_it_ended(instance: dg.DagsterInstance) -> None:
    run_id = create_run_for_test(instance, status=dg.DagsterRunStatus.SUCCESS).run_id
    launcher(instance).watch({"event": "ended", "run_id": run_id, "code": 0})
    assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.SUCCESS  # type: ignore[union-attr]


def test_what_happens_while_the_database_is_away_is_recorded_when_it_is_back(instance: dg.DagsterInstance) -> None:
    run_id = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED).run_id
    paused: list[float] = []
    launcher(instance, away=3).watch({"event": "started", "run_id": run_id, "pid": 7}, lambda: 0.0, paused.append)
    assert instance.get_run_by_id(run_id).tags[WORKER_TAG] == "7"  # type: ignore[union-attr]
    launcher(instance, away=3).watch({"event": "ended", "run_id": run_id, "code": 1}, lambda: 0.0, paused.append)
    assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    assert len(paused) == 6


def test_a_database_that_stays_away_ends_the_attempts(instance: dg.DagsterInstance) -> None:
    now = 0.0

    def pause(seconds: float) -> None:
        nonlocal now
        now += 60 * seconds

    with pytest.raises(ConnectionRefusedError):
        launcher(instance, away=100).watch({"event": "ended", "run_id": "r", "code": 1}, lambda: now, pause)
