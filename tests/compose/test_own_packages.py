"""A model with packages of its own, trained in a container that reaches no index, and taken to champion."""

import pytest

from lab.models.environment import LOCK_KEY, environment_of
from lab.models.environment_in_containers import FOLDER
from tests.support.lab import LiveLab
from tests.support.people import ADMIN, OFFICER, People

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1200)]

MODEL = "DiabetesProgression"


def test_a_model_with_its_own_packages_trains_in_a_container_and_becomes_champion(stack: LiveLab) -> None:
    own = environment_of(stack.root / "pipelines" / "diabetes_progression")
    assert own is not None
    done = stack.json("train", MODEL)
    assert done["succeeded"], done
    ends = [entry for entry in stack.entries_of(done["run"]["run_id"]) if LOCK_KEY in entry.details]
    assert {entry.details[LOCK_KEY] for entry in ends} == {own.lock_hash}
    assert (stack.home / FOLDER / own.lock_hash / "pyvenv.cfg").is_file()
    people, version = People.of(stack), done["version"]["version"]
    for action, by in (("approve", OFFICER), ("promote", ADMIN)) * 2:
        told = ("--model", MODEL, "--version", version, "--reason", f"{action} it", "--key", str(people.keys[by]))
        outcome = stack.json(action, *told)
        assert outcome["succeeded"], [gate for gate in outcome["gates"] if not gate["passed"]]
    found = next(one for one in stack.json("models")["models"] if one["name"] == MODEL)
    assert (found["environment"], found["champion"]) == ("own, ready", version)
