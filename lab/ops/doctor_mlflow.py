"""What is deleted in MLflow, and how to get it back: it would fail or surprise the next run."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from lab.core.config import LabConfig
from lab.core.models import EXPERIMENT, MODEL_NAME, deleted_experiment
from lab.core.services import Service
from lab.ops.doctor import Finding, Verdict

_TIMEOUT_S = 3.0
_GONE = 404


def examine_mlflow(config: LabConfig) -> Iterator[Finding]:
    """Nothing for an MLflow that doesn't answer: `status` says so. Never raises."""
    url = config.url(Service.MLFLOW)
    try:
        # Proxies of the shell have nothing to do with a server of this machine.
        with httpx.Client(base_url=f"{url}/api/2.0/mlflow/", timeout=_TIMEOUT_S, trust_env=False) as client:
            yield from _deleted(client, url)
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return


def _deleted(client: httpx.Client, url: str) -> Iterator[Finding]:
    experiment = _asked(client, "experiments/get-by-name", experiment_name=EXPERIMENT)
    if experiment is None:
        # Nothing was trained yet.
        return
    known = experiment["experiment"]
    if known["lifecycle_stage"] == "deleted":
        what, remedy = deleted_experiment(url, str(known["experiment_id"]))
        yield Finding("mlflow", Verdict.WARN, f"{what.rstrip('.')}: every run fails until it is back", remedy)
    elif _asked(client, "registered-models/get", name=MODEL_NAME) is None and _has_finished(client, known):
        what = f"the registered model {MODEL_NAME} is deleted, and MLflow keeps no copy of its versions"
        remedy = "Load a backup (`invoke restore FILE`), or type `invoke demo-run`: it registers anew, from version 1."
        yield Finding("mlflow", Verdict.WARN, what, remedy)
    else:
        yield Finding("mlflow", Verdict.OK, f"experiment {EXPERIMENT} and registered model {MODEL_NAME} are there")


def _has_finished(client: httpx.Client, experiment: Mapping[str, Any]) -> bool:
    query = {"experiment_ids": [experiment["experiment_id"]], "filter": "status = 'FINISHED'", "max_results": 1}
    answer = client.post("runs/search", json=query)
    return bool(answer.raise_for_status().json().get("runs"))


def _asked(client: httpx.Client, path: str, **query: str) -> dict[str, Any] | None:
    """The answer; None when what was named isn't there."""
    answer = client.get(path, params=query)
    if answer.status_code == _GONE and answer.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST":
        return None
    return dict(answer.raise_for_status().json())
