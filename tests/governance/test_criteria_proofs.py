"""The proofs about criteria: each holds on a sound lab, and fails when the guard that it tries is taken away."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.base.runs import Run, RunStatus
from lab.governance.cases import gates
from lab.governance.cases.approve import Approver
from lab.governance.checks.criteria_proofs import CriteriaProofs
from lab.governance.checks.sandbox import PEOPLE, Sandbox, make_key
from lab.governance.checks.subject import Launched
from lab.governance.rules.criteria import Criteria, criteria_of, loosened
from lab.governance.rules.history import Record
from lab.governance.rules.policy import Decision, Policy
from lab.models.model_folder import the_model
from tests.support.contracts import CONTRACT, MODEL
from tests.support.governed_lab import GovernedLab, MemoryStore

LOOSER = "criteria: a contract that asks for less is refused"
UNPROVED = "criteria: who trains can't put them in force"
EDITED = "criteria: a contract edited between approval and promotion changes nothing"


@dataclass(frozen=True)
class Room:
    """A version that was trained on data that drifted, and the sandbox that people act on."""

    sandbox: Sandbox
    probe: Any

    async def proof(self, name: str) -> tuple[bool, str]:
        checks = CriteriaProofs(lambda: _as(self.sandbox), self.probe).checks()
        proof = await next(check for check in checks if check.name == name).settle()
        return proof.passed, proof.evidence


@pytest.fixture
def room(tmp_path: Path) -> Room:
    governed = GovernedLab(tmp_path)
    number = governed.train(asked=criteria_of(CONTRACT), drift="drifted")
    clients: Any = SimpleNamespace(config=governed.config, mlflow=governed.registry.client())
    config = replace(governed.config, home=tmp_path / "sandbox", signing_key=None)
    config.home.mkdir()
    keys = {name: make_key(config.home / f"key-{place}") for place, name in enumerate(PEOPLE)}
    sandbox = Sandbox(config, clients, MemoryStore(), keys)
    launched = Launched(Run("r1", "job", RunStatus.SUCCESS, 1.0, 2.0, 3.0), tuple(governed.store.entries))
    sandbox._fill(launched.entries)
    return Room(
        sandbox,
        SimpleNamespace(model=MODEL, clients=clients, version=lambda: _as(number), trained=lambda: _as(launched)),
    )


async def _as(value: Any) -> Any:
    return value


async def test_whoever_trains_cannot_ask_for_less(room: Room) -> None:
    passed, evidence = await room.proof(LOOSER)
    assert passed
    for tried in ("margin auc 0.9", "risk tier low", "nobody signed for that", "isn't protected any more"):
        assert tried in evidence


async def test_whoever_trains_cannot_put_criteria_in_force(room: Room) -> None:
    passed, evidence = await room.proof(UNPROVED)
    assert passed
    assert "it isn't signed" in evidence
    assert "may not" in evidence


async def test_an_edit_between_approval_and_promotion_changes_nothing(room: Room) -> None:
    passed, evidence = await room.proof(EDITED)
    assert passed
    assert evidence.startswith("criteria of a promotion before and after: ")


def without(words: str) -> Callable[[pytest.MonkeyPatch], None]:
    """A gate that lets through what it says in these words."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        sound = loosened

        def lenient(asked: Criteria, force: Criteria) -> Iterator[str]:
            return (said for said in sound(asked, force) if words not in said)

        patch.setattr(gates, "loosened", lenient)

    return plant


def anybody(patch: pytest.MonkeyPatch) -> None:
    """A policy that lets everybody set criteria."""
    patch.setattr(Policy, "decide", lambda _, who, action: Decision(who, action, True, "everybody may"))


def unsigned(patch: pytest.MonkeyPatch) -> None:
    """A trail whose unsigned criteria count."""
    patch.setattr(Policy, "signature_required", lambda *_: False)


def as_the_file_says(patch: pytest.MonkeyPatch) -> None:
    """Approving and promoting by what the contract says by now, in place of what it said at the registration."""
    sound = Approver._look

    async def look(self: Approver, *what: Any) -> Any:
        asked = criteria_of(the_model(self.config.pipelines).contract)
        patch.setattr(Record, "criteria", property(lambda _: asked))
        return await sound(self, *what)

    patch.setattr(Approver, "_look", look)


def not_approved(patch: pytest.MonkeyPatch) -> None:
    """An approval that doesn't count, so that no promotion could be tried."""
    patch.setattr(Sandbox, "append", lambda *_: None)


FAULTS = {
    "a wider margin": (without("margin auc"), LOOSER, "margin auc 0.9: the gate was open"),
    "a lighter tier": (without("risk tier"), LOOSER, "risk tier low: the gate was open"),
    "an exemption that nobody signed": (without("nobody signed for that"), LOOSER, "probe is protected and used: the"),
    "less protection": (without("isn't protected any more"), LOOSER, "isn't protected: the gate was open"),
    "anybody's criteria": (anybody, UNPROVED, "an ml-engineer put criteria in force"),
    "criteria without a signature": (unsigned, UNPROVED, "criteria that nobody signed count in prod"),
    "a contract as it is by now": (as_the_file_says, EDITED, "; groups of people aren't judged"),
    "no approval": (not_approved, EDITED, "the approval on the sandbox doesn't count"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_guard_that_is_taken_away_fails_its_proof(
    room: Room, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, name, said = FAULTS[fault]
    plant(monkeypatch)
    passed, evidence = await room.proof(name)
    assert not passed
    assert said in evidence
