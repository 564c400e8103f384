"""What an approval's signature must prove: of this statement, by a known key, in this lab."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.account import named
from lab.base.errors import SignatureInvalid
from lab.base.model_versions import ApprovalState
from lab.governance.cases.signing import Signing, read_signers
from lab.governance.ledger import Status
from lab.governance.rules.approval_states import parse_statement
from lab.governance.rules.policy import Action
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import ADMIN, OFFICER, GovernedLab, closed
from tests.support.keys import make_key, stock_verify

APPROVE = Action.APPROVE


async def test_the_entry_holds_statement_and_signature_that_stock_ssh_keygen_verifies(
    governed: GovernedLab, tmp_path: Path
) -> None:
    outcome = await governed.act(APPROVE, governed.train())
    assert outcome.entry is not None
    details = governed.store.entries[-1].details
    statement = parse_statement(details["statement"])
    assert (statement.actor, statement.role, statement.version) == (OFFICER, "risk-officer", "1")
    assert statement.prior == governed.store.entries[-2].hash
    known = read_signers(governed.config)
    for principal in (OFFICER, "role=risk-officer"):
        assert stock_verify(tmp_path, statement.body(), details["signature"], known, principal)
    assert not stock_verify(tmp_path, statement.body(), details["signature"], known, ADMIN)
    assert stock_verify_file(governed, statement.body(), details["signature"])


def stock_verify_file(governed: GovernedLab, message: bytes, armored: str) -> bool:
    """As an auditor would: with the lab's own file of known keys."""
    signature = governed.folder / "auditor.sig"
    signature.write_text(armored)
    argv = named(
        ["ssh-keygen", "-Y", "verify", "-f", str(governed.config.governance / "allowed_signers"), "-I", OFFICER]
    )
    argv += ["-n", "mlops-lab", "-s", str(signature)]
    return subprocess.run(argv, input=message, capture_output=True, check=False).returncode == 0


async def test_a_key_written_into_the_file_by_hand_is_refused(governed: GovernedLab, tmp_path: Path) -> None:
    forged = make_key(tmp_path, "ed25519", "forged")
    path = governed.config.governance / "allowed_signers"
    public = forged.with_name("forged.pub").read_text().strip()
    path.write_text(f"{path.read_text()}eve@example.com,role=risk-officer {public}\n")
    outcome = await governed.act(APPROVE, governed.train(), forged)
    assert "in allowed_signers only" in closed(outcome)["identity"]


Forge = Callable[[GovernedLab, Signing], Signing]


def reusing(message: bytes) -> Forge:
    """Signs `message` in place of what should be signed."""

    def forge(_: GovernedLab, genuine: Signing) -> Signing:
        return replace(genuine, sign=lambda _asked, key: genuine.sign(message, key))

    return forge


def in_namespace(name: str) -> Forge:
    def forge(_: GovernedLab, genuine: Signing) -> Signing:
        def sign(message: bytes, key: Path) -> str:
            argv = named(["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", name])
            return subprocess.run(argv, input=message, capture_output=True, check=True).stdout.decode()

        return replace(genuine, sign=sign)

    return forge


def by_another_key(governed: GovernedLab, genuine: Signing) -> Signing:
    return replace(genuine, sign=lambda message, _key: genuine.sign(message, governed.keys[ADMIN]))


@pytest.mark.parametrize(
    ("forge", "problem"),
    [
        (reusing(b"something else"), "doesn't belong to this statement"),
        (in_namespace("git"), "namespace 'git'"),
        (by_another_key, "signed by adam@example.com, not by olga@example.com"),
    ],
)
async def test_a_signature_that_proves_something_else_is_refused(
    governed: GovernedLab, forge: Forge, problem: str
) -> None:
    version = governed.train()
    outcome = await governed.act(APPROVE, version, signing=forge(governed, Signing(governed.keys[OFFICER])))
    assert problem in closed(outcome)["signature"]
    assert governed.store.entries[-1].status is Status.REFUSED
    assert governed.record(version).state is ApprovalState.PENDING_STAGING


async def test_a_signature_of_an_earlier_statement_is_refused(governed: GovernedLab) -> None:
    first = governed.train()
    assert (await governed.act(APPROVE, first)).succeeded
    old = governed.store.entries[-1].details["signature"]
    for version in (first, governed.train()):
        replay = Signing(governed.keys[OFFICER], sign=lambda _message, _key: old)
        assert not (await governed.act(APPROVE, version, signing=replay)).succeeded


async def test_entries_copied_into_the_bucket_do_not_count(governed: GovernedLab) -> None:
    """Whoever holds the pipeline's credential can append; none of it moves a version."""
    first, second = governed.train(), governed.train()
    assert (await governed.act(APPROVE, first)).succeeded
    genuine = governed.store.entries[-1]
    statement = genuine.details["statement"]
    governed.copy(genuine)
    governed.copy(genuine, model_version=second)
    altered = {**genuine.details, "statement": {**statement, "version": second}}
    governed.copy(genuine, model_version=second, details=altered)
    fitting = {**statement, "version": second, "prior": governed.record(second).newest}
    governed.copy(genuine, model_version=second, details={**genuine.details, "statement": fitting})
    fitting = {**statement, "version": second, "prior": governed.record(second).newest}
    governed.copy(genuine, model_version=second, details={"statement": fitting})
    other_lab = {**genuine.details, "statement": {**statement, "lab": "another-lab"}}
    governed.copy(genuine, details=other_lab)
    history = governed.history()
    assert history.records[MODEL_NAME, first].state is ApprovalState.APPROVED_STAGING
    assert history.records[MODEL_NAME, second].state is ApprovalState.PENDING_STAGING
    problems = [fault.problem for fault in history.ignored]
    expected = (
        "the same statement came before",
        "version '1'",
        "prior",
        "doesn't belong to this statement",
        "isn't signed",
        "lab 'another-lab'",
    )
    for problem, words in zip(problems, expected, strict=True):
        assert words in problem


async def test_a_statement_of_another_lab_does_not_count(governed: GovernedLab) -> None:
    version = governed.train()
    governed.config = replace(governed.config, name="another-lab")
    outcome = await governed.act(APPROVE, version)
    assert "in allowed_signers only" in closed(outcome)["identity"]


async def test_who_does_not_sign_decides_nothing(governed: GovernedLab) -> None:
    version = governed.train()

    def cancelled(_message: bytes, _key: Path) -> str:
        raise SignatureInvalid("ssh-keygen didn't sign: cancelled")

    before = len(governed.store.entries)
    with pytest.raises(SignatureInvalid):
        await governed.act(APPROVE, version, signing=Signing(governed.keys[OFFICER], sign=cancelled))
    assert len(governed.store.entries) == before
