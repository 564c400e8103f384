"""What a start asks the store for grows with what a lab has to record, and not with the models that it knows."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from lab.base.errors import NotFound
from lab.config import LabConfig
from lab.models.model_folder import models_in
from lab.operations import lifecycle
from lab.operations.seed import Seeder
from lab.services.s3 import S3
from tests.support.contracts import write_model
from tests.support.played_lab import config

# Of each: whether its data set is there, three objects, and two entries, each of which first looks for a later one.
REQUESTS_OF_A_BASELINE = 8


class Store:
    """Objects in memory; `asked` counts the requests."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.asked = Counter[str]()

    def objects(self, bucket: str, prefix: str = "") -> Iterator[str]:
        self.asked["list"] += 1
        return iter(
            [key.removeprefix(f"{bucket}/") for key in sorted(self.held) if key.startswith(f"{bucket}/{prefix}")]
        )

    def keys_after(self, bucket: str, prefix: str, after: str, limit: int) -> list[str]:
        return [key for key in self.objects(bucket, prefix) if key > after][:limit]

    def exists(self, bucket: str, key: str) -> bool:
        self.asked["head"] += 1
        return f"{bucket}/{key}" in self.held

    def get(self, bucket: str, key: str) -> bytes:
        self.asked["get"] += 1
        if (found := self.held.get(f"{bucket}/{key}")) is None:
            raise NotFound(key)
        return found

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.asked["put"] += 1
        self.held[f"{bucket}/{key}"] = body

    def create(self, bucket: str, key: str, body: bytes) -> bool:
        self.asked["put"] += 1
        return self.held.setdefault(f"{bucket}/{key}", body) is body

    def upload(self, bucket: str, key: str, path: Path) -> None:
        self.put(bucket, key, path.read_bytes())


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(Seeder, "store", staticmethod(lambda _config: cast("S3", made)))
    return made


def lab_of(folder: Path, models: int) -> LabConfig:
    """A lab whose models, the default one among them, have one data set."""
    folder.mkdir(exist_ok=True)
    (folder / "data.csv").write_text("months,left\n" + "1,no\n2,yes\n" * 60)
    for place in range(models):
        more = {"default": "true"} if place == 0 else {}
        write_model(folder / "pipelines", f"copy_{place}", f"Copy{place}", data=str(folder / "data.csv"), **more)
    return replace(config(folder), root=folder)


def seeded(store: Store, lab: LabConfig) -> tuple[int, Counter[str]]:
    """How many baselines were recorded, and what was asked for that."""
    store.asked = Counter()
    return len(list(lifecycle._baselines(lab, 60))), store.asked


def test_a_start_that_has_nothing_to_record_asks_as_often_with_many_models_as_with_one(
    store: Store, tmp_path: Path
) -> None:
    asked = []
    for models in (1, 12):
        lab = lab_of(tmp_path, models)
        seeded(store, lab)
        asked.append(seeded(store, lab))
    assert asked == [(0, Counter(list=1, head=1))] * 2


def test_a_baseline_costs_few_requests_and_finds_the_trails_head_only_once(store: Store, tmp_path: Path) -> None:
    seeded(store, lab_of(tmp_path, 2))
    count, of_three = seeded(store, lab_of(tmp_path, 5))
    more, of_nine = seeded(store, lab_of(tmp_path, 14))
    assert (count, more) == (3, 9)
    assert of_nine.total() - of_three.total() <= 6 * REQUESTS_OF_A_BASELINE + 4


def test_a_baseline_that_is_gone_is_recorded_again_and_no_other_one(store: Store, tmp_path: Path) -> None:
    lab = lab_of(tmp_path, 3)
    seeded(store, lab)
    for gone in ("baseline.json", "models/copy_2/baseline.json"):
        del store.held[f"{lab.data_bucket}/{gone}"]
    models = models_in(lab.pipelines).sound
    assert [one.slug for one in Seeder.unrecorded(lab, models, cast("S3", store)).ready] == ["copy_0", "copy_2"]


def test_models_whose_first_run_brings_their_data_are_named_in_one_line_and_not_asked_for(
    store: Store, tmp_path: Path
) -> None:
    lab = lab_of(tmp_path, 1)
    seeded(store, lab)
    for place in range(7):
        write_model(lab.pipelines, f"loads_{place}", f"Loads{place}")
    store.asked = Counter()
    [said] = lifecycle._baselines(lab, 60)
    assert "7 models that load their data themselves (Loads0, Loads1, Loads2, Loads3, Loads4, …)" in said
    assert "invoke train Loads0" in said
    assert store.asked == Counter(list=1, head=1)
    # As a run of it does.
    store.held[f"{lab.data_bucket}/models/loads_3/current.json"] = b""
    found = Seeder.unrecorded(lab, models_in(lab.pipelines).sound, cast("S3", store))
    assert [one.slug for one in found.ready] == ["loads_3"]
