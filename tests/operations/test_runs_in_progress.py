"""A run in progress isn't killed by an `up`; `down` and `restart` end it and say so."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.base.errors import LabError, ServiceUnavailable
from lab.base.progress import Progress
from lab.base.runs import Run, RunStatus
from lab.operations import runs_in_progress
from lab.services.dagster import Dagster
from lab.services.http import Http
from tests.support.played_lab import Services, config

GOING = Run("1a2b3c4d-0000", "ml_training_pipeline", RunStatus.STARTED)
DAEMON = {Service.DAGSTER_DAEMON: ("variable RUN_OWNER",)}


class Runs:
    """Answers with each of these in turn, and with the last one for ever."""

    def __init__(self, *answers: tuple[Run, ...] | ServiceUnavailable) -> None:
        self.answers, self.asked = list(answers), 0

    async def runs(self, limit: int = 25, *, statuses: Sequence[RunStatus] = ()) -> tuple[Run, ...]:
        self.asked += 1
        assert RunStatus.STARTED in statuses
        assert RunStatus.QUEUED not in statuses
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, ServiceUnavailable):
            raise found
        return found


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_in_progress, "_POLL_S", 0.0)


async def test_up_waits_until_the_run_has_ended_and_says_why(tmp_path: Path) -> None:
    told: list[Progress] = []
    runs = Runs((GOING,), (GOING,), ())
    await runs_in_progress.let_runs_end(config(tmp_path), DAEMON, told.append, runs=runs)

    assert runs.asked == 3
    assert len(told) == 1
    assert "run 1a2b3c4d (ml_training_pipeline)" in told[0].detail
    assert "dagster-daemon would restart: variable RUN_OWNER" in told[0].detail


async def test_at_the_deadline_nothing_is_restarted_and_the_way_on_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"run 1a2b3c4d .*and 1 more still in progress.*dagster-daemon") as caught:
        await runs_in_progress.let_runs_end(config(tmp_path), DAEMON, lambda _: None, 0.0, Runs((GOING, GOING)))
    assert "invoke restart" in caught.value.remedy


async def test_what_no_run_needs_restarts_at_once(tmp_path: Path) -> None:
    runs = Runs((GOING,))
    changes = {Service.PROMETHEUS: ("file prometheus.yml",), Service.GRAFANA: ("variable X",)}
    await runs_in_progress.let_runs_end(config(tmp_path), changes, lambda _: None, runs=runs)
    assert runs.asked == 0


async def test_a_lab_whose_dagster_is_broken_can_still_be_mended(tmp_path: Path) -> None:
    told: list[Progress] = []
    await runs_in_progress.let_runs_end(
        config(tmp_path), DAEMON, told.append, runs=Runs(ServiceUnavailable("it hangs."))
    )
    assert "can't tell whether a run is in progress: it hangs." in told[0].detail


class Up:
    """A runtime that is up."""

    def facts(self, measured: bool = False) -> dict[Service, ProcessFact]:
        return dict.fromkeys(Service, ProcessFact("running"))


@pytest.mark.parametrize(("stopped", "ends"), [(Service.MLFLOW, True), (Service.ALERTMANAGER, False)])
def test_an_explicit_end_says_which_run_it_ends(tmp_path: Path, stopped: Service, ends: bool) -> None:
    told: list[Progress] = []
    runs_in_progress.say_what_ends(config(tmp_path), Up(), [stopped], told.append, Runs((GOING,)))  # type: ignore[arg-type]  # facts is all it asks
    assert [one.detail for one in told] == (["this ends run 1a2b3c4d (ml_training_pipeline)"] if ends else [])


async def test_dagster_is_asked_for_runs_in_these_states(tmp_path: Path) -> None:
    lab = config(tmp_path)
    services = Services(lab)
    sent: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(200, json={"data": {"runsOrError": {"__typename": "Runs", "results": []}}})

    services.broken[Service.DAGSTER] = answer
    dagster = Dagster(Http.to(Service.DAGSTER, lab.url(Service.DAGSTER), transport=services.transport))
    await dagster.runs(3, statuses=runs_in_progress.GOING_ON)
    await dagster.aclose()
    assert b'"statuses":["STARTING","STARTED","CANCELING"]' in sent[0].replace(b" ", b"")
