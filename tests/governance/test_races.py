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
from tests.operations.desk import ADMIN, ENGINEER, OFFICER, Desk
from tests.support.keys import make_key

APPROVE, REJECT, PROMOTE, ARCHIVE = Action.APPROVE, Action.REJECT, Action.PROMOTE, Action.ARCHIVE


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path).staffed()


def meanwhile(desk: Desk, by: str, act: Callable[[], object]) -> Signing:
    """The key of `by`, whose first signature takes so long that somebody else does `act` before it is written."""
    done: list[object] = []

    def sign(message: bytes, key: Path) -> str:
        armored = ssh.sign(message, key)
        if not done:
            done.append(True)
            act()
        return armored

    return Signing(desk.keys[by], sign=sign)


def told_offline(desk: Desk) -> History:
    """What an export tells, without the lab."""
    fold = Fold(desk.config.name, desk.config.policy, ssh.verify)
    lines = [line.encode() for line in export_lines(desk.store, desk.config.audit_prefix)]
    for _, body in exported_lines(lines, "export"):
        fold.see(parse(body))
    return fold.history()


async def test_a_decision_that_lost_a_race_is_no_fault_for_anybody_who_reads_the_chain(desk: Desk) -> None:
    version = desk.train()
    slow = meanwhile(desk, OFFICER, lambda: asyncio.run(desk.act(REJECT, version, ADMIN)))
    with pytest.raises(LabError, match="recorded as overtaken, which is no fault"):
        await desk.act(APPROVE, version, signing=slow)
    assert await Room(desk).failed() == set()
    for history in (desk.history(), told_offline(desk)):
        [late] = history.overtaken
        assert late.seq == desk.store.entries[-1].seq
        assert "too late: entry" in late.problem
        assert (history.ignored, history.uncounted) == ((late,), ())
        assert history.records[version].state is ApprovalState.REJECTED


async def test_a_rejection_tries_again_by_itself(desk: Desk) -> None:
    version = desk.train()
    slow = meanwhile(desk, OFFICER, lambda: asyncio.run(desk.act(APPROVE, version, ADMIN)))
    outcome = await desk.act(REJECT, version, signing=slow)
    assert outcome.succeeded
    assert (outcome.from_state, outcome.to_state) == ("approved_staging", "rejected")
    history = desk.history()
    assert history.records[version].state is ApprovalState.REJECTED
    assert (len(history.overtaken), history.uncounted) == (1, ())
    assert desk.in_step()


async def test_two_rejections_at_once_are_one(desk: Desk) -> None:
    version = desk.train()
    slow = meanwhile(desk, OFFICER, lambda: asyncio.run(desk.act(REJECT, version, ADMIN)))
    outcome = await desk.act(REJECT, version, signing=slow)
    assert outcome.succeeded
    assert outcome.changes == (
        f"entry {outcome.entry.seq if outcome.entry else 0} by {ADMIN} was written first and did the same",
    )


async def test_a_champion_that_was_followed_meanwhile_can_still_be_archived(desk: Desk) -> None:
    first, second = desk.train(), desk.train()
    await desk.promoted(first)
    await desk.promoted(second)
    slow = meanwhile(desk, ENGINEER, lambda: asyncio.run(desk.act(REJECT, first, OFFICER)))
    assert (await desk.act(ARCHIVE, first, signing=slow)).succeeded
    assert desk.history().records[first].state is ApprovalState.ARCHIVED
    assert desk.history().uncounted == ()


async def test_an_approval_says_what_to_type_when_it_is_still_possible(desk: Desk) -> None:
    version = desk.train()

    def refused() -> None:
        asyncio.run(desk.act(APPROVE, version, ENGINEER))

    with pytest.raises(LabError) as caught:
        await desk.act(APPROVE, version, signing=meanwhile(desk, OFFICER, refused))
    assert f"invoke approve --version {version} --reason" in caught.value.remedy
    assert (await desk.act(APPROVE, version)).succeeded
    assert desk.history().uncounted == ()


async def test_a_copy_or_an_unsigned_or_an_old_statement_is_never_excused(desk: Desk) -> None:
    version = desk.train()
    assert (await desk.act(APPROVE, version)).succeeded
    genuine = desk.store.entries[-1]
    assert (await desk.act(PROMOTE, version, ENGINEER)).succeeded
    desk.copy(genuine)
    unsigned = {name: value for name, value in genuine.details.items() if name != "signature"}
    desk.copy(genuine, details=unsigned)
    later = (datetime.fromisoformat(genuine.time) + timedelta(hours=2)).isoformat()
    said = replace(Statement(**genuine.details["statement"]), time=later)
    signed = {"statement": said.as_details(), "signature": ssh.sign(said.body(), desk.keys[OFFICER])}
    desk.copy(genuine, time=later, details=signed)
    history = desk.history()
    assert history.overtaken == ()
    assert [one.problem.partition("count: ")[2] for one in history.uncounted] == [
        "the same statement came before",
        "it isn't signed",
        f"entry {genuine.seq} came before it, and it isn't of the same time",
    ]


async def test_what_would_not_have_counted_in_time_is_no_lost_race(desk: Desk) -> None:
    version = desk.train()
    before = desk.history().records[version].newest
    assert (await desk.act(REJECT, version)).succeeded
    time = desk.store.entries[-1].time
    approval(desk, version, by=ENGINEER, role="risk-officer", said_prior=before, said_time=time)
    assert desk.history().overtaken == ()
    assert len(desk.history().uncounted) == 1


def test_identities_changed_at_once(desk: Desk, tmp_path: Path) -> None:
    second = make_key(tmp_path, "ed25519", "second")
    desk.keys["ada@example.com"] = second
    desk.registrar(ADMIN).add("ada@example.com", second, ["platform-admin"], "a second one")

    def add(name: str) -> None:
        key = make_key(tmp_path, "ed25519", name)
        desk.registrar("ada@example.com").add(f"{name}@example.com", key, ["analyst"], "new")

    registrar = Registrar(desk.config, meanwhile(desk, ADMIN, lambda: add("first")), desk.store)
    with pytest.raises(LabError, match="overtaken, which is no fault"):
        registrar.add("late@example.com", make_key(tmp_path, "ed25519", "late"), ["analyst"], "new")
    registrar = Registrar(desk.config, meanwhile(desk, ADMIN, lambda: add("other")), desk.store)
    registrar.remove(OFFICER, "left")
    history = desk.history()
    assert {one.name for one in history.identities.signers} >= {"first@example.com", "other@example.com"}
    assert not history.identities.named(OFFICER)
    assert (len(history.overtaken), history.uncounted) == (2, ())


def test_two_baselines_asked_for_at_once(desk: Desk) -> None:
    actor = Actor(ADMIN, Role.PLATFORM_ADMIN, Environment.STAGING)
    config = replace(desk.config, actor=actor)

    def ask(digest: str, signing: Signing) -> None:
        baselines = BaselineApproval(config, desk.store, signing)
        baselines.done(baselines.ask({"data_hash": digest * 64}, "better"))

    slow = meanwhile(desk, ADMIN, lambda: ask("1", Signing(desk.keys[ADMIN])))
    with pytest.raises(LabError, match="No baseline was set"):
        ask("2", slow)
    history = desk.history()
    assert ("1" * 64 in history.baselines.audited, "2" * 64 in history.baselines.audited) == (True, False)
    assert (len(history.overtaken), history.uncounted) == (1, ())


async def test_the_registry_ends_as_the_later_of_two_decisions_left_the_trail(desk: Desk) -> None:
    version, done = desk.train(), []
    serve = desk.registry._write

    def late(method: str, path: str, body: dict[str, str]) -> httpx.Response:
        """Somebody rejects, and shows it, before the approval has shown itself."""
        if not done:
            done.append(True)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(asyncio.run, desk.act(REJECT, version, ADMIN)).result()
        return serve(method, path, body)

    desk.registry._write = late  # type: ignore[method-assign]
    assert (await desk.act(APPROVE, version)).succeeded
    assert desk.history().records[version].state is ApprovalState.REJECTED
    assert desk.in_step()
    assert desk.registry.tags[version]["deployment_blocked"] == "true"
