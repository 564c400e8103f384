"""One service, started or stopped while the rest of the lab goes on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.base.errors import LabError, StartupFailed, UsageError
from lab.base.progress import Progress
from lab.operations import one_service
from lab.operations.bring_up import start_one
from lab.runtime.lab_marker import NATIVE, SEAWEEDFS, write_mark
from tests.support.played_lab import config

STOPPED = ProcessFact("stopped", reason="stopped by ada at 12:00", deliberate=True)


class Life:
    """A lab that is up, but for what a test says; notes what is done to it."""

    name = "native"

    def __init__(self, **known: ProcessFact) -> None:
        self.known = dict.fromkeys(Service, ProcessFact("running"))
        self.known |= {Service(name.replace("_", "-")): fact for name, fact in known.items()}
        self.did: list[str] = []

    def facts(self, measured: bool = False) -> dict[Service, ProcessFact]:
        return dict(self.known)

    def prepare(self, note: object, only: Sequence[Service] = ()) -> None:
        self.did.append(f"prepare {','.join(only)}")

    def start(self, service: Service) -> None:
        self.did.append(f"start {service}")

    def halt(self, service: Service, by: str, note: object) -> None:
        self.did.append(f"halt {service} by {by}")

    def release(self) -> None:
        self.did.append("release")

    def tail(self, service: Service, lines: int) -> Sequence[str]:
        return ()


def quiet(_: Progress) -> None:
    """Nobody listens."""


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    """A lab that was started once; its Dagster has nobody who answers."""
    made = config(tmp_path)
    made.home.mkdir(parents=True, exist_ok=True)
    write_mark(made, NATIVE, SEAWEEDFS)
    return replace(made, endpoints=dict.fromkeys(Service, "http://127.0.0.1:9"))


def test_a_stop_touches_no_other_service_and_says_what_does_not_work_without_it(lab: Any) -> None:
    life = Life(dagster=ProcessFact("stopped"))
    done = one_service.stop(lab, life, "postgres", quiet)  # type: ignore[arg-type]  # see Life
    assert life.did == [f"halt postgres by {lab.actor.owner}"]
    assert (done.service, done.already) == ("postgres", False)
    # One that doesn't run loses nothing.
    assert done.hindered == ("mlflow", "dagster-code", "dagster-daemon")
    assert one_service.titles(done.hindered) == "MLflow, Dagster code location, Dagster daemon"


def test_what_is_stopped_already_is_left_alone(lab: Any) -> None:
    life = Life(mlflow=STOPPED)
    assert one_service.stop(lab, life, "mlflow", quiet).already  # type: ignore[arg-type]  # see Life
    assert life.did == []


def test_one_that_failed_by_itself_can_be_stopped(lab: Any) -> None:
    life = Life(mlflow=ProcessFact("failed", reason="fatal"))
    assert not one_service.stop(lab, life, "mlflow", quiet).already  # type: ignore[arg-type]  # see Life
    assert life.did == [f"halt mlflow by {lab.actor.owner}"]


def test_nothing_of_a_lab_that_is_down_or_absent_or_never_began_is_stopped(lab: Any, tmp_path: Path) -> None:
    down = Life(**{name.replace("-", "_"): ProcessFact("stopped") for name in Service})
    with pytest.raises(LabError, match="The lab is down"):
        one_service.stop(lab, down, "mlflow", quiet)  # type: ignore[arg-type]  # see Life
    with pytest.raises(LabError, match="Grafana isn't installed: not on PATH"):
        one_service.stop(lab, Life(grafana=ProcessFact("absent", reason="not on PATH")), "grafana", quiet)  # type: ignore[arg-type]  # see Life
    with pytest.raises(LabError, match="was never started"):
        one_service.stop(replace(lab, home=tmp_path / "none"), Life(), "mlflow", quiet)  # type: ignore[arg-type]  # see Life
    with pytest.raises(UsageError, match="mlflw"):
        one_service.stop(lab, Life(), "mlflw", quiet)  # type: ignore[arg-type]  # see Life


async def test_a_start_touches_no_other_service(lab: Any) -> None:
    life = Life(mlflow=STOPPED, grafana=STOPPED)
    with pytest.raises(StartupFailed, match="wasn't healthy in time"):  # nobody listens here
        await start_one(lab, life, Service.MLFLOW, {}, quiet, 0.0)  # type: ignore[arg-type]  # see Life
    assert life.did == ["prepare mlflow", "start mlflow", "release"]


async def test_a_start_names_what_must_be_started_first(lab: Any) -> None:
    life = Life(mlflow=STOPPED, postgres=STOPPED)
    with pytest.raises(LabError, match="MLflow needs postgres, which doesn't run") as caught:
        await start_one(lab, life, Service.MLFLOW, {}, quiet, 9.0)  # type: ignore[arg-type]  # see Life
    assert "`invoke start postgres` first" in caught.value.remedy
    assert life.did == []


async def test_one_that_runs_is_left_alone(lab: Any) -> None:
    life = Life()
    assert (await start_one(lab, life, Service.GRAFANA, {}, quiet, 9.0)).already  # type: ignore[arg-type]  # see Life
    assert life.did == []
