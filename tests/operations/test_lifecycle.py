"""Logs, pages and exports as their user asks for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.base.dataset import DatasetRef
from lab.base.errors import LabError, PolicyDenied, UsageError
from lab.base.log_lines import newer
from lab.config import LabConfig
from lab.envfile import prepare
from lab.models.model_folder import Model
from lab.operations import lifecycle
from lab.operations.seed import Seeder, Unrecorded
from lab.runtime.runtime import Note
from lab.services.s3 import S3
from tests.support.contracts import write_model
from tests.support.played_lab import config


def ago(period: timedelta) -> str:
    return f"{datetime.now(UTC) - period:%Y-%m-%d %H:%M:%S} UTC"


class Logs:
    """A runtime of two services that has nothing but logs."""

    name = "logs"

    def __init__(self) -> None:
        self.nuked = False
        self.executed: tuple[Service, list[str], bool] | None = None
        old, new = ago(timedelta(hours=2)), ago(timedelta(minutes=1))
        self.lines = {Service.POSTGRES: [f"{old} a", f"{new} b", "  more of b"], Service.MLFLOW: [f"{old} c"]}

    def services(self) -> Sequence[Service]:
        return list(self.lines)

    def tail(self, service: Service, lines: int, since: datetime | None = None) -> Sequence[str]:
        found = self.lines[service][-lines:]
        return found if since is None else list(newer(found, since, datetime.now(UTC)))

    def provision(self, deadline_s: float) -> Sequence[str] | None:
        return None

    def doomed(self) -> Sequence[str]:
        return ["volume of-it"]

    def execute(self, service: Service, argv: Sequence[str], terminal: bool) -> int:
        self.executed = (service, list(argv), terminal)
        return 3

    def follow(
        self, services: Sequence[Service], ended: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Service, str]]:
        yield from ((service, "new") for service in services)

    def nuke(self, note: Note) -> None:
        self.nuked = True

    def prepare(self, note: Note) -> None:
        raise NotImplementedError

    def start(self, service: Service) -> None:
        raise NotImplementedError

    def stop(self, services: Sequence[Service], deadline_s: float) -> None:
        raise NotImplementedError

    def down(self, note: Note) -> bool:
        raise NotImplementedError

    def facts(self, measured: bool = False) -> Mapping[Service, ProcessFact]:
        absent = {Service.GRAFANA: ProcessFact("absent", reason="not on PATH", remedy="Install it.")}
        return {service: ProcessFact("running") for service in Service} | absent


def texts(lines: Iterator[tuple[Service, str]]) -> list[str]:
    return [f"{service}: {line.rpartition(' ')[2]}" for service, line in lines]


def test_all_services_show_their_last_lines() -> None:
    assert texts(lifecycle.log_lines(Logs(), "", "", 2)) == ["postgres: b", "postgres: b", "mlflow: c"]
    assert texts(lifecycle.log_lines(Logs(), "postgres", "", 99)) == ["postgres: a", "postgres: b", "postgres: b"]


def test_since_takes_everything_newer_whatever_the_number_of_lines() -> None:
    assert texts(lifecycle.log_lines(Logs(), "", "10m", 1)) == ["postgres: b", "postgres: b"]
    assert texts(lifecycle.log_lines(Logs(), "", "1d", 1)) == ["postgres: a", "postgres: b", "postgres: b", "mlflow: c"]


@pytest.mark.parametrize(
    ("name", "start", "lines", "reason"),
    [("mlflw", "", 5, "mlflow"), ("", "soon", 5, "10m"), ("", "", 0, "--lines"), ("", "", -3, "--lines")],
)
def test_what_cannot_be_understood_is_a_usage_error(name: str, start: str, lines: int, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        list(lifecycle.log_lines(Logs(), name, start, lines))
    assert caught.value.exit_code == 2


def test_following_one_service_or_all() -> None:
    assert list(lifecycle.follow_logs(Logs(), "mlflow")) == [(Service.MLFLOW, "new")]
    assert len(list(lifecycle.follow_logs(Logs(), ""))) == 2
    with pytest.raises(UsageError):
        lifecycle.follow_logs(Logs(), "nothing")


def test_a_page_is_an_address_and_what_has_none_lists_those_that_have(tmp_path: Path) -> None:
    lab = config(tmp_path)

    assert lifecycle.page(lab, Logs(), "dagster") == lab.url(Service.DAGSTER)
    assert lifecycle.page(lab, Logs(), "mlflow").endswith("/#/experiments?workflowType=machine_learning")
    with pytest.raises(UsageError, match=r"postgres has no page.*dagster"):
        lifecycle.page(lab, Logs(), "postgres")
    with pytest.raises(UsageError, match="is no service"):
        lifecycle.page(lab, Logs(), "")
    with pytest.raises(LabError, match="Grafana isn't running: not on PATH"):
        lifecycle.page(lab, Logs(), "grafana")


def test_nuke_removes_the_settings_last(tmp_path: Path) -> None:
    lab, runtime, said = config(tmp_path), Logs(), list[str]()
    prepare({"LAB_ENV_FILE": str(lab.env_file)})
    assert str(lab.env_file) in lifecycle.doomed(lab, runtime)

    lifecycle.nuke(lab, runtime, said.append)

    assert runtime.nuked
    assert not lab.env_file.exists()
    assert said == [f"removed {lab.env_file}"]


def test_nuke_keeps_settings_that_somebody_wrote_by_hand(tmp_path: Path) -> None:
    lab, runtime, said = config(tmp_path), Logs(), list[str]()
    lab.env_file.write_text("LAB_NAME=x\n")
    prepare({"LAB_ENV_FILE": str(lab.env_file)})
    assert str(lab.env_file) not in lifecycle.doomed(lab, runtime)

    lifecycle.nuke(lab, runtime, said.append)

    assert lab.env_file.read_text().startswith("LAB_NAME=x\n")
    assert said == [f"kept {lab.env_file}, which the lab didn't make"]


def test_a_failed_nuke_keeps_the_settings(tmp_path: Path) -> None:
    class Stuck(Logs):
        def nuke(self, note: Note) -> None:
            raise LabError("it doesn't go")

    lab = config(tmp_path)
    prepare({"LAB_ENV_FILE": str(lab.env_file)})

    with pytest.raises(LabError, match="doesn't go"):
        lifecycle.nuke(lab, Stuck(), lambda _: None)
    assert lab.env_file.exists()


def test_an_export_without_the_store_leaves_no_file_that_looks_like_one(tmp_path: Path) -> None:
    target = tmp_path / "audit.jsonl"
    with pytest.raises(LabError, match="object store"):
        lifecycle.export_audit(config(tmp_path), target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["absent/audit.jsonl", "home/audit.jsonl", "home/deep/../audit.jsonl"])
def test_an_export_that_could_not_be_kept_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "home" / "deep").mkdir(parents=True)
    lab = config(tmp_path, LAB_HOME=str(tmp_path / "home"))

    with pytest.raises(LabError, match="Can't write"):
        lifecycle.export_audit(lab, tmp_path / place)


def test_a_command_runs_where_its_service_runs_and_its_exit_code_is_handed_on() -> None:
    runtime = Logs()

    assert lifecycle.execute(runtime, "minio", ["sh", "-c", "exit 3"], False) == 3
    assert runtime.executed == (Service.OBJECT_STORE, ["sh", "-c", "exit 3"], False)
    with pytest.raises(UsageError, match="No command"):
        lifecycle.execute(runtime, "mlflow", [], False)


def test_what_would_go_includes_what_lies_in_an_engine(tmp_path: Path) -> None:
    lab = config(tmp_path, LAB_HOME=str(tmp_path / "home"))
    lab.home.mkdir()

    assert lifecycle.doomed(lab, Logs())[:2] == ["volume of-it", str(lab.home)]


def test_each_model_gets_its_baseline_and_one_without_data_keeps_no_other_from_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipelines = tmp_path / "pipelines"
    write_model(pipelines, "churn", "Churn")
    write_model(pipelines, "fraud", "Fraud", default="true")
    write_model(pipelines, "lost", "Lost")
    write_model(pipelines, "known", "Known")
    write_model(pipelines, "broken", text="columns: [")
    ref = DatasetRef("d" * 64, 7, "x")
    refused = {"Churn": PolicyDenied("Refused.", "Use a role."), "Lost": LabError("Can't read the data set.")}

    def record(self: Seeder) -> DatasetRef:
        if error := refused.get(self._model.contract.name):
            raise error
        return ref

    def unrecorded(_config: LabConfig, models: Sequence[Model], _s3: S3) -> Unrecorded:
        return Unrecorded(tuple(model for model in models if model.slug != "known"), ())

    monkeypatch.setattr(Seeder, "unrecorded", staticmethod(unrecorded))
    monkeypatch.setattr(Seeder, "record", record)
    said = list(lifecycle._baselines(replace(config(tmp_path), root=tmp_path), 60))
    assert said[0] == "Churn has no baseline yet: Refused. Use a role. Then type `invoke seed --model Churn`."
    assert said[1] == f"seeded 7 rows of Fraud, SHA-256 {'d' * 12}"
    assert said[2].startswith("Lost has no baseline yet: Can't read the data set.")
    assert said[3].startswith("broken is left out: ")

    refused["Fraud"] = LabError("Can't read the data set.")
    with pytest.raises(LabError, match="Can't read"):
        list(lifecycle._baselines(replace(config(tmp_path), root=tmp_path), 60))
