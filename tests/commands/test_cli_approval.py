"""The subcommands of approval: what is typed reaches the use case, and nothing heavy is imported before."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from lab import cli
from lab.commands.approval_commands import print_change
from lab.commands.command import Command
from lab.governance.cases.identity import Change


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Records what commands are run with; each ends with 1."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def answer(command: Command[Any], options: Mapping[str, Any]) -> int:
        calls.append((command.name, dict(options)))
        return 1

    monkeypatch.setattr(Command, "run", answer)
    return calls


@pytest.mark.parametrize("action", ["approve", "reject", "promote", "archive"])
def test_an_action_is_passed_on_with_its_exit_code(called: list[tuple[str, dict[str, Any]]], action: str) -> None:
    line = [action, "--version", "3", "--reason", "why not", "--key", "k", "--role", "risk-officer", "--dry-run"]
    line += ["--model", "Churn"]
    given = {"version": "3", "reason": "why not", "key": "k", "role": "risk-officer", "dry_run": True, "json": True}
    given["model"] = "Churn"
    assert cli.main([*line, "--json"]) == 1
    assert called == [(action, given)]


def test_identities_are_passed_on(called: list[tuple[str, dict[str, Any]]]) -> None:
    cli.main(["identity", "add", "ann", "--key", "k.pub", "--role", "analyst", "--role", "ml-engineer"])
    cli.main(["identity", "remove", "ann", "--reason", "left", "--sign-with", "mine"])
    cli.main(["identity", "list", "--json"])
    default = {"reason": "", "sign_with": "", "json": False}
    assert called == [
        ("identity add", default | {"name": "ann", "key": "k.pub", "role": ["analyst", "ml-engineer"], "until": ""}),
        ("identity remove", default | {"name": "ann", "reason": "left", "sign_with": "mine"}),
        ("identity list", {"json": True}),
    ]


@pytest.mark.parametrize("line", [["approve"], ["approve", "--version", "1"], ["identity"], ["identity", "add", "ann"]])
def test_what_is_missing_is_wrong_usage(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(line)
    assert caught.value.code == 2
    assert "required" in capsys.readouterr().err


def test_the_subcommands_cost_no_start_up_time() -> None:
    program = "import sys, lab.cli; lab.cli._parser().whole(); print(*sorted({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"rich", "boto3", "httpx", "cryptography", "pydantic"} & set(done.stdout.split())


def test_an_identity_that_is_there_already_is_not_told_as_added(capsys: pytest.CaptureFixture[str]) -> None:
    print_change(Change("add", ("ann@example.com ssh-ed25519 AAAA",), "/home/allowed_signers", ()))
    said = capsys.readouterr().out
    assert "there already: ann@example.com" in said
    assert "added" not in said
