"""Two versions side by side: which is better by what, and what the figures don't prove."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from lab.base.catalogue import Service
from lab.base.errors import NotFound, UsageError
from lab.observe.comparison import compare, compared, place_of
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from tests.screen import snapshots

NEWER, OLDER = snapshots.MODELS[1], snapshots.MODELS[2]


def test_each_metric_has_its_direction_and_difference() -> None:
    a = replace(OLDER, metrics={"auc": 0.8, "log_loss": 0.5, "own": 3.0, "ks": 0.4})
    b = replace(NEWER, metrics={"auc": 0.75, "log_loss": 0.4, "own": 4.0, "gini": 0.5})
    found = {one.name: one for one in compared(a, b, {}, {}).metrics}
    assert (found["auc"].better, round(found["auc"].difference or 0, 6)) == ("a", -0.05)
    assert (found["log_loss"].better, found["log_loss"].more_is_better) == ("b", False)
    assert (found["own"].better, found["own"].difference, found["own"].more_is_better) == ("", 1.0, None)
    # What only one of them has is shown and not judged.
    assert (found["gini"].a, found["gini"].b, found["gini"].difference) == (None, 0.5, None)
    assert list(found)[-1] == "own"


def test_a_difference_within_the_interval_is_called_so() -> None:
    a = replace(OLDER, metrics={"auc": 0.8, "auc_low": 0.74, "auc_high": 0.86, "ks": 0.4, "up_low": 1.0})
    b = replace(NEWER, metrics={"auc": 0.75, "auc_low": 0.7, "auc_high": 0.8, "ks": 0.3, "up_low": 2.0})
    found = {one.name: one for one in compared(a, b, {}, {}).metrics}
    # The ends of an interval are no metrics; a metric that is only called so is one.
    assert set(found) == {"auc", "ks", "up_low"}
    assert found["auc"].within is True
    assert found["ks"].within is None


def test_no_number_is_not_compared() -> None:
    found = compared(replace(OLDER, metrics={"auc": float("nan")}), replace(NEWER, metrics={"auc": 0.7}), {}, {})
    assert (found.metrics[0].difference, found.metrics[0].better) == (None, "")


def test_parameters_and_data_that_differ_are_named_with_what_that_means() -> None:
    a = replace(OLDER, tags={**OLDER.tags, "data_hash": snapshots.CURRENT})
    found = compared(a, NEWER, {"C": "1.0", "seed": "1"}, {"C": "0.5", "depth": "3"})
    assert [(one.name, one.a, one.b) for one in found.parameters if not one.same] == [
        ("C", "1.0", "0.5"),
        ("depth", None, "3"),
        ("seed", "1", None),
    ]
    assert found.same_data is False
    assert ["different data" in caution for caution in found.cautions] == [True]
    assert compared(OLDER, replace(NEWER, tags={}), {}, {}).same_data is None


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("git:1 lock:2 code:3", "git:4 lock:2 code:5", ["folders of all models"]),
        ("git:1 lock:2 code:3", "git:4+dirty lock:2 code:3", ["the same sources"]),
        ("git:1 lock:2 code:3", "git:1 lock:4 code:3", ["the same sources"]),
        ("git:1 lock:2 code:3", "git:1 lock:2 code:3", []),
        ("git:1", "git:2", ["folders of all models"]),
        ("", "git:2", []),
    ],
)
def test_code_that_differs_is_told_with_what_it_covers(a: str, b: str, said: list[str]) -> None:
    one, two = (replace(NEWER, tags={**NEWER.tags, "code_version": code}) for code in (a, b))
    cautions = [caution for caution in compared(one, two, {}, {}).cautions if "sources" in caution]
    assert len(cautions) == len(said)
    assert all(text in caution for text, caution in zip(said, cautions, strict=True))


def test_versions_of_different_models_and_without_a_run_are_compared_with_a_caution() -> None:
    other = replace(NEWER, name="ChurnModel", metrics={})
    found = compared(OLDER, other, {"C": "1"}, None)
    assert any("different models" in caution for caution in found.cautions)
    assert any("run of ChurnModel v6 is gone" in caution for caution in found.cautions)
    assert all(one.b is None for one in found.metrics)


def registry(**runs: bool) -> Mlflow:
    """Versions 5 and 6; `runs` says whose run is still there."""

    def version(number: str) -> dict[str, Any]:
        return {"name": "CreditRiskModel", "version": number, "creation_timestamp": 1, "run_id": f"run{number}"}

    def serve(request: httpx.Request) -> httpx.Response:
        path = request.url.path.rpartition("/api/2.0/mlflow/")[2]
        if path == "registered-models/search":
            aliases = [{"alias": "champion", "version": "5"}]
            return httpx.Response(200, json={"registered_models": [{"name": "CreditRiskModel", "aliases": aliases}]})
        if path == "model-versions/get" and (number := request.url.params["version"]) in {"5", "6"}:
            return httpx.Response(200, json={"model_version": version(number)})
        if path == "runs/get" and runs.get(run := request.url.params["run_id"], True):
            data = {"params": [{"key": "C", "value": run}], "metrics": [{"key": "auc", "value": 0.7}]}
            return httpx.Response(200, json={"run": {"info": {"status": "FINISHED"}, "data": data}})
        return httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"{path} not found."})

    return Mlflow(Http.to(Service.MLFLOW, "http://127.0.0.1:1", 5.0, httpx.MockTransport(serve)))


async def test_a_version_whose_run_is_gone_is_compared_by_what_is_left() -> None:
    found = await compare(registry(run6=False), ("CreditRiskModel", "5"), ("CreditRiskModel", "6"))
    assert [one.run_known for one in (found.a, found.b)] == [True, False]
    assert [(one.name, one.a, one.b) for one in found.metrics] == [("auc", 0.7, None)]
    assert any("run of CreditRiskModel v6 is gone" in caution for caution in found.cautions)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("6", ("CreditRiskModel", "6")),
        ("v6", ("CreditRiskModel", "6")),
        ("champion", ("CreditRiskModel", "5")),
        ("@champion", ("CreditRiskModel", "5")),
        ("ChurnModel/2", ("ChurnModel", "2")),
    ],
)
async def test_a_version_is_named_by_number_alias_or_model(text: str, place: tuple[str, str]) -> None:
    assert await place_of(registry(), "CreditRiskModel", text) == place


async def test_what_names_no_version_is_said() -> None:
    with pytest.raises(NotFound, match="no version with the alias staging") as caught:
        await place_of(registry(), "CreditRiskModel", "staging")
    assert "champion" in caught.value.remedy
    for nothing in ("", "@", "CreditRiskModel/"):
        with pytest.raises(UsageError, match="names no version"):
            await place_of(registry(), "CreditRiskModel", nothing)
    with pytest.raises(NotFound):
        await compare(registry(), ("CreditRiskModel", "5"), ("CreditRiskModel", "7"))
