"""Approval and promotion on a live lab: two identities take a version to champion, and what must not follow doesn't."""

import csv
import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.base.account import named
from lab.base.model_versions import ModelVersion
from lab.governance.ledger import Entry, Status
from lab.governance.rules.approval_states import parse_statement
from lab.services.s3 import MLFLOW, S3
from tests.support.lab import ROOT, LiveLab
from tests.support.people import ENGINEER, OFFICER, People

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture
def people(live: LiveLab) -> People:
    return People.of(live)


def trained(live: LiveLab, data: Path | None = None) -> str:
    """The number of one more version."""
    live.invoke("demo-run", *(["--data", str(data)] if data else []))
    return live.versions()[0].version


def act(people: People, action: str, version: str, by: str | Path) -> dict[str, Any]:
    """The outcome as the command prints it."""
    key = people.keys[by] if isinstance(by, str) else by
    outcome: dict[str, Any] = people.lab.json(
        action, "--version", version, "--reason", f"{action} it", "--key", str(key)
    )
    return outcome


def closed(outcome: dict[str, Any]) -> dict[str, str]:
    return {gate["name"]: gate["detail"] for gate in outcome["gates"] if not gate["passed"]}


def found(live: LiveLab, version: str) -> ModelVersion:
    return next(one for one in live.versions() if one.version == version)


def stage(live: LiveLab, version: str) -> tuple[str, str, tuple[str, ...]]:
    one = found(live, version)
    return one.tags["approval_state"], one.tags["deployment_blocked"], one.aliases


@dataclass(frozen=True)
class Champion:
    """A version, and what the registry said of it at first and after each of the four steps."""

    version: str
    stages: list[tuple[str, str, tuple[str, ...]]]


@pytest.fixture(scope="module")
def champion(live: LiveLab) -> Champion:
    people, version = People.of(live), trained(live)
    stages = [stage(live, version)]
    for action, by in (("approve", OFFICER), ("promote", ENGINEER)) * 2:
        outcome = act(people, action, version, by)
        assert outcome["succeeded"], closed(outcome)
        stages.append(stage(live, version))
    return Champion(version, stages)


@pytest.fixture
def pending(live: LiveLab) -> str:
    """A version about which nothing was decided; the session's lab begins with one."""
    return next(one.version for one in live.versions()[::-1] if one.tags["approval_state"] == "pending_staging")


def test_a_version_becomes_champion_by_two_peoples_signatures(
    live: LiveLab, champion: Champion, tmp_path: Path
) -> None:
    assert champion.stages == [
        ("pending_staging", "true", ()),
        ("approved_staging", "false", ()),
        ("pending_prod", "true", ("staging",)),
        ("approved_prod", "false", ("staging",)),
        ("approved_prod", "false", ("champion", "staging")),
    ]

    entries = live.entries()
    decisions = [one for one in entries if one.model_version == champion.version and one.details.get("signature")]
    assert [one.status for one in decisions] == [Status.APPROVED, Status.PROMOTED] * 2
    for entry in decisions:
        assert stock_verifies(live, entry, entry.owner, tmp_path)
        assert stock_verifies(live, entry, f"role={entry.role}", tmp_path)
        assert not stock_verifies(live, entry, "role=analyst", tmp_path)
    assert live.verified().intact


def stock_verifies(live: LiveLab, entry: Entry, principal: str, folder: Path) -> bool:
    signature = folder / "statement.sig"
    signature.write_text(entry.details["signature"])
    argv = ["ssh-keygen", "-Y", "verify", "-f", str(live.home / "governance" / "allowed_signers")]
    argv += ["-I", principal, "-n", "mlops-lab", "-s", str(signature)]
    message = parse_statement(entry.details["statement"]).body()
    return subprocess.run(named(argv), input=message, capture_output=True, check=False).returncode == 0


def test_a_worse_version_is_refused_with_the_values_compared(
    live: LiveLab, people: People, champion: Champion, tmp_path: Path
) -> None:
    assert "champion" in found(live, champion.version).aliases
    worse = trained(live, shuffled_labels(tmp_path / "worse.csv"))
    assert act(people, "approve", worse, OFFICER)["succeeded"]

    outcome = act(people, "promote", worse, ENGINEER)

    assert not outcome["succeeded"]
    assert list(closed(outcome)) == ["metric"]
    assert "worse, at most 0.01 worse is allowed" in closed(outcome)["metric"]
    assert stage(live, worse) == ("approved_staging", "false", ())
    last = live.entries()[-1]
    assert (last.action, last.status, last.model_version) == ("promote", Status.REFUSED, worse)


def shuffled_labels(path: Path) -> Path:
    """The bank's applications with outcomes dealt out at random: nothing to learn, and no drift of any column."""

    def shuffled(labels: list[str]) -> list[str]:
        random.Random(3).shuffle(labels)
        return labels

    return changed(path, "creditability", shuffled)


def changed(path: Path, column: str, change: Callable[[list[str]], list[str]]) -> Path:
    """The bank's applications with other values in one column, as a new file."""
    with (ROOT / "data" / "sample_data.csv").open(newline="", encoding="utf-8-sig") as file:
        head, *rows = csv.reader(file)
    place = head.index(column)
    for row, value in zip(rows, change([row[place] for row in rows]), strict=True):
        row[place] = value
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def test_a_model_whose_files_were_replaced_is_not_even_loaded(live: LiveLab, people: People, pending: str) -> None:
    vouching = next(one for one in live.entries() if one.seq == int(found(live, pending).tags["audit_seq"]))
    bucket, store = live.config.artifact_bucket, S3.of_lab(live.config, MLFLOW)
    end = f"/{vouching.details['model_id']}/artifacts/MLmodel"
    (key,) = (key for key in store.objects(bucket) if key.endswith(end))
    body = store.get(bucket, key)
    store.put(bucket, key, body + b"# another one\n")

    key_of_engineer = str(people.keys[ENGINEER])
    try:
        outcome = live.json("promote", "--version", pending, "--reason", "look", "--dry-run", "--key", key_of_engineer)
    finally:
        store.put(bucket, key, body)

    assert closed(outcome)["model"].startswith("the model's files have the digest ")


def test_a_dry_run_writes_nothing_and_its_exit_code_tells(live: LiveLab, people: People, pending: str) -> None:
    entries = len(live.entries())
    arguments = ("--version", pending, "--reason", "only asking", "--dry-run")
    key = str(people.keys[ENGINEER])
    refused = live.invoke("promote", *arguments, check=False, SIGNING_KEY=key)
    assert refused.returncode == 1
    assert "only approve, reject, archive" in refused.stdout
    assert "loads and predicts 20 rows" in refused.stdout
    live.invoke("approve", *arguments, SIGNING_KEY=str(people.keys[OFFICER]))
    assert len(live.entries()) == entries
    assert stage(live, pending) == ("pending_staging", "true", ())
