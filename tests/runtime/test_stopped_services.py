"""Services that a person stopped are told from those that failed."""

from pathlib import Path

import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.runtime import stopped_services

DOWN = ProcessFact("stopped", reason="stopped: Nov 23 02:00 PM", remedy="Type `invoke up`.")


def test_who_stopped_a_service_is_known_until_it_is_started(tmp_path: Path) -> None:
    with stopped_services.kept(tmp_path, Service.MLFLOW, "ada@example.com"):
        pass
    with stopped_services.kept(tmp_path, Service.GRAFANA, "ada@example.com"):
        pass
    assert stopped_services.read(tmp_path)[Service.MLFLOW].by == "ada@example.com"
    stopped_services.forget(tmp_path, Service.MLFLOW)
    assert set(stopped_services.read(tmp_path)) == {Service.GRAFANA}
    stopped_services.forget(tmp_path, Service.GRAFANA)
    assert list(tmp_path.iterdir()) == []


def test_a_stop_that_fails_is_none(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), stopped_services.kept(tmp_path, Service.MLFLOW, "ada"):
        raise RuntimeError
    assert stopped_services.read(tmp_path) == {}


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '{"mlflow": 3}', '{"nothing": {"by": "a", "at": 1}}', '{"mlflow": {}}']
)
def test_a_file_that_can_not_be_read_says_nothing(tmp_path: Path, body: str) -> None:
    (tmp_path / "stopped.json").write_text(body)
    assert stopped_services.read(tmp_path) == {}


def test_only_what_does_not_run_is_explained_by_it() -> None:
    stop = stopped_services.Stop("ada@example.com", 1_795_000_000.0)
    told = stopped_services.explained(DOWN, Service.MLFLOW, stop)
    assert told.deliberate
    assert told.reason.startswith("stopped by ada@example.com at ")
    assert told.remedy == "Type `invoke start mlflow`."
    for fact in (ProcessFact("running"), ProcessFact("failed", reason="fatal: exited too quickly")):
        assert stopped_services.explained(fact, Service.MLFLOW, stop) == fact
    assert stopped_services.explained(DOWN, Service.MLFLOW, None) == DOWN


def test_who_took_the_lab_down_is_known_until_it_is_started(tmp_path: Path) -> None:
    assert stopped_services.taken_down(tmp_path) is None
    with stopped_services.kept_down(tmp_path, "ada@example.com"):
        down = stopped_services.taken_down(tmp_path)
    fact = stopped_services.explained(DOWN, Service.MLFLOW, None, down)
    assert fact.deliberate
    assert fact.reason.startswith("taken down by ada@example.com at ")
    assert fact.remedy == "Type `invoke up`."
    running = ProcessFact("running")
    assert stopped_services.explained(running, Service.MLFLOW, None, down) == running
    stopped_services.forget_down(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lab_that_goes_down_on_the_way_to_something_else_was_taken_down_by_nobody(tmp_path: Path) -> None:
    with stopped_services.kept_down(tmp_path, ""):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_down_that_fails_is_none(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), stopped_services.kept_down(tmp_path, "ada"):
        raise RuntimeError
    assert stopped_services.taken_down(tmp_path) is None


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"by": "ada", "at": "noon"}'])
def test_a_down_that_can_not_be_read_says_nothing(tmp_path: Path, body: str) -> None:
    (tmp_path / "down.json").write_text(body)
    assert stopped_services.taken_down(tmp_path) is None
