"""verify-governance, reconcile and evidence as typed: both commands, exit codes, messages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import cli
from lab.base.model_versions import ApprovalState
from lab.commands import governance_commands
from lab.governance.cases.evidence import Evidence
from lab.governance.cases.reconcile import Reconciliation
from lab.governance.checks import Proof
from lab.governance.rules.registry_findings import Finding, Kind
from tests.support.lab import INVOKE, ROOT


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """The environment of a lab that was never started."""
    own = {
        "LAB_NAME": "nowhere",
        "LAB_HOME": str(tmp_path / "home"),
        "LAB_ENV_FILE": str(tmp_path / ".env"),
        "PORT_OFFSET": "38970",
        "RUNTIME": "native",
    }
    return {k: v for k, v in os.environ.items() if k not in {"ENVIRONMENT", "RUN_ROLE"}} | own


def run(program: list[str], *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*program, *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
        check=False,
    )


PROGRAMS = [[sys.executable, "-m", "lab.cli"], [INVOKE]]


@pytest.mark.parametrize("program", PROGRAMS, ids=["mlops-lab", "invoke"])
def test_a_lab_that_is_down_is_said_without_a_traceback(program: list[str], nowhere: dict[str, str]) -> None:
    for arguments in (["reconcile"], ["evidence", "--version", "1"]):
        done = run(program, *arguments, env=nowhere)
        assert done.returncode == 1, done.stdout
        assert "error: " in done.stderr
        assert "Traceback" not in done.stderr
    assert run(program, "evidence", "--version", "one", env=nowhere).returncode == 2
    assert run(program, "verify-governance", "--only", "unicorns", env=nowhere).returncode == 2


def test_nothing_is_proved_of_a_lab_that_is_down(nowhere: dict[str, str], tmp_path: Path) -> None:
    xml = tmp_path / "proofs.xml"
    done = run(PROGRAMS[1], "verify-governance", "--only", "network", "--json", "--junit", str(xml), env=nowhere)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["message"] in done.stderr
    assert f"The lab nowhere at {nowhere['LAB_HOME']} isn't up." in done.stderr
    assert not xml.exists()


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    for command, options in (
        ("verify-governance", ("--only", "--junit", "--json")),
        ("reconcile", ("--repair", "--json")),
        ("evidence", ("--version", "--output", "--json")),
    ):
        with pytest.raises(SystemExit, match="0"):
            cli.main([command, "--help"])
        text = capsys.readouterr().out
        assert all(option in text for option in options)


def test_proofs_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    governance_commands.print_proofs((Proof("a: b", True, "[seen]", 1.0), Proof("c: d", False, "not seen", 0.5)))
    text = capsys.readouterr().out
    assert "PASS a: b" in text
    assert "[seen]" in text
    assert "FAIL c: d" in text
    assert "1 of 2 guardrails hold, proved in 1.5 s" in text


def test_findings_say_what_can_be_done_about_them(capsys: pytest.CaptureFixture[str]) -> None:
    tag, gone = Finding(Kind.TAG, "1", "owner", "eve", "dora"), Finding(Kind.GONE, "2", audited=ApprovalState.ARCHIVED)
    governance_commands.print_reconciliation(Reconciliation(2, (tag, gone), (tag, gone)))
    text = capsys.readouterr().out
    assert "can be repaired" in text
    assert "needs a person" in text
    assert "invoke reconcile --repair" in text
    governance_commands.print_reconciliation(Reconciliation(2, (tag, gone), (gone,), ("x",)))
    assert "repaired" in capsys.readouterr().out
    governance_commands.print_reconciliation(Reconciliation(2, (), ()))
    assert "says what the audit trail says" in capsys.readouterr().out


def test_evidence_that_cannot_be_relied_on_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    made = Evidence("1", "rejected", "/x/y", "/x/y.zip", 27, 3, 11, ("the trail is cut",))
    governance_commands.print_evidence(made)
    text = capsys.readouterr().out
    assert "27 files on version 1, rejected; ledger entries 3–11" in text
    assert "not to be relied on: the trail is cut" in text
    assert not made.succeeded
