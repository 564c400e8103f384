import json
from collections import Counter
from typing import Any

import httpx
import pytest

from lab.base.errors import NotFound, ServiceUnavailable
from lab.services.http import BadStatus
from lab.services.mlflow import Mlflow, _chosen
from lab.services.mlflow_answers import read_version
from tests.services.answers import answer, http, says

NAME = "CreditRiskModel"
RUN = "a2f12492f8294392b00a6146abe7af34"


class Registry:
    """Replays a registry with three versions; counts what is asked. `status` is of every run."""

    def __init__(self, shown: int = 3, status: str = "FINISHED") -> None:
        self.asked: Counter[str] = Counter()
        self._shown, self._status = shown, status
        self.client = Mlflow(http(self._serve))

    def _serve(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/2.0/mlflow/")
        self.asked[path] += 1
        params = request.url.params
        versions = answer("mlflow_versions")["model_versions"]
        if path == "model-versions/search":
            # Over several models numbers say nothing of what is newest.
            assert params["order_by"] == ("version_number DESC" if "filter" in params else "creation_timestamp DESC")
            return httpx.Response(200, json={"model_versions": versions[: self._shown]})
        if path == "registered-models/search":
            return httpx.Response(200, json=answer("mlflow_models"))
        if path == "model-versions/get":
            found = next(one for one in versions if one["version"] == params["version"])
            return httpx.Response(200, json={"model_version": found})
        body = answer("mlflow_run")
        body["run"]["info"]["status"] = self._status
        return httpx.Response(200, json=body)


async def test_versions_come_newest_first_with_aliases_tags_and_metrics() -> None:
    newest, second, oldest = await Registry().client.versions()
    assert [newest.version, second.version, oldest.version] == ["3", "2", "1"]
    assert second.aliases == ("challenger", "champion")
    assert newest.aliases == oldest.aliases == ()
    assert newest.tags["owner"] == "me"
    assert "data_hash" in newest.missing_tags
    assert newest.metrics == {"auc": 0.72, "gini": 0.5}
    assert newest.run_id == RUN
    assert newest.created_at == pytest.approx(1795444716.991)


async def test_a_version_with_an_alias_is_listed_however_old_it_is() -> None:
    registry = Registry(shown=1)
    assert [one.version for one in await registry.client.versions(limit=1)] == ["3", "2"]
    assert registry.asked["model-versions/get"] == 1


async def test_metrics_of_finished_runs_are_asked_for_once() -> None:
    registry = Registry()
    first = await registry.client.versions()
    asked = registry.asked["runs/get"]
    assert asked == 3
    assert await registry.client.versions() == first
    assert registry.asked["runs/get"] == asked


async def test_metrics_of_a_run_under_way_are_asked_for_again() -> None:
    registry = Registry(status="RUNNING")
    await registry.client.versions()
    await registry.client.versions()
    assert registry.asked["runs/get"] == 6


async def test_an_empty_registry_has_no_versions() -> None:
    client = Mlflow(http(says({})))
    assert await client.versions() == ()
    await client.ping()


async def test_a_version_without_its_run_has_no_metrics() -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("runs/get"):
            body = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run with id=x not found"}
            return httpx.Response(404, json=body)
        return httpx.Response(200, json=answer("mlflow_version"))

    version = await Mlflow(http(serve)).version(NAME, 3)
    assert (version.version, version.metrics) == ("3", {})


async def test_a_metric_that_is_not_a_number_is_kept_as_nan() -> None:
    body = answer("mlflow_run")
    body["run"]["data"]["metrics"][0]["value"] = "NaN"
    metrics = await Mlflow(http(says(body))).run_metrics("x")
    assert metrics["auc"] != metrics["auc"]
    assert metrics["gini"] == 0.5


@pytest.mark.parametrize(("captured", "status"), [("mlflow_version_unknown", 404), ("mlflow_alias_unknown", 400)])
async def test_what_mlflow_does_not_have_is_not_found(captured: str, status: int) -> None:
    client = Mlflow(http(says(answer(captured), status)))
    for call in (
        client.version(NAME, 99),
        client.set_alias(NAME, "champion", 99),
        client.set_version_tag(NAME, 99, "a", "b"),
    ):
        with pytest.raises(NotFound, match="not found"):
            await call


async def test_a_refusal_keeps_mlflows_words() -> None:
    client = Mlflow(http(says({"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid alias name"}, 400)))
    with pytest.raises(BadStatus, match="Invalid alias name"):
        await client.delete_alias(NAME, "a b")


async def test_writing_sends_name_version_and_value() -> None:
    sent: list[tuple[str, str, Any]] = []

    def serve(request: httpx.Request) -> httpx.Response:
        sent.append((request.method, request.url.path.removeprefix("/api/2.0/mlflow/"), json.loads(request.content)))
        return httpx.Response(200, json={})

    client = Mlflow(http(serve))
    await client.set_version_tag(NAME, 3, "approval_state", "rejected")
    await client.set_alias(NAME, "champion", 3)
    await client.delete_alias(NAME, "champion")
    name = {"name": NAME}
    assert sent == [
        ("POST", "model-versions/set-tag", {**name, "version": "3", "key": "approval_state", "value": "rejected"}),
        ("POST", "registered-models/alias", {**name, "alias": "champion", "version": "3"}),
        ("DELETE", "registered-models/alias", {**name, "alias": "champion"}),
    ]


@pytest.mark.parametrize("body", [None, [], "x", 1, {"model_versions": 1, "registered_models": 2, "run": []}])
@pytest.mark.parametrize("call", ["versions", "registry", "ping", "version", "run_metrics", "aliases"])
async def test_a_wrong_shape_is_our_error(body: Any, call: str) -> None:
    asked = {"version": (NAME, "1"), "run_metrics": ("1",), "aliases": (NAME,)}
    client = Mlflow(http(says(body)))
    with pytest.raises(ServiceUnavailable):
        await getattr(client, call)(*asked.get(call, ()))


def test_however_many_aliases_somebody_sets_the_labs_own_are_asked_for() -> None:
    aliases = {(NAME, str(number)): ("somebodys",) for number in range(2, 500)} | {(NAME, "1"): ("champion",)}
    chosen = _chosen(aliases)
    assert (len(chosen), chosen[0], chosen[-1]) == (20, (NAME, "499"), (NAME, "1"))


def test_a_tag_is_cut_before_it_is_kept() -> None:
    raw = {"name": "M", "version": "1", "creation_timestamp": 1, "tags": [{"key": "owner", "value": "x" * 100_000}]}
    assert len(read_version(raw).tags["owner"]) == 2001


class Several:
    """A registry of many models with a version each, in pages of `page` models; counts what is asked."""

    def __init__(self, models: int, page: int = 2) -> None:
        self.names, self._page = [f"M{number}" for number in range(models)], page
        self.asked: Counter[str] = Counter()
        self.client = Mlflow(http(self._serve))

    def _serve(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path.removeprefix("/api/2.0/mlflow/"), request.url.params
        self.asked[path] += 1
        if path == "runs/get":
            return httpx.Response(200, json=answer("mlflow_run"))
        if path == "model-versions/get":
            return httpx.Response(200, json={"model_version": self._version(params["name"], params["version"])})
        named = params.get("filter", "").removeprefix("name='").removesuffix("'")
        names = [one for one in self.names if not named or one == named]
        first, limit = int(params.get("page_token", 0)), min(self._page, int(params["max_results"]))
        page = names[first : first + limit]
        more = {"next_page_token": str(first + limit)} if len(names) > first + limit else {}
        if path == "registered-models/search":
            models = [{"name": one, "aliases": [{"alias": "champion", "version": "1"}]} for one in page]
            return httpx.Response(200, json={"registered_models": models, **more})
        return httpx.Response(200, json={"model_versions": [self._version(one, "1") for one in page], **more})

    def _version(self, name: str, number: str) -> dict[str, Any]:
        return {"name": name, "version": number, "creation_timestamp": 1, "run_id": RUN}


async def test_the_registry_is_read_page_by_page_with_every_models_aliases() -> None:
    several = Several(5)
    found = await several.client.registry()
    assert [one.name for one in found.versions] == several.names
    assert found.aliases == {name: {"1": ("champion",)} for name in several.names}
    assert several.asked == {"model-versions/search": 3, "registered-models/search": 3}
    version = found.find("M4", "1")
    assert version
    assert (version.name, found.find("M9", "1"), found.find("M4", "2")) == ("M4", None, None)


async def test_versions_of_several_models_keep_their_own_aliases() -> None:
    several = Several(5)
    found = await several.client.versions(limit=2)
    # Two that the search gave, and those that only an alias names.
    assert sorted(one.name for one in found) == several.names
    assert {one.aliases for one in found} == {("champion",)}
    assert several.asked["model-versions/get"] == 3


async def test_one_models_aliases_and_versions_cost_a_request_each() -> None:
    several = Several(5)
    assert await several.client.aliases("M3") == {"1": ("champion",)}
    assert await several.client.aliases("M9") == {}
    assert [one.name for one in await several.client.versions(name="M3")] == ["M3"]
    assert several.asked == {"registered-models/search": 3, "model-versions/search": 1, "runs/get": 1}


async def test_an_alias_of_a_version_of_the_same_number_is_not_another_models() -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("registered-models/search"):
            models = [{"name": "A", "aliases": [{"alias": "champion", "version": "1"}]}, {"name": "B"}]
            return httpx.Response(200, json={"registered_models": models})
        versions = [{"name": one, "version": "1", "creation_timestamp": 1} for one in ("A", "B")]
        return httpx.Response(200, json={"model_versions": versions})

    first, second = await Mlflow(http(serve)).versions()
    assert (first.name, first.aliases, second.name, second.aliases) == ("A", ("champion",), "B", ())
