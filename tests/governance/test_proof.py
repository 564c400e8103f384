"""How proofs are settled and reported: nothing that goes wrong passes, and CI can read it."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.base.errors import LabError, ServiceUnavailable, UsageError
from lab.governance.checks import Check, Proof, Verifier
from lab.governance.checks.proof import Found, junit, listed, write_junit
from tests.support.played_lab import config

WHEN = "2026-11-23T16:00:00Z"
PROOFS = (
    Proof("ledger: the chain is intact", True, "7 entries", 0.5),
    Proof("network: loopback only", False, "listening elsewhere: <weed> & \x1b[31m0.0.0.0:1\x00", 0.25),
)


async def settled(prove: object) -> Proof:
    return await Check("x", prove).settle(0.05)  # type: ignore[arg-type]


async def test_a_check_gives_its_evidence_and_how_long_it_took() -> None:
    async def prove() -> Found:
        return True, "seen"

    proof = await settled(prove)
    assert (proof.name, proof.passed, proof.evidence) == ("x", True, "seen")
    assert proof.seconds >= 0


@pytest.mark.parametrize(
    ("error", "evidence"),
    [
        (ServiceUnavailable("MLflow is down.", "Type it."), "MLflow is down. Type it."),
        (KeyError("auc"), "KeyError: 'auc'"),
    ],
)
async def test_whatever_goes_wrong_is_a_failed_proof(error: Exception, evidence: str) -> None:
    async def prove() -> Found:
        raise error

    proof = await settled(prove)
    assert (proof.passed, proof.evidence) == (False, evidence)


async def test_what_never_answers_is_a_failed_proof() -> None:
    async def prove() -> Found:
        await asyncio.Event().wait()
        raise AssertionError

    proof = await settled(prove)
    assert not proof.passed
    assert "no answer within" in proof.evidence


def test_of_many_problems_the_first_ones_are_shown() -> None:
    assert listed([], "all good") == (True, "all good")
    assert listed(iter("ab"), "") == (False, "a; b")
    assert listed(range(8), "") == (False, "0; 1; 2; 3; 4; and 3 more")


def test_junit_counts_names_groups_and_holds_the_evidence() -> None:
    root = ElementTree.fromstring(junit(PROOFS, "my-lab", WHEN))
    [suite] = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time", "timestamp")}
    expected = {"tests": "2", "failures": "1", "errors": "0", "skipped": "0", "time": "0.750", "timestamp": WHEN}
    assert counts == expected
    good, bad = suite
    assert (good.get("classname"), good.get("name")) == ("verify-governance.ledger", "the chain is intact")
    assert [child.tag for child in good] == ["system-out"]
    assert good.findtext("system-out") == "7 entries"
    failure = bad.find("failure")
    assert failure is not None
    assert "<weed> &" in str(failure.get("message"))
    assert "\x1b" not in str(failure.text)
    # The order that the schema asks for.
    assert [child.tag for child in bad] == ["failure", "system-out"]


def test_a_junit_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    write_junit(tmp_path / "proofs.xml", PROOFS, "lab", WHEN)
    assert (tmp_path / "proofs.xml").read_bytes().startswith(b"<?xml")
    with pytest.raises(LabError, match="Can't write"):
        write_junit(tmp_path / "absent" / "proofs.xml", PROOFS, "lab", WHEN)


async def test_only_must_name_a_proof(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no proof is called like that") as caught:
        await Verifier(config(tmp_path)).run("unicorns")
    assert "network: loopback only" in caught.value.remedy


async def test_one_lab_is_verified_by_one_at_a_time(tmp_path: Path) -> None:
    lab = config(tmp_path, LAB_HOME=str(tmp_path))
    with locked(tmp_path), pytest.raises(LabError, match="Another verification"):
        await Verifier(lab).run("every role")
    assert [proof.passed for proof in await Verifier(lab).run("every role")] == [True]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
    os.close(descriptor)


async def test_a_lab_that_is_down_proves_nothing_and_nothing_hangs(tmp_path: Path) -> None:
    lab = config(tmp_path, LAB_HOME=str(tmp_path / "home"))
    proofs = await Verifier(lab).run("network")
    failed = {proof.name for proof in proofs if not proof.passed}
    assert failed == {proof.name for proof in proofs} - {"network: loopback only"}
    assert all(proof.evidence for proof in proofs)
