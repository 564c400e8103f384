"""A model with packages of its own, trained in a container that reaches no index, and taken to staging."""

import pytest

from lab.models.environment import LOCK_KEY, environment_of
from lab.models.environment_in_containers import FOLDER
from tests.support.lab import LiveLab

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1200)]

MODEL = "DiabetesProgression"


def test_a_model_with_its_own_packages_trains_in_a_container(stack: LiveLab) -> None:
    own = environment_of(stack.root / "pipelines" / "diabetes_progression")
    assert own is not None
    done = stack.json("train", MODEL)
    assert done["succeeded"], done
    ends = [entry for entry in stack.entries_of(done["run"]["run_id"]) if LOCK_KEY in entry.details]
    assert {entry.details[LOCK_KEY] for entry in ends} == {own.lock_hash}
    assert (stack.home / FOLDER / own.lock_hash / "pyvenv.cfg").is_file()
    found = next(one for one in stack.json("models")["models"] if one["name"] == MODEL)
    assert found["environment"] == "own, ready"
