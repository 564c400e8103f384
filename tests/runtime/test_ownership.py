"""Whose the things of an engine are that carry a lab's name."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.base.errors import LabError
from lab.runtime.compose.containers import Containers
from lab.runtime.compose.engine_cleanup import LabInEngine
from lab.runtime.compose.ownership import ID_LABEL, LABELLING, home_of, labelling, ownership

MINE, OTHER = "a" * 32, "b" * 32


def home(folder: Path, lab_id: str = "", runtime: str = "compose") -> Path:
    """The home of a lab; without an id one from before labs had them."""
    folder.mkdir()
    known = {"id": lab_id} if lab_id else {}
    (folder / "lab.json").write_text(json.dumps({"name": "twin", "runtime": runtime, **known}))
    return folder


def labels(lab_id: str = "", made_from: Path | None = None) -> dict[str, str]:
    """Those of a container, or of a volume, which doesn't say from where it was made."""
    found = {"org.mlops-lab.lab": "twin"}
    found |= {ID_LABEL: lab_id} if lab_id else {}
    path = f"{made_from}/compose/compose.env"
    return found | ({"com.docker.compose.project.environment_file": path} if made_from else {})


def test_what_has_the_labs_id_is_its_own_and_what_has_another_is_not(tmp_path: Path) -> None:
    mine, other = home(tmp_path / "mine", MINE), home(tmp_path / "other", OTHER)
    containers = [labels(OTHER, other)]
    assert ownership(mine, containers).owns(labels(MINE))
    assert not ownership(mine, containers).owns(labels(OTHER))
    assert not ownership(mine, containers).owns(labels(OTHER, other))
    assert ownership(other, containers).owns(labels(OTHER, other))


def test_a_home_without_a_lab_owns_nothing(tmp_path: Path) -> None:
    other = home(tmp_path / "other")
    for containers in ([], [labels("", other)], [labels(OTHER, tmp_path / "gone")]):
        owner = ownership(tmp_path / "new", containers)
        assert not any(owner.owns(one) for one in (*containers, labels(), labels(OTHER)))


def test_a_lab_from_before_labs_had_ids_keeps_what_it_has(tmp_path: Path) -> None:
    old, second = home(tmp_path / "old"), home(tmp_path / "second", OTHER)
    containers = [labels("", old)]
    assert ownership(old, containers).owns(labels("", old))
    assert ownership(old, containers).owns(labels())
    assert not ownership(second, containers).owns(labels("", old))
    assert not ownership(second, containers).owns(labels())


def test_a_lab_whose_folder_was_moved_takes_its_things_along_and_a_copy_does_not(tmp_path: Path) -> None:
    first = home(tmp_path / "first", MINE)
    second = home(tmp_path / "second", MINE)
    containers = [labels(MINE, first)]
    for one in (labels(MINE, first), labels(MINE)):
        assert not ownership(second, containers).owns(one)
        assert ownership(first, containers).owns(one)
    (first / "lab.json").unlink()
    assert ownership(second, containers).owns(labels(MINE, first))
    assert ownership(second, containers).owns(labels(MINE))


def test_a_home_that_lost_its_record_finds_its_id_again(tmp_path: Path) -> None:
    here = tmp_path / "home"
    owner = ownership(here, [labels(MINE, here)])
    assert owner.owns(labels(MINE, here))
    assert owner.owns(labels(MINE))


def test_a_record_that_an_older_version_wrote_does_not_lose_the_volumes(tmp_path: Path) -> None:
    here = home(tmp_path / "home")
    file = here / LABELLING
    file.parent.mkdir()
    compose = tmp_path / "compose.yaml"
    compose.write_text("services: {a: {}}\nnetworks: {edge: {}}\nvolumes: {postgres: {}}\n")
    file.write_text(labelling([compose], MINE))
    assert ownership(here, [labels("", here)]).owns(labels(MINE))
    file.write_text("[]")
    assert not ownership(here, [labels("", here)]).owns(labels(MINE))


def test_only_a_container_says_where_it_was_made(tmp_path: Path) -> None:
    assert home_of(labels(MINE, tmp_path)) == tmp_path
    assert home_of(labels(MINE)) is None


class Thing:
    """A container, volume or network of the engine."""

    def __init__(self, kind: str, name: str, its: Mapping[str, str], engine: "Engine") -> None:
        self.kind, self.name, self._engine = kind, name, engine
        self.attrs = {"Config": {"Labels": dict(its)}} if kind == "containers" else {"Labels": dict(its)}

    def remove(self, **_: Any) -> None:
        self._engine.things.remove(self)


class Engine:
    """As much of the SDK's client as finding and removing takes."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self.images = type("Images", (), {"list": lambda _, **__: []})()

    def add(self, kind: str, name: str, its: Mapping[str, str]) -> None:
        self.things.append(Thing(kind, name, its, self))

    def __getattr__(self, kind: str) -> Any:
        return type("Collection", (), {"list": lambda _, filters, **__: self._list(kind, filters["label"])})()

    def _list(self, kind: str, wanted: Sequence[str]) -> list[Thing]:
        def fits(thing: Thing) -> bool:
            its = thing.attrs.get("Labels") or thing.attrs["Config"]["Labels"]
            return all(its.get(one.partition("=")[0]) == one.partition("=")[2] for one in wanted)

        return [thing for thing in self.things if thing.kind == kind and fits(thing)]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """With all that the lab at tmp_path/first has."""
    made, first = Engine(), home(tmp_path / "first", MINE)
    made.add("containers", "twin-postgres-1", labels(MINE, first))
    made.add("volumes", "twin_postgres", labels(MINE))
    made.add("networks", "twin_edge", labels(MINE))
    return made


def in_engine(engine: Engine, at: Path) -> LabInEngine:
    return LabInEngine(Containers("twin", connect=lambda _: engine), "twin", at)  # type: ignore[arg-type,return-value]


def test_a_second_home_of_the_name_is_refused_with_both_named_and_removes_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    second = in_engine(engine, tmp_path / "second")
    with pytest.raises(LabError) as caught:
        second.claim()
    assert f"the lab at {tmp_path / 'first'}" in caught.value.message
    assert f"not to {tmp_path / 'second'}" in caught.value.message
    assert "LAB_NAME" in caught.value.remedy
    assert second.names() == []
    second.remove(lambda _: None, images=True)
    assert len(engine.things) == 3


def test_the_first_home_has_its_own_and_removes_it_all(engine: Engine, tmp_path: Path) -> None:
    first = in_engine(engine, tmp_path / "first")
    assert (first.claim().lab_id, first.claim().unlabelled) == (MINE, False)
    assert first.names() == ["container twin-postgres-1", "volume twin_postgres", "network twin_edge"]
    first.remove(lambda _: None, images=True)
    assert engine.things == []


def test_volumes_decide_whether_a_lab_is_labelled(engine: Engine, tmp_path: Path) -> None:
    engine.add("containers", "beside", labels())
    engine.add("networks", "twin_old", labels())
    assert not in_engine(engine, tmp_path / "first").claim().unlabelled
    engine.add("volumes", "twin_old", labels())
    assert in_engine(engine, tmp_path / "first").claim().unlabelled


def test_volumes_whose_home_is_gone_are_not_taken_over_and_can_be_removed_by_hand(tmp_path: Path) -> None:
    engine = Engine()
    engine.add("volumes", "twin_postgres", labels(OTHER))
    with pytest.raises(LabError, match="a lab whose home nothing here names") as caught:
        in_engine(engine, tmp_path / "new").claim()
    assert "docker volume rm $(docker volume ls -q --filter label=org.mlops-lab.lab=twin)" in caught.value.remedy


def test_a_compose_project_that_is_no_lab_is_left_alone(tmp_path: Path) -> None:
    engine = Engine()
    engine.add("containers", "twin-web-1", {"com.docker.compose.project": "twin"})
    with pytest.raises(LabError, match="Compose project that is no lab, with the container twin-web-1"):
        in_engine(engine, tmp_path / "new").claim()
