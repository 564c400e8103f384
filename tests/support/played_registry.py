"""MLflow's registry behind a mock transport: versions, tags and aliases of as many models as a test names."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from lab.services.http import Http
from lab.services.mlflow import Mlflow
from tests.support.contracts import MODEL_NAME

_NAMED = re.compile(r"name='([^']+)'")


@dataclass
class Registry:
    """One model's versions, and by name the `others`; `broken` makes it answer 503 to every write, `writes` lists them.

    Metrics and files are by run, so those of every model's are here.
    """

    name: str = MODEL_NAME
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    broken: bool = False
    others: dict[str, "Registry"] = field(default_factory=dict)

    def of(self, model: str) -> "Registry":
        """The versions of a model, which begins to be there."""
        return self if model == self.name else self.others.setdefault(model, Registry(model))

    def client(self) -> Mlflow:
        return Mlflow(Http("http://mlflow", "MLflow", transport=httpx.MockTransport(self._serve), logs="mlflow"))

    def _serve(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/2.0/mlflow/")
        if path == "/get-artifact":
            body = self.files.get(request.url.params["path"])
            return httpx.Response(500) if body is None else httpx.Response(200, content=body)
        if request.method == "GET":
            return self._read(path, request.url.params)
        if self.broken:
            return httpx.Response(503)
        return self._write(request.method, path, json.loads(request.content))

    def _read(self, path: str, params: httpx.QueryParams) -> httpx.Response:
        if path == "registered-models/search":
            found = [
                {
                    "name": one.name,
                    "aliases": [{"alias": alias, "version": held} for alias, held in one.aliases.items()],
                }
                for one in self._chosen(params)
            ]
            return httpx.Response(200, json={"registered_models": found})
        if path == "model-versions/search":
            return httpx.Response(200, json=self._page(params))
        if path == "runs/get":
            numbers = [{"key": name, "value": value} for name, value in self.metrics[params["run_id"]].items()]
            return httpx.Response(200, json={"run": {"info": {"status": "FINISHED"}, "data": {"metrics": numbers}}})
        model = next((one for one in self._all() if one.name == params["name"]), None)
        if model is None or params["version"] not in model.tags:
            return httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"})
        return httpx.Response(200, json={"model_version": model._version(params["version"])})

    def _all(self) -> Iterator["Registry"]:
        yield self
        yield from self.others.values()

    def _chosen(self, params: httpx.QueryParams) -> Iterator["Registry"]:
        named = _NAMED.search(params.get("filter", ""))
        return (one for one in self._all() if not named or one.name == named[1])

    def _page(self, params: httpx.QueryParams) -> dict[str, Any]:
        first, limit = int(params.get("page_token") or 0), int(params["max_results"])
        places = [(model, number) for model in self._chosen(params) for number in model.tags]
        newest = sorted(places, key=lambda place: int(place[1]), reverse=True)
        more = {"next_page_token": str(first + limit)} if len(newest) > first + limit else {}
        return {"model_versions": [model._version(one) for model, one in newest[first : first + limit]], **more}

    def _version(self, number: str) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": number,
            "creation_timestamp": 1_795_444_716_991,
            "run_id": self.runs.get(number, f"run{number}"),
            "current_stage": self.stages.get(number, "None"),
            "aliases": [alias for alias, holder in self.aliases.items() if holder == number],
            "tags": [{"key": name, "value": value} for name, value in self.tags[number].items()],
        }

    def _write(self, method: str, path: str, body: dict[str, str]) -> httpx.Response:
        self.writes.append(
            (path, body.get("key") or body.get("alias", ""), body.get("value") or body.get("version", ""))
        )
        model = self.of(body["name"])
        if path == "model-versions/set-tag":
            model.tags[body["version"]][body["key"]] = body["value"]
        elif path == "model-versions/transition-stage":
            model.stages[body["version"]] = body["stage"]
        elif path == "model-versions/delete-tag":
            del model.tags[body["version"]][body["key"]]
        elif method == "DELETE":
            del model.aliases[body["alias"]]
        else:
            model.aliases[body["alias"]] = body["version"]
        return httpx.Response(200, json={})
