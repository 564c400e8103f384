"""`verify-governance` on a live lab: all holds on a fresh one, and each planted fault fails exactly its lines."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from lab.base.catalogue import Service
from lab.governance.cases.trail import TrailReader
from lab.governance.checks.sandbox import approval_entry
from lab.governance.ledger import key_of
from lab.governance.ledger.writer import Ledger
from lab.governance.rules.approval_states import PROBE
from lab.governance.rules.policy import Actor, Environment, Role
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from lab.services.s3 import ADMIN, PIPELINE, S3, AuditStore
from tests.support.contracts import MODEL_NAME
from tests.support.lab import LiveLab
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

CHAIN = "ledger: the chain is intact, up to every published head"
DECISIONS = "ledger: every decision counts"
TAGS = "registry: tags are those of the audit trail"
BLOCKED = "registry: deployment_blocked follows the truth"
RECONCILED = "reconcile: nothing was changed behind the lab's back"
DECIDED = "policy: every role in every environment"
RUNS = "policy: real runs are let in or blocked before ingest"
TRAINED = "1"


@pytest.fixture
def lab(copied: LiveLab) -> LiveLab:
    """Faults are planted in it, the lasting one last."""
    return copied


# The lines of all that a fault of the trail or the registry could touch. Those of other parts, which take a minute of
# real runs, are asked for on a fresh lab and with the fault that is theirs.
READ = ("ledger:", "registry:", "reconcile:")


def failed(lab: LiveLab, *chosen: str) -> set[str]:
    """The lines that say FAIL, of all or of those chosen, with exit codes that say so, too."""
    return {name for only in chosen or [""] for name in _failed(lab, ["--only", only] if only else [])}


def _failed(lab: LiveLab, chosen: list[str]) -> set[str]:
    done = lab.invoke("verify-governance", *chosen, "--junit", str(lab.folder / "proofs.xml"), check=False)
    names = failures(lab, 0 if chosen else 20)
    assert done.returncode == (1 if names else 0), done.stdout
    assert done.stdout.count("FAIL") >= len(names)
    return names


def failures(lab: LiveLab, more_than: int = 20) -> set[str]:
    """Of the verification that was written down last."""
    suite = ElementTree.parse(lab.folder / "proofs.xml").getroot()[0]
    assert len(suite) > more_than
    return {
        f"{str(case.get('classname')).rpartition('.')[2]}: {case.get('name')}"
        for case in suite
        if case.find("failure") is not None
    }


def mlflow(lab: LiveLab, change: Callable[[Mlflow], Awaitable[None]]) -> None:
    """What anybody can do in MLflow."""

    async def make() -> None:
        client = Mlflow(Http.to(Service.MLFLOW, lab.config.url(Service.MLFLOW), timeout_s=60))
        try:
            await change(client)
        finally:
            await client.aclose()

    asyncio.run(make())


def reconciled(lab: LiveLab, *flags: str) -> Any:
    return lab.json("reconcile", *flags)


def test_a_fresh_lab_holds_and_nothing_is_left_but_marked_probes(lab: LiveLab) -> None:
    proofs = lab.json("verify-governance", "--junit", str(lab.folder / "proofs.xml"))
    assert [proof for proof in proofs if not proof["passed"]] == []
    assert all(proof["evidence"] for proof in proofs)
    assert failures(lab) == set()

    newest, *older = lab.versions()
    assert (newest.tags["owner"], newest.tags["probe"], newest.tags["approval_state"]) == (PROBE, PROBE, "archived")
    assert newest.tags["deployment_blocked"] == "true"
    assert [one.tags["approval_state"] for one in older] == ["pending_staging"]
    query = "{runsOrError {... on Runs {results {status tags {key value}}}}}"
    runs = lab.graphql(query)["runsOrError"]["results"]
    probes = [run["status"] for run in runs if {"key": "lab/probe", "value": PROBE} in run["tags"]]
    assert sorted(probes) == ["FAILURE"] * 4 + ["SUCCESS"]
    assert lab.verified().intact
    buckets = S3.of_lab(lab.config, ADMIN).client.list_buckets()["Buckets"]
    assert {one["Name"] for one in buckets} == set(lab.config.buckets)
    assert "DataDriftDetected" not in alerts(lab)


def test_only_chosen_proofs_are_made(lab: LiveLab) -> None:
    versions = lab.versions()
    proofs = lab.json("verify-governance", "--only", "network")
    assert len(proofs) == 5
    assert all(proof["passed"] and proof["name"].startswith("network") for proof in proofs)
    assert lab.versions() == versions
    assert lab.invoke("verify-governance", "--only", "unicorns", check=False).returncode == 2


def test_tags_and_an_alias_past_the_lab_fail_their_lines_alarm_and_are_repaired(lab: LiveLab) -> None:
    mlflow(lab, lambda client: client.set_version_tag(MODEL_NAME, TRAINED, "owner", "eve@example.com"))
    mlflow(lab, lambda client: client.set_version_tag(MODEL_NAME, TRAINED, "deployment_blocked", "false"))
    mlflow(lab, lambda client: client.set_alias(MODEL_NAME, "champion", TRAINED))
    try:
        assert failed(lab, *READ) == {TAGS, BLOCKED, RECONCILED}
        assert not reconciled(lab)["succeeded"]
        eventually(lambda: "RegistryDiffersFromLedger" in alerts(lab), 120, "the alert")
    finally:
        done = reconciled(lab, "--repair")

    assert done["succeeded"]
    assert {(one["kind"], one["subject"], one["found"]) for one in done["findings"]} == {
        ("tag", "owner", "eve@example.com"),
        ("tag", "deployment_blocked", "false"),
        ("alias", "champion", TRAINED),
    }
    assert reconciled(lab)["findings"] == []
    assert lab.entries()[-1].details["changes"] == done["changes"]
    eventually(lambda: "RegistryDiffersFromLedger" not in alerts(lab), 120, "the alert's end")


def alerts(lab: LiveLab) -> set[str]:
    found = lab.get(Service.PROMETHEUS, "/api/v1/alerts").json()["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in found}


def test_a_stage_and_a_version_past_the_pipeline_are_found(lab: LiveLab) -> None:
    base = f"{lab.config.url(Service.MLFLOW)}/api/2.0/mlflow/model-versions"
    import httpx

    with httpx.Client(trust_env=False, timeout=30) as client:
        body = {
            "name": "CreditRiskModel",
            "version": TRAINED,
            "stage": "Production",
            "archive_existing_versions": False,
        }
        client.post(f"{base}/transition-stage", json=body).raise_for_status()
        known = client.get(f"{base}/get", params={"name": "CreditRiskModel", "version": TRAINED}).json()[
            "model_version"
        ]
        copy = {name: known[name] for name in ("name", "source", "run_id")}
        made = client.post(f"{base}/create", json=copy | {"model_id": known["source"].removeprefix("models:/")})
        number = made.raise_for_status().json()["model_version"]["version"]
        try:
            done = reconciled(lab, "--repair")
            assert [one["kind"] for one in done["left"]] == ["unaudited"]
            assert {(one["kind"], one["version"]) for one in done["findings"]} == {
                ("stage", TRAINED),
                ("unaudited", number),
                ("tag", number),
            }
        finally:
            client.request("DELETE", f"{base}/delete", json={"name": "CreditRiskModel", "version": number})
    assert reconciled(lab)["succeeded"]


def test_a_removed_entry_fails_the_ledgers_line_and_a_permissive_policy_its_own_by_real_runs(lab: LiveLab) -> None:
    path = lab.config.policy_path
    strict = path.read_text()
    loose = yaml.safe_load(strict)
    everybody = {"id": "everybody", "actions": ["run"], "environments": ["prod"], "roles": ["analyst"]}
    loose["rules"].append(everybody)
    s3, key = S3.of_lab(lab.config, ADMIN).client, key_of(lab.config.audit_prefix, 1)
    marker = s3.delete_object(Bucket=lab.config.audit_bucket, Key=key)["VersionId"]
    path.write_text(yaml.safe_dump(loose))
    try:
        assert failed(lab) == {CHAIN, DECIDED, RUNS}
    finally:
        s3.delete_object(Bucket=lab.config.audit_bucket, Key=key, VersionId=marker)
        # Last: a changed policy has the whole trail judged anew, which must find it whole.
        path.write_text(strict)
    assert all(proof["passed"] for proof in lab.json("verify-governance", "--only", "ledger"))


def test_evidence_of_a_live_version_checks_without_the_lab(lab: LiveLab) -> None:
    made = lab.json("evidence", "--version", TRAINED, "--output", str(lab.folder / "evidence"))
    assert made["succeeded"], made["problems"]
    folder = Path(made["folder"])
    assert {path.name for path in (folder / "plots").iterdir()} == {"roc.png", "confusion_matrix.png", "drift.svg"}
    for place, sums in ((folder, "SHA256SUMS"), (folder / "ledger", "HASHES")):
        subprocess.run(["sha256sum", "--check", "--quiet", sums], cwd=place, check=True)


def test_a_self_approved_version_fails_its_lines(lab: LiveLab) -> None:
    """The last test: an entry can't be taken back."""
    store = AuditStore(S3.of_lab(lab.config, PIPELINE), lab.config.audit_bucket, lab.config.audit_prefix)
    record = TrailReader(lab.config, store).read().history.records[MODEL_NAME, TRAINED]
    owner = Actor(record.owner, Role.RISK_OFFICER, Environment.STAGING)
    eventually(lambda: "EntriesWithoutProof" not in alerts(lab), 120, "an end of alarms: own probes must not alarm")
    forged = Ledger(store, lab.config.audit_prefix).append(approval_entry(lab.config, record, owner))
    for name, value in (("approval_state", "approved_staging"), ("deployment_blocked", "false")):
        mlflow(lab, lambda client, n=name, v=value: client.set_version_tag(MODEL_NAME, TRAINED, n, v))

    eventually(lambda: "EntriesWithoutProof" in alerts(lab), 120, "the alert")
    eventually(lambda: forged.seq in shown_without_proof(lab), 60, "the mark", (TypeError,))

    assert failed(lab, *READ) == {DECISIONS, TAGS, BLOCKED, RECONCILED}


def shown_without_proof(lab: LiveLab) -> list[int]:
    """The entries that the screen marks; its exit code tells of the lab's health, which isn't the question."""
    shown = json.loads(lab.command(sys.executable, "-m", "lab.cli", "--once", "--json", check=False).stdout)
    found: list[int] = shown["audit"]["value"]["uncounted"]
    return found
