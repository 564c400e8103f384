"""Decisions at the same time: one counts, the other is recorded as overtaken, and nothing stays red for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from lab.base.errors import LabError
from lab.base.model_versions import ApprovalState
from lab.governance.cases.baseline import BaselineApproval
from lab.governance.cases.identity import Registrar
from lab.governance.cases.signing import Signing
from lab.governance.ledger import parse
from lab.governance.ledger.reader import export_lines
from lab.governance.ledger.verify_export import exported_lines
from lab.governance.rules.approval_states import Statement
from lab.governance.rules.history import Fold, History
from lab.governance.rules.policy import Action, Actor, Environment, Role
from lab.services import ssh
from tests.governance.test_forgery import approval
from tests.governance.test_proofs import Room
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import ADMIN, ENGINEER, OFFICER, GovernedLab
from tests.support.keys import make_key

APPROVE, REJECT, PROMOTE, ARCHIVE = Action.APPROVE, Action.REJECT, Action.PROMOTE, Action.ARCHIVE


def meanwhile(governed: GovernedLab, by: str, act: Callable[[], object]) -> Signing:
    """The key of `by`, whose first signature takes so long that somebody else does `act` before it is written."""
    done: list[object] = []

    def sign(message: bytes, key: Path) -> str:
        armored = ssh.sign(message, key)
        if not done:
            done.append(True)
            act()
        return armored

    return Signing(governed.keys[by], sign=sign)


def told_offline(governed: GovernedLab) -> History:
    """What an export tells, without the lab."""
    fold = Fold(governed.config.name, governed.config.policy, ssh.verify)
    lines = [line.encode() for line in export_lines(governed.store, governed.config.audit_prefix)]
    for _, body in exported_lines(lines, "export"):
        fold.see(parse(body))
    return fold.history()


async def test_a_decision_that_lost_a_race_is_no_fault_for_anybody_who_reads_the_chain(governed: GovernedLab) -> None:
    version = governed.train()
    slow = meanwhile(governed, OFFICER, lambda: asyncio.run(governed.act(REJECT, version, ADMIN)))
    with pytest.raises(LabError, match="recorded as overtaken, which is no fault"):
        await governed.act(APPROVE, version, signing=slow)
    assert await Room(governed).failed() == set()
    for history in (governed.history(), told_offline(governed)):
        [late] = history.overtaken
        assert late.seq == governed.store.entries[-1].seq
        assert "too late: entry" in late.problem
        assert (history.ignored, history.uncounted) == ((late,), ())
        assert history.records[MODEL_NAME, version].state is ApprovalState.REJECTED


async def test_a_rejection_tries_again_by_itself(governed: GovernedLab) -> None:
    version = governed.train()
    slow = meanwhile(governed, OFFICER, lambda: asyncio.run(governed.act(APPROVE, version, ADMIN)))
    outcome = await governed.act(REJECT, version, signing=slow)
    assert outcome.succeeded
    assert (outcome.from_state, outcome.to_state) == ("approved_staging", "rejected")
    history = governed.history()
    assert history.records[MODEL_NAME, version].state is ApprovalState.REJECTED
    assert (len(history.overtaken), history.uncounted) == (1, ())
    assert governed.in_step()


async def test_two_rejections_at_once_are_one(governed: GovernedLab) -> None:
    version = governed.train()
    slow = meanwhile(governed, OFFICER, lambda: asyncio.run(governed.act(REJECT, version, ADMIN)))
    outcome = await governed.act(REJECT, version, signing=slow)
    assert outcome.succeeded
    assert outcome.changes == (
        f"entry {outcome.entry.seq if outcome.entry else 0} by {ADMIN} was written first and did the same",
    )


async def test_a_champion_that_was_followed_meanwhile_can_still_be_archived(governed: GovernedLab) -> None:
    first, second = governed.train(), governed.train()
    await governed.promoted(first)
    await governed.promoted(second)
    slow = meanwhile(governed, ENGINEER, lambda: asyncio.run(governed.act(REJECT, first, OFFICER)))
    assert (await governed.act(ARCHIVE, first, signing=slow)).succeeded
    assert governed.record(first).state is ApprovalState.ARCHIVED
    assert governed.history().uncounted == ()


async def test_an_approval_says_what_to_type_when_it_is_still_possible(governed: GovernedLab) -> None:
    version = governed.train()

    def refused() -> None:
        asyncio.run(governed.act(APPROVE, version, ENGINEER))

    with pytest.raises(LabError) as caught:
        await governed.act(APPROVE, version, signing=meanwhile(governed, OFFICER, refused))
    assert f"invoke approve --model {MODEL_NAME} --version {version} --reason" in caught.value.remedy
    assert (await governed.act(APPROVE, version)).succeeded
    assert governed.history().uncounted == ()


async def test_a_copy_or_an_unsigned_or_an_old_statement_is_never_excused(governed: GovernedLab) -> None:
    version = governed.train()
    assert (await governed.act(APPROVE, version)).succeeded
    genuine = governed.store.entries[-1]
    assert (await governed.act(PROMOTE, version, ENGINEER)).succeeded
    governed.copy(genuine)
    unsigned = {name: value for name, value in genuine.details.items() if name != "signature"}
    governed.copy(genuine, details=unsigned)
    later = (datetime.fromisoformat(genuine.time) + timedelta(hours=2)).isoformat()
    said = replace(Statement(**genuine.details["statement"]), time=later)
    signed = {"statement": said.as_details(), "signature": ssh.sign(said.body(), governed.keys[OFFICER])}
    governed.copy(genuine, time=later, details=signed)
    history = governed.history()
    assert history.overtaken == ()
    assert [one.problem.partition("count: ")[2] for one in history.uncounted] == [
        "the same statement came before",
        "it isn't signed",
        f"entry {genuine.seq} came before it, and it isn't of the same time",
    ]


async def test_what_would_not_have_counted_in_time_is_no_lost_race(governed: GovernedLab) -> None:
    version = governed.train()
    before = governed.record(version).newest
    assert (await governed.act(REJECT, version)).succeeded
    time = governed.store.entries[-1].time
    approval(governed, version, by=ENGINEER, role="risk-officer", said_prior=before, said_time=time)
    assert governed.history().overtaken == ()
    assert len(governed.history().uncounted) == 1


def test_identities_changed_at_once(governed: GovernedLab, tmp_path: Path) -> None:
    second = make_key(tmp_path, "ed25519", "second")
    governed.keys["ada@example.com"] = second
    governed.registrar(ADMIN).add("ada@example.com", second, ["platform-admin"], "a second one")

    def add(name: str) -> None:
        key = make_key(tmp_path, "ed25519", name)
        governed.registrar("ada@example.com").add(f"{name}@example.com", key, ["analyst"], "new")

    registrar = Registrar(governed.config, meanwhile(governed, ADMIN, lambda: add("first")), governed.store)
    with pytest.raises(LabError, match="overtaken, which is no fault"):
        registrar.add("late@example.com", make_key(tmp_path, "ed25519", "late"), ["analyst"], "new")
    registrar = Registrar(governed.config, meanwhile(governed, ADMIN, lambda: add("other")), governed.store)
    registrar.remove(OFFICER, "left")
    history = governed.history()
    assert {one.name for one in history.identities.signers} >= {"first@example.com", "other@example.com"}
    assert not history.identities.named(OFFICER)
    assert (len(history.overtaken), history.uncounted) == (2, ())


def test_two_baselines_asked_for_at_once(governed: GovernedLab) -> None:
    actor = Actor(ADMIN, Role.PLATFORM_ADMIN, Environment.STAGING)
    config = replace(governed.config, actor=actor)

    def ask(digest: str, signing: Signing) -> None:
        baselines = BaselineApproval(config, governed.store, signing, MODEL_NAME)
        baselines.done(baselines.ask({"data_hash": digest * 64}, "better"))

    slow = meanwhile(governed, ADMIN, lambda: ask("1", Signing(governed.keys[ADMIN])))
    with pytest.raises(LabError, match="No baseline was set"):
        ask("2", slow)
    history = governed.history()
    audited = history.baselines_of(MODEL_NAME).audited
    assert ("1" * 64 in audited, "2" * 64 in audited) == (True, False)
    assert (len(history.overtaken), history.uncounted) == (1, ())


async def test_the_registry_ends_as_the_later_of_two_decisions_left_the_trail(governed: GovernedLab) -> None:
    version, done = governed.train(), []
    serve = governed.registry._write

    def late(method: str, path: str, body: dict[str, str]) -> httpx.Response:
        """Somebody rejects, and shows it, before the approval has shown itself."""
        if not done:
            done.append(True)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(asyncio.run, governed.act(REJECT, version, ADMIN)).result()
        return serve(method, path, body)

    governed.registry._write = late  # type: ignore[method-assign]
    assert (await governed.act(APPROVE, version)).succeeded
    assert governed.record(version).state is ApprovalState.REJECTED
    assert governed.in_step()
    assert governed.registry.tags[version]["deployment_blocked"] == "true"
