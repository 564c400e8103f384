"""What is deleted in MLflow, and how to get it back: it would fail or surprise the next run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from lab.base.catalogue import Service
from lab.base.model_id import ModelId
from lab.base.model_versions import deleted_experiment
from lab.config import LabConfig
from lab.models.listing import listed_models
from lab.operations.doctor.finding import Finding, Verdict
from lab.services.http import trusted

_TIMEOUT_S = 3.0
_GONE = 404
_LOAD = "Load a backup (`invoke restore FILE`)"
_PROXIED = "mlflow-artifacts:/"


def examine_mlflow(config: LabConfig) -> Iterator[Finding]:
    """Nothing for an MLflow that doesn't answer: `status` says so. Never raises."""
    url = config.url(Service.MLFLOW)
    try:
        # Proxies of the shell have nothing to do with a server of this machine.
        with httpx.Client(
            base_url=f"{url}/api/2.0/", timeout=_TIMEOUT_S, trust_env=False, verify=trusted(url)
        ) as client:
            yield from _findings(client, url, listed_models(config.pipelines))
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return


def _findings(client: httpx.Client, url: str, models: Sequence[ModelId]) -> Iterator[Finding]:
    """One search for all models' experiments, and one for what is registered, however many there are."""
    experiments = {one["name"]: one for one in _all(client, "experiments", view_type="ALL")}
    # Of the others nothing was trained yet.
    trained = [model for model in models if model.experiment in experiments]
    registered = {one["name"]: one for one in _all(client, "registered-models")} if trained else {}
    for model in trained:
        yield _finding(client, url, model, experiments[model.experiment], registered.get(model.name))


def _finding(
    client: httpx.Client, url: str, model: ModelId, experiment: Mapping[str, Any], registered: Mapping[str, Any] | None
) -> Finding:
    if experiment["lifecycle_stage"] == "deleted":
        what, remedy = deleted_experiment(url, model.experiment, str(experiment["experiment_id"]))
        return Finding(
            "mlflow", Verdict.WARN, f"{what.rstrip('.')}: every run of {model.name} fails until it is back", remedy
        )
    if registered is None and _has_finished(client, experiment):
        what = f"the registered model {model.name} is deleted, and MLflow keeps no copy of its versions"
        remedy = f"{_LOAD}, or type `invoke train {model.name}`: it registers anew, from version 1."
        return Finding("mlflow", Verdict.WARN, what, remedy)
    if registered and (version := _version_without_files(client, registered)):
        what = f"the files of {model.name} {version} are gone from the artifact store: it can't be promoted or loaded"
        remedy = f"{_LOAD}, or type `invoke train {model.name}`: it registers a version with files."
        return Finding("mlflow", Verdict.WARN, what, remedy)
    return Finding("mlflow", Verdict.OK, f"experiment {model.experiment} and registered model {model.name} are there")


def _has_finished(client: httpx.Client, experiment: Mapping[str, Any]) -> bool:
    query = {"experiment_ids": [experiment["experiment_id"]], "filter": "status = 'FINISHED'", "max_results": 1}
    answer = client.post("mlflow/runs/search", json=query)
    return bool(answer.raise_for_status().json().get("runs"))


def _version_without_files(client: httpx.Client, registered: Mapping[str, Any]) -> str:
    """The newest version if nothing of its model is stored any more; else empty."""
    # One for each stage that versions are in.
    newest = max(registered.get("latest_versions", ()), key=lambda one: int(one["version"]), default=None)
    if newest is None:
        return ""
    logged = _asked(client, f"logged-models/{newest['source'].rpartition('/')[2]}")
    place = str(logged["model"]["info"]["artifact_uri"]) if logged else ""
    if not place.startswith(_PROXIED):
        return "" if logged else str(newest["version"])
    files = client.get("mlflow-artifacts/artifacts", params={"path": place.removeprefix(_PROXIED)})
    return "" if files.raise_for_status().json().get("files") else str(newest["version"])


def _all(client: httpx.Client, what: str, **query: str) -> Iterator[dict[str, Any]]:
    """Everything of a kind that MLflow has, a page of 1000 at a time."""
    token = ""
    while True:
        asked = {**query, "max_results": "1000", **({"page_token": token} if token else {})}
        page = _asked(client, f"{what}/search", **asked) or {}
        yield from page.get(what.replace("-", "_"), ())
        token = page.get("next_page_token", "")
        if not token:
            return


def _asked(client: httpx.Client, path: str, **query: str) -> dict[str, Any] | None:
    """The answer; None when what was named isn't there."""
    answer = client.get(f"mlflow/{path}", params=query)
    if answer.status_code == _GONE and answer.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST":
        return None
    return dict(answer.raise_for_status().json())
