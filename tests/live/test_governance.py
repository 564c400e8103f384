"""The guardrails on a live lab: what policy forbids does not happen, and the trail says that it was asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.base.catalogue import Service
from lab.base.dataset import dataset_key, hash_file
from lab.base.runs import INGEST, OWNER_TAG
from lab.governance.ledger import Status
from lab.observe.snapshot import Health
from lab.runtime.native.service_files import scrape_targets
from lab.services.exposition import samples
from lab.services.s3 import READER, S3
from tests.support.lab import ROOT, LiveLab
from tests.support.launching import asked, launch
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]


def test_an_analyst_in_prod_is_blocked_before_anything_starts(live: LiveLab) -> None:
    runs, entries, versions = live.run_ids(), len(live.entries()), live.versions()

    done = live.invoke("demo-run", check=False, RUN_ROLE="analyst", ENVIRONMENT="prod")

    assert done.returncode == 1
    assert "Blocked before anything started" in done.stderr
    assert "Traceback" not in done.stderr
    assert live.run_ids() == runs
    assert live.versions() == versions
    [entry] = live.entries()[entries:]
    assert (entry.action, entry.status, entry.role, entry.environment) == ("launch", Status.BLOCKED, "analyst", "prod")


def test_an_analyst_who_asks_dagster_directly_is_blocked_before_ingestion(live: LiveLab, tmp_path: Path) -> None:
    data = tmp_path / "secret.csv"
    data.write_bytes((ROOT / "data" / "sample_data.csv").read_bytes() + b"\n")
    versions = live.versions()

    run_id = launch(live, claimed({"owner": "eve", "role": "analyst", "environment": "prod"}, data))

    assert live.finished(run_id) == "FAILURE"
    [entry] = live.entries_of(run_id)
    assert (entry.action, entry.status) == (INGEST, Status.BLOCKED)
    assert (entry.owner, entry.role, entry.environment) == ("eve", "analyst", "prod")
    reason = failure(live, run_id)
    assert "Blocked by policy: eve as analyst may not run in prod" in reason
    assert not uploaded(live, data)
    assert live.versions() == versions


def test_an_unknown_environment_asked_of_dagster_is_blocked_too(live: LiveLab, tmp_path: Path) -> None:
    data = tmp_path / "other.csv"
    data.write_bytes((ROOT / "data" / "sample_data.csv").read_bytes() + b"\n\n")

    run_id = launch(live, claimed({"owner": "eve", "role": "platform-admin", "environment": "production"}, data))

    assert live.finished(run_id) == "FAILURE"
    assert [entry.status for entry in live.entries_of(run_id)] == [Status.BLOCKED]
    assert "ENVIRONMENT: 'production'" in failure(live, run_id)
    assert "dev, staging, prod" in failure(live, run_id)
    assert not uploaded(live, data)


@pytest.mark.parametrize(("owner", "kept"), [("\ud800", r"\ud800"), ("a\0b", r"a\x00b"), ("an\u200bn", r"an\u200bn")])
def test_a_claim_that_no_page_could_show_is_blocked_and_every_run_can_still_be_listed(
    live: LiveLab, owner: str, kept: str, tmp_path: Path
) -> None:
    governance = {"owner": owner, "role": "ml-engineer", "environment": "dev"}

    run_id = launch(live, claimed(governance, tmp_path / "none.csv"))

    assert live.finished(run_id) == "FAILURE"
    assert [(entry.status, entry.owner) for entry in live.entries_of(run_id)] == [(Status.BLOCKED, kept)]
    assert "is no owner" in failure(live, run_id)
    listed = live.graphql("{runsOrError(limit: 25) {... on Runs {results {runId tags {key value}}}}}")["runsOrError"]
    tags = next(run["tags"] for run in listed["results"] if run["runId"] == run_id)
    assert {"key": OWNER_TAG, "value": kept} in tags
    assert live.states()[Service.DAGSTER].health is Health.UP


@pytest.mark.parametrize("tag", ["\ud800", "a\0b"])
def test_a_tag_that_the_database_cannot_hold_starts_nothing(live: LiveLab, tag: str) -> None:
    runs = live.run_ids()

    answer = asked(live, {}, executionMetadata={"tags": [{"key": OWNER_TAG, "value": tag}]})

    assert (answer.status_code, "can't be stored" in answer.text) == (400, True)
    assert live.run_ids() == runs


def claimed(governance: dict[str, str], data: Path) -> dict[str, Any]:
    """A run's configuration."""
    return {
        "resources": {"governance": {"config": governance}},
        "ops": {INGEST: {"config": {"data_path": str(data)}}},
    }


def failure(lab: LiveLab, run_id: str) -> str:
    """What Dagster's own page says about the failed step."""
    query = """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {
      ... on ExecutionStepFailureEvent {stepKey failureMetadata {description}}}}}}"""
    events = lab.graphql(query, id=run_id)["logsForRun"]["events"]
    return " ".join(event["failureMetadata"]["description"] for event in events if event.get("failureMetadata"))


def uploaded(lab: LiveLab, data: Path) -> bool:
    return S3.of_lab(lab.config, READER).exists(lab.config.data_bucket, dataset_key(hash_file(data)))


@pytest.mark.parametrize("task", [("demo-run",), ("up",), ("status",), ("seed", "--drift")])
def test_an_unknown_environment_is_refused_by_name(live: LiveLab, task: tuple[str, ...]) -> None:
    entries = len(live.entries())

    done = live.invoke(*task, check=False, ENVIRONMENT="production")

    assert done.returncode != 0
    assert "ENVIRONMENT" in done.stderr
    assert "'production'" in done.stderr
    assert "dev, staging, prod" in done.stderr
    assert "Traceback" not in done.stderr
    assert [entry.environment for entry in live.entries()[entries:]] == ["production"] * (task == ("demo-run",))


@pytest.fixture
def drifted(live: LiveLab) -> Iterator[LiveLab]:
    """The live lab with a planted drift, which is taken back."""
    live.invoke("seed", "--drift")
    yield live
    live.invoke("seed", "--reset")


def metric(lab: LiveLab, name: str) -> float:
    lines = lab.get(Service.DRIFT_MONITOR, "/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.split(" ")[0].split("{")[0] == name)


def alerts(lab: LiveLab) -> dict[str, str]:
    found = lab.get(Service.PROMETHEUS, "/api/v1/alerts").json()["data"]["alerts"]
    return {alert["labels"]["alertname"]: alert["state"] for alert in found}


def test_a_planted_drift_is_measured_alarmed_and_blocks_the_version(drifted: LiveLab) -> None:
    eventually(lambda: metric(drifted, "synthetic_data_drift_detected") == 1, 60, "the metric")
    eventually(lambda: alerts(drifted).get("DataDriftDetected") in {"pending", "firing"}, 60, "the alert")

    result = drifted.json("demo-run")

    assert result["succeeded"], result["reason"]
    tags: dict[str, Any] = result["version"]["tags"]
    assert tags["drift_state"] == "drifted"
    assert tags["deployment_blocked"] == "true"
    assert "data drifted" in tags["deployment_blocked_reason"]
    assert tags["data_hash"] != tags["drift_baseline_hash"]

    drifted.invoke("seed", "--reset")
    eventually(lambda: metric(drifted, "synthetic_data_drift_detected") == 0, 60, "the metric's way back")
    eventually(lambda: "DataDriftDetected" not in alerts(drifted), 60, "the alert's end")
    again = drifted.json("demo-run")
    assert again["version"]["tags"]["drift_state"] == "stable"


def test_the_store_does_not_spend_its_time_on_collecting_garbage(live: LiveLab) -> None:
    """Close to its memory limit Go collects after every few requests, and each takes many times as long."""
    target = scrape_targets(live.config, [Service.OBJECT_STORE])[str(Service.OBJECT_STORE)]
    said = httpx.get(f"http://{target}/metrics", timeout=30, trust_env=False).text
    known = {sample.name: sample.value for sample in samples(said) if sample.name.startswith("go_")}
    assert known["go_memstats_next_gc_bytes"] < known["go_gc_gomemlimit_bytes"] * 0.8
