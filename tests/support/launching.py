"""Runs as Dagster's pages launch them, and what those say of a run."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from lab.base.catalogue import Service
from lab.base.runs import JOB
from tests.support.lab import LiveLab

REPOSITORY = {"repositoryLocationName": "pipelines", "repositoryName": "__repository__"}
_LAUNCH = """mutation($p: ExecutionParams!) {
  launchRun(executionParams: $p) {__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
_TAGS = "query($id: ID!) {runOrError(runId: $id) {... on Run {tags {key value}}}}"


def asked(lab: LiveLab, config: Mapping[str, Any], job: str = JOB, **more: Any) -> httpx.Response:
    """Dagster's answer to who launches `job` with that configuration; `more` is of the job or of the launch."""
    chosen = {name: more.pop(name) for name in ("assetSelection",) if name in more}
    params = {"selector": {**REPOSITORY, "jobName": job, **chosen}, "runConfigData": config, **more}
    # httpx itself would write UTF-8, which has no lone surrogates; JSON escapes have.
    body = json.dumps({"query": _LAUNCH, "variables": {"p": params}})
    url, headers = f"{lab.config.url(Service.DAGSTER)}/graphql", {"Content-Type": "application/json"}
    return httpx.post(url, content=body, headers=headers, timeout=60, trust_env=False)


def launch(lab: LiveLab, config: Mapping[str, Any] | None = None, job: str = JOB, **more: Any) -> str:
    """The id of the run that was launched."""
    answer = asked(lab, config or {}, job, **more).json()
    assert not answer.get("errors"), answer
    launched = answer["data"]["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def run_tags(lab: LiveLab, run_id: str) -> dict[str, str]:
    found = lab.graphql(_TAGS, id=run_id)["runOrError"]["tags"]
    return {tag["key"]: tag["value"] for tag in found}
