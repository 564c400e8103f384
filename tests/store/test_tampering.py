"""The proofs of tampering, on a real store: they pass on a governed bucket and fail on one that isn't."""

from dataclasses import replace

import pytest

from lab.governance.checks import Proof
from lab.governance.checks.proof_clients import ProofClients, Remembering
from lab.governance.checks.tamper_proofs import ATTEMPTS, TamperProofs
from lab.governance.ledger import Entry, Status
from lab.governance.ledger.writer import Ledger, verify_trail
from lab.services.s3 import ADMIN, PIPELINE, READER
from tests.support.weed import RealTrail

ENTRY = Entry("train_model", Status.SUCCESS, "ann", "ml-engineer", "dev", "2026-01-01T00:00:00Z")


@pytest.fixture
def clients(trail: RealTrail) -> ProofClients:
    """The clients of a trail with three entries."""
    writer = Ledger(trail.store(), trail.prefix)
    for _ in range(3):
        writer.append(ENTRY)
    made = ProofClients.of_lab(trail.config)
    return replace(made, pipeline=trail.weed.s3(PIPELINE), reader=trail.weed.s3(READER), admin=trail.weed.s3(ADMIN))


async def proofs(clients: ProofClients) -> list[Proof]:
    return [await check.settle() for check in TamperProofs(clients).checks()]


def buckets(clients: ProofClients) -> set[str]:
    return {one["Name"] for one in clients.admin.client.list_buckets()["Buckets"]}


async def test_a_governed_store_refuses_or_shows_everything(clients: ProofClients, trail: RealTrail) -> None:
    before = buckets(clients)
    found = await proofs(clients)
    assert [proof for proof in found if not proof.passed] == []
    assert "2: overwritten" in found[1].evidence or "has 2 versions" in found[1].evidence
    assert all(name in found[0].evidence for name in ATTEMPTS)
    assert buckets(clients) == before
    verified = verify_trail(trail.reader, trail.prefix)
    assert (verified.intact, verified.checked) == (True, 3)


async def test_a_credential_that_may_too_much_fails_the_proof(clients: ProofClients) -> None:
    locked, *_ = await proofs(replace(clients, pipeline=clients.admin))
    assert not locked.passed
    assert "delete it: done; delete a batch: done" in locked.evidence


async def test_what_a_killed_verification_left_is_removed(clients: ProofClients) -> None:
    name = f"{clients.config.audit_bucket}-probe"
    clients.admin.client.create_bucket(Bucket=name)
    clients.admin.client.put_object(Bucket=name, Key="left", Body=b"x")
    assert all(proof.passed for proof in (await proofs(clients))[1:])
    assert name not in buckets(clients)


async def test_an_empty_trail_proves_nothing(trail: RealTrail) -> None:
    made = ProofClients.of_lab(trail.config)
    [locked, *_] = await proofs(made)
    assert not locked.passed
    assert "is empty" in locked.evidence


def test_entries_are_asked_for_once(trail: RealTrail) -> None:
    asked: list[str] = []

    class Counting:
        def read(self, key: str) -> bytes:
            asked.append(key)
            return b"body"

    store = Remembering(Counting())  # type: ignore[arg-type]
    assert [store.read("a"), store.read("a"), store.read("b")] == [b"body"] * 3
    assert asked == ["a", "b"]
