"""Whoever meets a closed gate is told what opens it."""

from pathlib import Path

import pytest

from lab.commands.approval_commands import print_outcome
from lab.governance.cases.approve import Outcome
from lab.governance.rules.policy import Action
from tests.support.governed_lab import ENGINEER, OFFICER, GovernedLab
from tests.support.keys import make_key


@pytest.fixture
def governed(tmp_path: Path) -> GovernedLab:
    return GovernedLab(tmp_path).staffed()


def remedies(outcome: Outcome) -> dict[str, str]:
    assert not any(gate.remedy for gate in outcome.gates if gate.passed)
    return {gate.name: gate.remedy for gate in outcome.gates if not gate.passed}


async def test_an_unknown_key_is_told_who_may_sign_and_how_a_key_is_added(governed: GovernedLab) -> None:
    stranger = make_key(governed.folder, "ed25519", "stranger")
    found = remedies(await governed.act(Action.APPROVE, governed.train(), stranger))
    assert "`invoke identity-list`" in found["identity"]
    assert "`invoke identity-add`" in found["identity"]


async def test_an_owner_is_told_that_somebody_else_decides(governed: GovernedLab) -> None:
    version = governed.train(owner=OFFICER)
    assert "Somebody else" in remedies(await governed.act(Action.APPROVE, version, OFFICER))["four eyes"]


async def test_worse_metrics_and_drifted_data_come_with_the_commands_that_help(
    governed: GovernedLab, capsys: pytest.CaptureFixture[str]
) -> None:
    await governed.promoted(governed.train(auc=0.78))
    worse = governed.train(auc=0.7, drift="drifted")
    assert (await governed.act(Action.APPROVE, worse)).succeeded
    outcome = await governed.act(Action.PROMOTE, worse, ENGINEER)
    found = remedies(outcome)
    assert f"`invoke seed --model {outcome.model}`" in found["drift"]
    assert f"`invoke set-criteria --model {outcome.model} " in found["metric"]

    print_outcome(outcome)

    shown = capsys.readouterr().out
    assert f"→ drift: {found['drift']}" in shown
    assert f"→ metric: {found['metric']}" in shown
