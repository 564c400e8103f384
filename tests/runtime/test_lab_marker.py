"""A lab keeps the runtime and the object store that it was started with."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime import lab_marker
from lab.runtime.lab_marker import (
    COMPOSE,
    MINIO,
    NATIVE,
    SEAWEEDFS,
    lab_id,
    recorded_runtime,
    recorded_store,
    refuse_other_ports,
    refuse_other_runtime,
    refuse_other_store,
    runtime_name,
    write_mark,
)
from lab.wiring import load_config

Make = Callable[..., LabConfig]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    given = {"LAB_ENV_FILE": str(tmp_path / "env"), "LAB_HOME": str(tmp_path / "home")}
    return lambda **environ: load_config({**given, **environ})


def test_a_folder_without_a_lab_has_no_runtime_and_no_store(make: Make) -> None:
    config = make()
    assert (recorded_runtime(config.home), recorded_store(config.home)) == ("", "")
    refuse_other_runtime(make(RUNTIME="compose"))
    refuse_other_store(config, MINIO)


@pytest.mark.parametrize(("has", "asked"), [(NATIVE, COMPOSE), (COMPOSE, NATIVE)])
def test_another_runtime_is_refused_with_the_way_to_move(make: Make, has: str, asked: str) -> None:
    write_mark(make(), has, SEAWEEDFS)

    with pytest.raises(LabError, match=f"runs with RUNTIME={has}") as caught:
        refuse_other_runtime(make(RUNTIME=asked))
    for step in ("invoke backup", "invoke nuke", f"RUNTIME={asked}", "invoke restore"):
        assert step in caught.value.remedy
    refuse_other_runtime(make(RUNTIME=has))
    refuse_other_runtime(make(RUNTIME="auto"))


@pytest.mark.parametrize("has", [NATIVE, COMPOSE])
@pytest.mark.parametrize("asked", ["auto", "native", "compose"])
def test_commands_find_the_lab_where_it_is_whatever_the_settings_say(make: Make, has: str, asked: str) -> None:
    write_mark(make(), has, SEAWEEDFS)
    assert runtime_name(make(RUNTIME=asked)) == has


@pytest.mark.parametrize("asked", [NATIVE, COMPOSE])
def test_a_new_lab_gets_the_runtime_that_is_asked_for_without_a_look_at_engines(
    make: Make, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_marker, "answers", lambda: pytest.fail("asked for an engine"))
    assert runtime_name(make(RUNTIME=asked)) == asked


@pytest.mark.parametrize(("engine", "compose", "expected"), [
    (True, True, COMPOSE), (True, False, NATIVE), (False, True, NATIVE),
])  # fmt: skip
def test_auto_takes_containers_where_an_engine_and_compose_are(
    make: Make, monkeypatch: pytest.MonkeyPatch, engine: bool, compose: bool, expected: str
) -> None:
    def command() -> tuple[str, ...]:
        if not compose:
            raise LabError("missing")
        return ("docker", "compose")

    monkeypatch.setattr(lab_marker, "answers", lambda: engine)
    monkeypatch.setattr(lab_marker, "compose_command", command)
    assert runtime_name(make(RUNTIME="auto")) == expected


def test_a_lab_from_before_there_was_a_choice_is_native(make: Make) -> None:
    config = make()
    config.home.mkdir()
    (config.home / "lab.json").write_text(json.dumps({"name": config.name, "port_offset": 0}))
    assert recorded_runtime(config.home) == NATIVE


def test_a_record_that_cannot_be_read_is_none(make: Make) -> None:
    config = make()
    config.home.mkdir()
    (config.home / "lab.json").write_text("[]")
    assert recorded_runtime(config.home) == ""


def test_a_lab_gets_an_id_once_and_keeps_it(make: Make, tmp_path: Path) -> None:
    config, other = make(), make(LAB_HOME=str(tmp_path / "other"))
    assert lab_id(config.home) == ""
    write_mark(config, NATIVE, SEAWEEDFS)
    first = lab_id(config.home)
    write_mark(make(PORT_OFFSET="70"), COMPOSE, MINIO)
    write_mark(other, NATIVE, SEAWEEDFS)

    assert re.fullmatch("[0-9a-f]{32}", first)
    assert lab_id(config.home) == first != lab_id(other.home)


def test_a_lab_from_before_labs_had_ids_gets_one_or_the_one_that_its_things_have(make: Make) -> None:
    config = make()
    for known in ("", "f" * 32):
        config.home.mkdir(exist_ok=True)
        (config.home / "lab.json").write_text(json.dumps({"name": config.name, "port_offset": 0, "runtime": COMPOSE}))
        write_mark(config, COMPOSE, SEAWEEDFS, known)
        assert lab_id(config.home) == known or not known
        assert lab_id(config.home)


def test_a_running_lab_is_not_looked_for_on_other_ports(make: Make) -> None:
    write_mark(make(PORT_OFFSET="70"), COMPOSE, SEAWEEDFS)

    with pytest.raises(LabError, match="runs with PORT_OFFSET=70, the settings say 80"):
        refuse_other_ports(make(PORT_OFFSET="80"), lambda: True)
    refuse_other_ports(make(PORT_OFFSET="80"), lambda: False)
    refuse_other_ports(make(PORT_OFFSET="70"), lambda: True)


def test_another_store_is_refused_because_the_data_lies_in_the_first(make: Make) -> None:
    config = make()
    write_mark(config, COMPOSE, MINIO)

    with pytest.raises(LabError, match="lies in minio; seaweedfs was asked for"):
        refuse_other_store(config, SEAWEEDFS)
    refuse_other_store(config, MINIO)
