"""A lab with fifty models: what the observer asks stays as it is with one, and what it says names each."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.base.catalogue import Service
from lab.observe.model_infos import model_infos
from lab.observe.snapshot import ModelInfo
from lab.services.mlflow import _AGAIN, _MOST_ALIASED, Mlflow
from tests.services.answers import http
from tests.support.contracts import ROOT
from tests.support.observed_lab import ObservedLab

MODELS = 50
_STAMP = 1795444690.0


class Registry:
    """Fifty models with a version each that is champion and too old to be listed, and one with the newest ones."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.client = Mlflow(http(self.serve))
        self.champions = {f"model-{number}": "1" for number in range(MODELS)}

    def serve(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/2.0/mlflow/")
        self.asked[path] += 1
        params = request.url.params
        return httpx.Response(200, json=self._answer(path, params))

    def _answer(self, path: str, params: Any) -> dict[str, Any]:
        match path:
            case "model-versions/search":
                return {"model_versions": [_version("busy", str(number)) for number in range(25, 0, -1)]}
            case "registered-models/search":
                aliases = [(name, [{"alias": "champion", "version": v}]) for name, v in self.champions.items()]
                return {"registered_models": [{"name": name, "aliases": found} for name, found in aliases]}
            case "model-versions/get":
                return {"model_version": _version(params["name"], params["version"])}
        return {"run": {"info": {"status": "FINISHED"}, "data": {"metrics": [{"key": "auc", "value": 0.7}]}}}


def _version(name: str, number: str) -> dict[str, Any]:
    run = f"{name}{number}".encode().hex().ljust(32, "0")[:32]
    return {"name": name, "version": number, "creation_timestamp": 1_000, "run_id": run, "tags": []}


def _exposition() -> str:
    lines = ["synthetic_data_check_interval_seconds 30.0"]
    for number in range(MODELS):
        label = f'model="model-{number}"'
        lines += [
            f"synthetic_data_row_count{{{label}}} 1000.0",
            f"synthetic_data_last_check_timestamp{{{label}}} {_STAMP}",
            f"synthetic_data_check_success{{{label}}} 1.0",
            f'synthetic_data_feature_psi{{{label},feature="x"}} {0.5 if number == 7 else 0.01}',
        ]
    return "\n".join(lines) + "\n"


@pytest.fixture
async def observed(tmp_path: Path) -> AsyncIterator[ObservedLab]:
    made = ObservedLab(tmp_path)
    yield made
    await made.observer.aclose()


async def test_a_look_at_fifty_models_costs_one_search_and_a_bounded_number_of_versions() -> None:
    registry = Registry()
    first = await registry.client.versions()
    assert len(first) == 25 + _MOST_ALIASED
    assert registry.asked["model-versions/get"] == _MOST_ALIASED
    for _ in range(4):
        registry.asked.clear()
        assert await registry.client.versions() == first
        assert registry.asked == {
            "model-versions/search": 1,
            "registered-models/search": 1,
            "model-versions/get": _AGAIN,
        }


async def test_older_versions_are_asked_for_again_in_turns() -> None:
    registry = Registry()
    await registry.client.versions()
    named: list[str] = []
    serve = registry._answer

    def noting(path: str, params: Any) -> dict[str, Any]:
        if path == "model-versions/get":
            named.append(params["name"])
        return serve(path, params)

    registry._answer = noting  # type: ignore[method-assign]  # only to see what is asked
    for _ in range(-(-_MOST_ALIASED // _AGAIN)):
        await registry.client.versions()
    assert len(set(named)) == _MOST_ALIASED


async def test_an_older_version_whose_alias_changed_is_asked_for_at_once() -> None:
    registry = Registry()
    registry.champions = {"model-1": "1"}
    await registry.client.versions()
    registry.champions = {"model-1": "2"}
    assert [(one.name, one.version, one.aliases) for one in (await registry.client.versions())[25:]] == [
        ("model-1", "2", ("champion",))
    ]


async def test_a_tick_over_fifty_models_asks_as_often_as_over_one(observed: ObservedLab) -> None:
    await observed.tick()
    before = dict(observed.services.asked)
    await observed.tick(60)
    of_one = {service: count - before[service] for service, count in observed.services.asked.items()}

    registry = Registry()
    # Nothing of it is older than what is listed: what that costs has tests of its own.
    registry.champions = {}
    observed.services.broken[Service.MLFLOW] = registry.serve
    observed.services.broken[Service.DRIFT_MONITOR] = lambda _: httpx.Response(200, text=_exposition())
    await observed.tick(60)
    before = dict(observed.services.asked)
    shot = await observed.tick(60)
    assert {service: count - before[service] for service, count in observed.services.asked.items()} == of_one
    reports = shot.drift.value or ()
    assert len(reports) == MODELS
    assert [one.model for one in reports if one.detected] == ["model-7"]


def test_a_contract_says_which_model_is_meant_and_which_metric_decides(tmp_path: Path) -> None:
    assert model_infos(ROOT / "pipelines")[0] == ModelInfo("CreditRiskModel", default=True, primary="auc")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.yaml").write_text("name: Broken\ntask: sideways\n")
    assert model_infos(tmp_path) == (ModelInfo("Broken"),)
    assert model_infos(tmp_path / "absent") == ()
