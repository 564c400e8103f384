"""What is deleted in MLflow, and how to get it back: it would fail or surprise the next run."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from lab.base.catalogue import Service
from lab.base.model_id import ModelId
from lab.base.model_versions import deleted_experiment
from lab.config import LabConfig
from lab.models.listing import listed_models
from lab.operations.doctor.finding import Finding, Verdict

_TIMEOUT_S = 3.0
_GONE = 404
_LOAD = "Load a backup (`invoke restore FILE`)"
_PROXIED = "mlflow-artifacts:/"


def examine_mlflow(config: LabConfig) -> Iterator[Finding]:
    """Nothing for an MLflow that doesn't answer: `status` says so. Never raises."""
    url = config.url(Service.MLFLOW)
    try:
        # Proxies of the shell have nothing to do with a server of this machine.
        with httpx.Client(base_url=f"{url}/api/2.0/", timeout=_TIMEOUT_S, trust_env=False) as client:
            for model in listed_models(config.pipelines):
                yield from _deleted(client, url, model)
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return


def _deleted(client: httpx.Client, url: str, model: ModelId) -> Iterator[Finding]:
    experiment = _asked(client, "experiments/get-by-name", experiment_name=model.experiment)
    if experiment is None:
        # Nothing was trained yet.
        return
    known = experiment["experiment"]
    if known["lifecycle_stage"] == "deleted":
        what, remedy = deleted_experiment(url, model.experiment, str(known["experiment_id"]))
        yield Finding(
            "mlflow", Verdict.WARN, f"{what.rstrip('.')}: every run of {model.name} fails until it is back", remedy
        )
    elif _asked(client, "registered-models/get", name=model.name) is None and _has_finished(client, known):
        what = f"the registered model {model.name} is deleted, and MLflow keeps no copy of its versions"
        remedy = f"{_LOAD}, or type `invoke train {model.name}`: it registers anew, from version 1."
        yield Finding("mlflow", Verdict.WARN, what, remedy)
    elif version := _version_without_files(client, model):
        what = f"the files of {model.name} {version} are gone from the artifact store: it can't be promoted or loaded"
        remedy = f"{_LOAD}, or type `invoke train {model.name}`: it registers a version with files."
        yield Finding("mlflow", Verdict.WARN, what, remedy)
    else:
        yield Finding(
            "mlflow", Verdict.OK, f"experiment {model.experiment} and registered model {model.name} are there"
        )


def _has_finished(client: httpx.Client, experiment: Mapping[str, Any]) -> bool:
    query = {"experiment_ids": [experiment["experiment_id"]], "filter": "status = 'FINISHED'", "max_results": 1}
    answer = client.post("mlflow/runs/search", json=query)
    return bool(answer.raise_for_status().json().get("runs"))


def _version_without_files(client: httpx.Client, model: ModelId) -> str:
    """The newest version if nothing of its model is stored any more; else empty."""
    order = {"filter": f"name='{model.name}'", "order_by": "creation_timestamp DESC", "max_results": "1"}
    for version in (_asked(client, "model-versions/search", **order) or {}).get("model_versions", []):
        logged = _asked(client, f"logged-models/{version['source'].rpartition('/')[2]}")
        place = str(logged["model"]["info"]["artifact_uri"]) if logged else ""
        if not place.startswith(_PROXIED):
            return "" if logged else str(version["version"])
        files = client.get("mlflow-artifacts/artifacts", params={"path": place.removeprefix(_PROXIED)})
        return "" if files.raise_for_status().json().get("files") else str(version["version"])
    return ""


def _asked(client: httpx.Client, path: str, **query: str) -> dict[str, Any] | None:
    """The answer; None when what was named isn't there."""
    answer = client.get(f"mlflow/{path}", params=query)
    if answer.status_code == _GONE and answer.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST":
        return None
    return dict(answer.raise_for_status().json())
