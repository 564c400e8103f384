"""What is made of an engine's answers; those in data/containers.json are a running lab's."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError
from requests.exceptions import ReadTimeout

from lab.base.errors import ServiceUnavailable
from lab.runtime.compose.container_facts import process_fact
from lab.runtime.compose.containers import Container, Containers, _used, moment

ROWS = json.loads((Path(__file__).parent / "data" / "containers.json").read_text())
MADE = "2026-11-23T18:00:00.123456789Z"


class Api:
    """The engine's answers about a lab of a few containers; counts what it was asked."""

    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self.rows = json.loads(json.dumps(rows or ROWS))
        self.inspected: list[str] = []
        self.asked_for: Any = None
        self.failure: Exception | None = None

    def containers(self, all: bool, filters: Any) -> list[dict[str, Any]]:  # noqa: A002 - the SDK's
        if self.failure:
            raise self.failure
        self.asked_for = filters
        return [
            {"Id": row["Id"], "State": row["State"]["Status"], "Status": self.status(row), "ImageID": row["Image"]}
            for row in self.rows
        ]

    def status(self, row: Mapping[str, Any]) -> str:
        return f"Up {row['RestartCount']} (healthy)" if row["State"]["Status"] == "running" else "Exited"

    def inspect_container(self, container: str) -> dict[str, Any]:
        self.inspected.append(container)
        found: dict[str, Any] = next(row for row in self.rows if row["Id"] == container)
        return found

    def inspect_image(self, _: str) -> dict[str, Any]:
        return {"Created": MADE}

    def stats(self, container: str, stream: bool, one_shot: bool) -> dict[str, Any]:
        return {"memory_stats": {"usage": 300, "stats": {"total_inactive_file": 100}}}


class Client:
    def __init__(self, api: Api) -> None:
        self.api = api


def look(api: Api) -> Containers:
    return Containers("compose-dev", connect=lambda _: Client(api))  # type: ignore[arg-type,return-value]


def row(service: str) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in ROWS if r["Config"]["Labels"]["org.mlops-lab.service"] == service)
    return found


def changed(service: str, **state: Any) -> Container:
    raw = json.loads(json.dumps(row(service)))
    raw["RestartCount"] = state.pop("restarts", 0)
    raw["State"] |= state
    return next(iter(look(Api([raw])).list().values()))


def test_a_labs_containers_are_found_by_its_label_and_named_by_their_service() -> None:
    api = Api()
    found = look(api).list()

    assert set(found) == {"mlflow", "provision", "dagster-code", "postgres"}
    assert api.asked_for == {"label": ["org.mlops-lab.lab=compose-dev"]}


def test_a_container_tells_its_state_health_ports_and_times() -> None:
    found = look(Api()).list()["postgres"]

    assert (found.state, found.health, found.running) == ("running", "healthy", True)
    assert found.ports == (("127.0.0.1", 14932),)
    assert found.started_at
    assert found.pid
    assert found.image_created_at == moment(MADE)
    assert look(Api()).list()["provision"].exit_code == 0


def test_what_did_not_change_is_not_asked_for_again() -> None:
    api = Api()
    containers = look(api)
    containers.list()
    api.inspected.clear()
    containers.list()

    # One that has ended is small to look at, and could be gone for another reason now.
    assert set(api.inspected) <= {one["Id"] for one in ROWS if one["State"]["Status"] != "running"}


def test_a_restart_is_noticed() -> None:
    api = Api()
    containers = look(api)
    containers.list()
    postgres = next(one for one in api.rows if one["Config"]["Labels"]["org.mlops-lab.service"] == "postgres")
    postgres["RestartCount"] = 1

    assert containers.list()["postgres"].restarts == 1


@pytest.mark.parametrize("failure", [ReadTimeout("read timed out"), APIError("no such container")])
def test_an_engine_that_fails_is_an_error_with_a_remedy(failure: Exception) -> None:
    api = Api()
    api.failure = failure
    with pytest.raises(ServiceUnavailable, match="The Docker engine failed at listing containers") as caught:
        look(api).list()
    assert "docker info" in caught.value.remedy


@pytest.mark.parametrize(("stats", "used"), [
    ({"memory_stats": {"usage": 300, "stats": {"total_inactive_file": 100}}}, 200),
    ({"memory_stats": {"usage": 300, "stats": {"inactive_file": 50}}}, 250),
    ({"memory_stats": {}}, 0),
    ({}, 0),
])  # fmt: skip
def test_memory_is_counted_as_docker_stats_does(stats: dict[str, Any], used: int) -> None:
    assert _used(stats) == used


def end_of_reading() -> None:
    for thread in threading.enumerate():
        if thread.name == "container-memory":
            thread.join(10)


def test_memory_is_read_seldom_and_only_the_first_look_waits_for_it() -> None:
    api, now = Api(), [0.0]
    containers = Containers("x", connect=lambda _: Client(api), clock=lambda: now[0])  # type: ignore[arg-type,return-value]
    running = [one for one in containers.list().values() if one.running]
    answer = threading.Event()
    answer.set()
    asked: list[str] = []
    read = api.stats

    def stats(container: str, stream: bool, one_shot: bool) -> dict[str, Any]:
        asked.append(container)
        assert answer.wait(10)
        return read(container, stream, one_shot)

    api.stats = stats  # type: ignore[method-assign]
    assert set(containers.memory(running).values()) == {200}
    assert len(asked) == len(running)

    now[0] = 9.0
    containers.memory(running)
    end_of_reading()
    assert len(asked) == len(running)

    for now[0], readings in [(11.0, 2), (22.0, 3)]:
        answer.clear()
        assert set(containers.memory(running).values()) == {200}
        answer.set()
        end_of_reading()
        assert len(asked) == readings * len(running)


def test_processor_time_is_that_between_two_readings() -> None:
    api, now, spent = Api(), [0.0], [7e9]
    containers = Containers("x", connect=lambda _: Client(api), clock=lambda: now[0])  # type: ignore[arg-type,return-value]
    running = [one for one in containers.list().values() if one.running]
    api.stats = lambda *_, **__: {"cpu_stats": {"cpu_usage": {"total_usage": spent[0]}}, "memory_stats": {"usage": 1}}  # type: ignore[method-assign]
    containers.memory(running)
    assert containers.cores() == {}

    now[0], spent[0] = 20.0, 10e9
    containers.memory(running)
    end_of_reading()
    assert set(containers.cores().values()) == {0.15}
    # One that was started anew counts from nothing.
    now[0], spent[0] = 40.0, 1e9
    containers.memory(running)
    end_of_reading()
    assert set(containers.cores().values()) == {0.0}
    assert containers.measured_at
    fact = process_fact(running[0], {}, True, {running[0].id: 0.15}, 5.0)
    assert (fact.cpu, fact.measured_at) == (0.15, 5.0)


@pytest.mark.parametrize(("text", "seconds"), [
    ("2026-11-23T18:00:00Z", 1795456800.0),
    ("2026-11-23T18:00:00.123456789Z", 1795456800.0),
    ("2026-11-23T19:00:00.5+01:00", 1795456800.0),
    ("0001-01-01T00:00:00Z", None),
    ("", None),
    ("yesterday", None),
])  # fmt: skip
def test_the_engines_times_are_understood(text: str, seconds: float | None) -> None:
    assert moment(text) == seconds


def test_a_running_container_is_a_running_service() -> None:
    found = changed("postgres", Status="running")
    fact = process_fact(found, {found.id: 5}, alone=True)

    assert (fact.state, fact.health, fact.memory_bytes, fact.restarts) == ("running", "healthy", 5, 0)
    assert fact.reason == ""
    assert fact.image_age_s


def test_one_that_ends_again_and_again_is_given_up() -> None:
    fact = process_fact(changed("mlflow", Status="restarting", ExitCode=1, restarts=9), {}, alone=True)
    assert (fact.state, fact.reason) == ("failed", "fatal: ended with exit code 1, 9 times in a row")


def test_one_that_ended_once_may_come_back() -> None:
    fact = process_fact(changed("mlflow", Status="restarting", ExitCode=1, restarts=1), {}, alone=True)
    assert fact.state == "failed"
    assert not fact.reason.startswith("fatal")


def test_one_that_took_too_much_memory_says_so() -> None:
    fact = process_fact(changed("mlflow", Status="exited", ExitCode=137, OOMKilled=True), {}, alone=False)
    assert "for want of memory" in fact.reason


@pytest.mark.parametrize(("alone", "reason"), [(True, "ended with exit code 137"), (False, "the lab is down")])
def test_one_that_was_stopped_alone_is_told_from_a_lab_that_is_down(alone: bool, reason: str) -> None:
    fact = process_fact(changed("mlflow", Status="exited", ExitCode=137), {}, alone)
    assert (fact.state, fact.reason, fact.health) == ("stopped", reason, "")


def test_a_container_that_was_never_started_is_a_lab_that_is_down() -> None:
    assert process_fact(None, {}, alone=False).reason == "the lab is down"
    assert process_fact(changed("mlflow", Status="created"), {}, alone=False).state == "stopped"
