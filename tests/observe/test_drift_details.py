"""One drift in full: the histograms of current and baseline data."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.dataset import DatasetRef, read_rows
from lab.base.drift import compare
from lab.base.errors import DatasetInvalid
from lab.config import LabConfig
from lab.models.listing import listed_models
from lab.observe.details import drift_source
from lab.observe.details.drift_source import DriftSource, count
from tests.support.contracts import profile_of, write_model
from tests.support.played_lab import config

DATA = Path(__file__).parents[2] / "data" / "sample_data.csv"


def lines() -> Iterator[str]:
    with DATA.open(encoding="utf-8-sig", newline="") as file:
        yield from file


def test_histograms_agree_with_the_drift_report() -> None:
    baseline = profile_of(read_rows(lines()), "b")
    shifted = [line for line in lines() if "female" not in line]
    report = compare(baseline, read_rows(shifted), "c", 0.0)
    found = count(baseline, shifted, DatasetRef("c", 0, "x"), DatasetRef("b", 0, "y"))
    assert [(one.feature.name, round(one.psi, 9)) for one in found.histograms] == [
        (one.name, round(one.psi, 9)) for one in report.features
    ]
    assert found.rows == report.rows
    assert found.whole
    assert all(sum(one.current) == found.rows for one in found.histograms)
    assert found.histograms[0].psi > 0.1


async def test_two_models_on_the_same_data_have_a_comparison_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path, "one", "One", default="true")
    write_model(tmp_path, "two", "Two")
    whole = profile_of(read_rows(lines()), "b")
    stored = {DatasetRef("c", 1000, "x").key: DATA.read_bytes()}
    for model, profile in zip(
        listed_models(tmp_path), (whole, replace(whole, features=whole.features[:1])), strict=True
    ):
        stored[model.current_key] = DatasetRef("c", 1000, "x").to_json()
        stored[model.baseline_key] = DatasetRef("b", 1000, "y").to_json()
        stored[model.profile_key("b")] = profile.to_json()

    class Store:
        def __init__(self, _: LabConfig) -> None:
            self.reader = self

        async def get(self, bucket: str, key: str) -> bytes:
            return stored[key]

    monkeypatch.setattr(drift_source, "StoreSource", Store)
    monkeypatch.setattr(LabConfig, "pipelines", tmp_path)
    source = DriftSource(config(tmp_path))
    found = [len((await source.drift(name)).histograms) for name in ("One", "Two", "One")]
    assert found == [len(whole.features), 1, len(whole.features)]


def test_counting_stops_when_its_time_is_up_and_says_so() -> None:
    found = count(profile_of(read_rows(lines()), "b"), lines(), DatasetRef("c", 0, "x"), DatasetRef("b", 0, "y"), 0.0)
    assert not found.whole
    assert 0 < found.rows < 1000


def test_data_that_are_no_csv_are_explained() -> None:
    with pytest.raises(DatasetInvalid):
        count(profile_of(read_rows(lines()), "b"), ["a,b\n", "1,2\n"], DatasetRef("c", 0, "x"), DatasetRef("b", 0, "y"))
