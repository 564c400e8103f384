"""Why a container would be made anew, told before it is: names only, and nothing where nothing is known."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.catalogue import Service
from lab.runtime.compose import compose_changes
from lab.runtime.compose.compose_files import Stack, write_all
from lab.runtime.compose.containers import Container
from lab.runtime.images.image_names import OURS, tag
from lab.runtime.lab_marker import SEAWEEDFS
from lab.wiring import first_config
from tests.support.ports import NEVER_STARTED

Stacks = Callable[..., Stack]
PLAIN = Container("i", "", "running", "", 0, 0, None, None, 0.0, None, None, "", False, ())
UP: Mapping[str, Container] = {name: replace(PLAIN, service=name) for name in Service}


@pytest.fixture
def stacks(tmp_path: Path) -> Stacks:
    def made(**environ: str) -> Stack:
        given = {"LAB_ENV_FILE": str(tmp_path / "env"), "LAB_HOME": str(tmp_path / "h"), "RUNTIME": "compose"}
        config, _ = first_config({**given, "PORT_OFFSET": str(NEVER_STARTED), **environ})
        return Stack(config, list(Service), SEAWEEDFS, {})

    write_all(made())
    compose_changes.write(made())
    return made


def differing(stack: Stack, image: str = "") -> Mapping[Service, object]:
    return compose_changes.changes(stack, UP, lambda _: image)


def test_nothing_differs_where_nothing_changed(stacks: Stacks) -> None:
    assert differing(stacks()) == {}


def test_a_setting_is_named_for_those_who_are_told_of_it(stacks: Stacks) -> None:
    found = differing(stacks(RUN_MEMORY_LIMIT_MB="4000"))
    assert found == {Service.DAGSTER_DAEMON: ["variable RUN_MEMORY_LIMIT_MB"]}


def test_a_secret_is_named_as_its_file_and_never_shown(stacks: Stacks) -> None:
    stack = stacks(GRAFANA_ADMIN_PASSWORD="another-one")
    assert differing(stack) == {Service.GRAFANA: ["file grafana-password"]}
    assert "another-one" not in (stack.folder / "made-from.json").read_text()


def test_a_published_port_is_a_variable(stacks: Stacks) -> None:
    found = differing(stacks(PORT_OFFSET=str(NEVER_STARTED + 1)))
    assert "variable MLFLOW_PORT" in str(found[Service.MLFLOW])


def test_another_image_of_the_same_name_is_told(stacks: Stacks) -> None:
    asked: list[str] = []

    def image_id(name: str) -> str:
        asked.append(name)
        return "new" if name == tag(OURS[0], stacks().config.name) else ""

    found = compose_changes.changes(stacks(), UP, image_id)
    assert found
    assert set(map(str, found.values())) == {"['image']"}
    assert not [name for name in asked if "$" in name]


def test_of_a_lab_whose_containers_were_made_before_nothing_is_said(stacks: Stacks) -> None:
    stack = stacks(RUN_MEMORY_LIMIT_MB="4000")
    (stack.folder / "made-from.json").unlink()
    assert differing(stack) == {}


def test_what_is_stopped_is_not_said_to_restart(stacks: Stacks) -> None:
    stopped = {name: replace(one, state="exited") for name, one in UP.items()}
    assert compose_changes.changes(stacks(RUN_MEMORY_LIMIT_MB="4000"), stopped, lambda _: "") == {}


def test_one_service_alone_leaves_the_others_as_they_were_written_down(stacks: Stacks) -> None:
    stack = stacks(RUN_MEMORY_LIMIT_MB="4000", DRIFT_MONITOR_INTERVAL_SECONDS="31")
    compose_changes.write(stack, [Service.DRIFT_MONITOR])
    assert set(differing(stack)) == {Service.DAGSTER_DAEMON}
