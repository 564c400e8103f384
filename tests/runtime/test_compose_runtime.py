"""What bringing containers up asks of the engine and of Compose, in which order; both are played."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.base.catalogue import Service
from lab.runtime.compose import compose_runtime
from lab.runtime.compose.compose_runtime import ComposeRuntime
from lab.runtime.compose.container_set import make_stack
from lab.runtime.compose.containers import CLOSED, Container, Containers
from lab.runtime.images.image_names import OURS, tag
from lab.runtime.lab_marker import COMPOSE, MINIO, SEAWEEDFS, write_mark
from tests.support.played_lab import config as lab_config

CONTAINER = Container("1", "object-store", "running", "", 0, 0, 1.0, None, 1.0, 1, 1.0, "", False, ())
ONCE = Container("2", "volumes", "exited", "", 0, 0, 1.0, 2.0, 1.0, None, 1.0, "", False, ())


class Engine(Containers):
    """An engine that has everything but what a test takes away."""

    def __init__(self, done: list[str], images: Sequence[str], networks: Sequence[dict[str, Any]]) -> None:
        super().__init__("here")
        self.done, self.made = done, False
        here = SimpleNamespace(tags=list(images), attrs={"RepoDigests": list(images)})
        stop = SimpleNamespace(stop=lambda container, timeout: done.append(f"stop {container}"))
        listed = [SimpleNamespace(attrs={"Labels": {}} | one, name=one["Name"]) for one in networks]
        nothing = SimpleNamespace(list=lambda **_: [])
        self._engine: Any = SimpleNamespace(
            api=stop,
            containers=nothing,
            volumes=nothing,
            images=SimpleNamespace(list=lambda: [here]),
            networks=SimpleNamespace(list=lambda filters: listed),
        )

    def client(self, timeout_s: float = 0.0) -> Any:
        return self._engine

    def list(self) -> dict[str, Container]:
        return {"volumes": ONCE, "object-store": CONTAINER} if self.made else {"volumes": ONCE}


def prepare(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    networks: Sequence[dict[str, Any]],
    running: bool = False,
    store: str = "auto",
) -> tuple[list[str], list[str]]:
    """What was done, and what was said."""
    done: list[str] = []
    said: list[str] = []
    config = lab_config(tmp_path, RUNTIME="compose", LAB_NAME="here", OBJECT_STORE=store)
    if networks:
        write_mark(config, COMPOSE, SEAWEEDFS)
    official = [one.name.partition(":")[0] + "@" + one.name.partition("@")[2] for one in make_stack(config).official]
    images = [*(tag(name, "here") for name in OURS), *(one.name for one in make_stack(config).official), *official]
    engine = Engine(done, images, networks)
    engine.made = running
    runtime = ComposeRuntime(config, engine)
    opened = [one for one in networks if one["Internal"] and CLOSED not in one["Options"]]
    # A run in progress is waited for before its container goes with its network.
    assert runtime.changes() == ({Service.OBJECT_STORE: ("network",)} if opened else {})

    def run(_: object, *arguments: str) -> None:
        done.append(" ".join(arguments[:2]))
        engine.made = True

    monkeypatch.setattr(compose_runtime.Compose, "run", run)
    try:
        runtime.prepare(said.append)
    finally:
        runtime.release()
    return done, said


def network(**options: str) -> dict[str, Any]:
    return {"Name": "here_database", "Internal": True, "Options": options}


def test_networks_that_could_reach_the_machine_go_with_their_containers_before_new_ones_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, said = prepare(tmp_path, monkeypatch, [network()], running=True)

    assert list(dict.fromkeys(done)) == ["stop 1", "down --remove-orphans", "up --no-start"]
    assert "here_database" in said[0]


@pytest.mark.parametrize(
    "one", [network(**{CLOSED: "true"}), {"Name": "here_edge", "Internal": False, "Options": {}}], ids=["tier", "edge"]
)
def test_networks_that_are_as_they_should_be_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: dict[str, Any]
) -> None:
    done, said = prepare(tmp_path, monkeypatch, [one], running=True)

    assert done == ["up --no-start"]
    assert said == []


def test_a_container_of_minio_is_not_made_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mark(lab_config(tmp_path, LAB_NAME="here"), COMPOSE, MINIO)
    _, said = prepare(tmp_path, monkeypatch, [])

    assert said[0] == "made containers: object-store"
    assert "MinIO" in said[1]
    assert "invoke backup" in said[1]


def test_a_container_that_a_person_stopped_is_told_from_one_that_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = lab_config(tmp_path, RUNTIME="compose", LAB_NAME="here")
    write_mark(config, COMPOSE, SEAWEEDFS)
    done: list[str] = []
    engine = Engine(done, [], [])
    ended = {"mlflow": replace(CONTAINER, id="3", service="mlflow", state="exited", exit_code=143)}
    monkeypatch.setattr(engine, "list", lambda: {"object-store": CONTAINER} | ended)
    monkeypatch.setattr(engine, "memory", lambda _: {})
    monkeypatch.setattr(compose_runtime, "absent", lambda _: {})
    monkeypatch.setattr(compose_runtime, "_FACTS_KEPT_S", -1.0)
    runtime = ComposeRuntime(config, engine)
    assert runtime.facts()[Service.MLFLOW].reason == "ended with exit code 143"

    runtime.halt(Service.MLFLOW, "ada@example.com", done.append)
    fact = runtime.facts()[Service.MLFLOW]
    assert fact.deliberate
    assert fact.reason.startswith("stopped by ada@example.com at ")

    engine._engine.api.start = lambda container: done.append(f"start {container}")
    runtime.start(Service.MLFLOW)
    assert done == ["start 3"]
    assert not runtime.facts()[Service.MLFLOW].deliberate

    monkeypatch.setattr(engine, "list", lambda: ended)
    runtime.down(done.append, "ada@example.com")
    assert runtime.facts()[Service.MLFLOW].reason.startswith("taken down by ada@example.com at ")
