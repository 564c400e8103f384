"""What counts as a successful run, and what is said when the lab isn't there."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from lab import wiring
from lab.base.errors import Interrupted, LabError, PolicyDenied, RunFailed, ServiceUnavailable, UsageError
from lab.base.model_id import ModelId
from lab.base.model_versions import ModelVersion
from lab.base.progress import Progress
from lab.base.runs import JOB, Run, RunStatus, Step
from lab.governance.ledger import Status
from lab.operations import demo_run
from lab.operations.demo_run import DemoRun, DemoRunner
from lab.services.s3 import S3, AuditStore
from tests.support.contracts import MODEL, write_model
from tests.support.governed_lab import MemoryStore
from tests.support.played_lab import config
from tests.support.ports import NEVER_STARTED

VERSION = ModelVersion("CreditRiskModel", "1", 0.0)


@pytest.mark.parametrize(
    ("status", "version", "faults", "succeeded"),
    [
        (RunStatus.SUCCESS, VERSION, (), True),
        (RunStatus.SUCCESS, None, (), False),
        (RunStatus.SUCCESS, VERSION, ("entry 3: modified",), False),
        (RunStatus.FAILURE, VERSION, (), False),
        (RunStatus.CANCELED, None, (), False),
    ],
)
def test_only_a_registered_and_rightly_audited_version_is_success(
    status: RunStatus, version: ModelVersion | None, faults: tuple[str, ...], succeeded: bool
) -> None:
    assert DemoRun(Run("r", "j", status), version, (), {}, faults).succeeded is succeeded


async def test_a_lab_that_is_down_is_said_to_be(tmp_path: Path) -> None:
    said: list[Progress] = []
    with pytest.raises(ServiceUnavailable, match="Dagster") as caught:
        await DemoRunner(config(tmp_path), said.append).run()

    assert "invoke" in caught.value.remedy
    assert said == []


@pytest.mark.parametrize("name", ["absent.csv", "."])
async def test_a_file_that_is_not_there_is_said_before_dagster_is_asked(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="There is no file"):
        await DemoRunner(config(tmp_path), lambda _: None).run(tmp_path / name)


async def test_who_may_not_run_is_not_let_through_when_the_trail_cannot_be_written(tmp_path: Path) -> None:
    forbidden = config(tmp_path, RUN_ROLE="analyst", ENVIRONMENT="prod")

    with pytest.raises(LabError, match="object store"):
        await DemoRunner(forbidden, lambda _: None).run()


@pytest.mark.parametrize(
    ("setting", "claimed", "kept"),
    [
        ("ENVIRONMENT", "production", "production"),
        ("RUN_ROLE", "intern", "intern"),
        ("RUN_OWNER", "ann\u202e", r"ann\u202e"),
        ("RUN_OWNER", "\udcff", r"\udcff"),
    ],
)
def test_a_claim_that_is_not_known_is_refused_and_on_record(
    tmp_path: Path, setting: str, claimed: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    monkeypatch.setattr(demo_run, "_store", lambda _: store)
    monkeypatch.setattr(wiring, "own_lab", lambda config: config)
    environ = {"LAB_ENV_FILE": str(tmp_path / ".env"), "LAB_HOME": str(tmp_path / "home"), setting: claimed}

    with pytest.raises(PolicyDenied, match=rf"{setting}: .* Audit entry 1 says so") as caught:
        wiring.config_to_run(environ)

    assert caught.value.exit_code == 1
    (entry,) = store.entries
    field = {"ENVIRONMENT": "environment", "RUN_ROLE": "role", "RUN_OWNER": "owner"}[setting]
    assert (entry.action, entry.status, getattr(entry, field)) == ("launch", Status.BLOCKED, kept)
    assert entry.details["trigger"] == "demo-run"
    assert setting in entry.details["reason"]


def test_a_claim_that_is_not_known_leaves_no_entry_in_the_trail_of_another_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    monkeypatch.setattr(demo_run, "_store", lambda _: store)
    environ = {"LAB_ENV_FILE": str(tmp_path / ".env"), "LAB_HOME": str(tmp_path / "home"), "ENVIRONMENT": "production"}
    with pytest.raises(LabError, match="isn't up"):
        wiring.config_to_run(environ)
    assert not store.entries


def test_a_claim_that_is_not_known_is_refused_also_when_the_trail_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "own_lab", lambda config: config)
    environ = {"LAB_ENV_FILE": str(tmp_path / ".env"), "LAB_HOME": str(tmp_path / "home"), "ENVIRONMENT": "production"}
    environ["PORT_OFFSET"] = str(NEVER_STARTED)
    with pytest.raises(LabError, match=r"'production' is no environment\. No audit entry says so: .*object store"):
        wiring.config_to_run(environ)
    assert not list(tmp_path.iterdir())


class Busy:
    """Dagster that doesn't answer now and then while a run goes on."""

    def __init__(self, *answers: Run | Exception) -> None:
        self._answers = list(answers)

    async def run(self, _: str) -> Run:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_webserver_that_is_busy_for_a_moment_does_not_end_the_watch(tmp_path: Path) -> None:
    step = Step("train_model", "SUCCESS", 1.0, 3.0)
    silent = ServiceUnavailable("Dagster didn't answer.")
    going, done = Run("r", JOB, RunStatus.STARTED), Run("r", JOB, RunStatus.SUCCESS, steps=(step,))
    said: list[Progress] = []
    runner = DemoRunner(config(tmp_path), said.append)
    runner._dagster = Busy(silent, going, silent, silent, done)  # type: ignore[assignment]
    assert await runner._follow("r", 60) is done
    assert said == [Progress("train_model", "success", seconds=2.0)]


async def test_a_webserver_that_stays_silent_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_run, "_PATIENCE_S", 0.0)
    runner = DemoRunner(config(tmp_path), lambda _: None)
    runner._dagster = Busy(*[ServiceUnavailable("Dagster didn't answer.")] * 2)  # type: ignore[assignment]
    with pytest.raises(ServiceUnavailable, match="Run r goes on") as caught:
        await runner._follow("r", 60)
    assert "/runs/r" in caught.value.remedy


async def test_how_a_run_ended_is_told_whatever_cannot_be_read_any_more(tmp_path: Path) -> None:
    """The lab of this test was never started: no store, no MLflow and no Dagster answers."""
    for status in (RunStatus.SUCCESS, RunStatus.FAILURE):
        runner = DemoRunner(config(tmp_path), lambda _: None)
        runner._store = AuditStore(S3.connect("http://127.0.0.1:9", "a", "b", 0.2), "audit", "p/")
        found = await runner._summarise(MODEL.id, Run("r", JOB, status), None)
        assert found.run.status is status
        assert not found.succeeded
        assert any("its audit entries" in what for what in found.unread)
        assert any("the reason in Dagster" in what for what in found.unread) is (status is RunStatus.FAILURE)
        assert "/runs/r" in found.links["run"]


async def test_of_a_run_that_was_stopped_no_error_is_given_as_the_reason(tmp_path: Path) -> None:
    runner = DemoRunner(config(tmp_path), lambda _: None)
    runner._store = AuditStore(S3.connect("http://127.0.0.1:9", "a", "b", 0.2), "audit", "p/")
    found = await runner._summarise(MODEL.id, Run("r", JOB, RunStatus.CANCELED), None)
    assert found.reason == "It was stopped from outside before its end."
    assert not any("the reason in Dagster" in what for what in found.unread)


async def test_an_interrupted_demo_run_says_that_its_run_goes_on(tmp_path: Path) -> None:
    followed = asyncio.Event()

    class Launched(Busy):
        async def launch(self, *_: object) -> str:
            return "r-1"

        async def run(self, run_id: str) -> Run:
            followed.set()
            return Run(run_id, JOB, RunStatus.STARTED)

    runner = DemoRunner(config(tmp_path), lambda _: None)
    runner._dagster = Launched()  # type: ignore[assignment]
    task = asyncio.create_task(runner._launch(MODEL.id, "demo-run", None, {}, 60))
    await followed.wait()
    task.cancel()
    with pytest.raises(Interrupted, match="run r-1 goes on") as caught:
        await task
    assert "/runs/r-1" in caught.value.remedy


class Asked(Busy):
    """Dagster that knows one run, and says which model was launched."""

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job, self.launched = job, list[tuple[ModelId, str | None]]()

    async def launched_on(self, _: str) -> tuple[str, str | None]:
        return self.job, "/data/x.csv"

    async def launch(self, _actor: object, model: ModelId, _trigger: str, path: str | None, _tags: object) -> str:
        self.launched.append((model, path))
        raise RunFailed("Enough is known.")

    async def aclose(self) -> None:
        return


async def launched(tmp_path: Path, job: str) -> list[tuple[ModelId, str | None]]:
    write_model(tmp_path / "pipelines", "fraud", "Fraud", default="true")
    write_model(tmp_path / "pipelines", "churn", "Churn")
    runner = DemoRunner(replace(config(tmp_path), root=tmp_path), lambda _: None)
    dagster = runner._dagster = Asked(job)  # type: ignore[assignment]
    with pytest.raises(RunFailed):
        await runner.again("r-1")
    return dagster.launched


async def test_a_run_that_is_launched_again_is_of_the_same_model(tmp_path: Path) -> None:
    assert await launched(tmp_path, JOB) == [(ModelId("Fraud", "fraud", True), "/data/x.csv")]
    assert await launched(tmp_path, "churn_training") == [(ModelId("Churn", "churn"), "/data/x.csv")]


@pytest.mark.parametrize(("job", "said"), [("my_own_job", "trains no"), ("gone_training", "no model gone")])
async def test_a_run_of_no_model_that_there_is_is_not_launched_again(tmp_path: Path, job: str, said: str) -> None:
    with pytest.raises(LabError, match=said) as caught:
        await launched(tmp_path, job)
    assert caught.value.remedy


async def test_a_model_that_is_not_there_is_said_before_dagster_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no model Nobody"):
        await DemoRunner(config(tmp_path), lambda _: None).run(model="Nobody")
