"""The subcommands of approval: what is typed reaches the use case, and nothing heavy is imported before."""

import subprocess
import sys
from typing import Any

import pytest

from lab import cli
from lab.commands import approval_commands
from lab.governance.rules.policy import Action


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Records calls of the front end; each answers 1."""
    calls: list[tuple[Any, ...]] = []

    def record(name: str) -> None:
        def answer(*arguments: Any) -> int:
            calls.append((name, *arguments))
            return 1

        monkeypatch.setattr(approval_commands, name, answer)

    for name in ("act", "add_identity", "remove_identity", "list_identities"):
        record(name)
    return calls


@pytest.mark.parametrize("action", ["approve", "reject", "promote", "archive"])
def test_an_action_is_passed_on_with_its_exit_code(called: list[tuple[Any, ...]], action: str) -> None:
    line = [action, "--version", "3", "--reason", "why not", "--key", "k", "--role", "risk-officer", "--dry-run"]
    assert cli.main([*line, "--json"]) == 1
    assert called == [("act", Action(action), "3", "why not", "k", "risk-officer", True, True)]


def test_identities_are_passed_on(called: list[tuple[Any, ...]]) -> None:
    cli.main(["identity", "add", "ann", "--key", "k.pub", "--role", "analyst", "--role", "ml-engineer"])
    cli.main(["identity", "remove", "ann", "--reason", "left", "--sign-with", "mine"])
    cli.main(["identity", "list", "--json"])
    assert called == [
        ("add_identity", "ann", "k.pub", ["analyst", "ml-engineer"], "", "", "", False),
        ("remove_identity", "ann", "left", "mine", False),
        ("list_identities", True),
    ]


@pytest.mark.parametrize("line", [["approve"], ["approve", "--version", "1"], ["identity"], ["identity", "add", "ann"]])
def test_what_is_missing_is_wrong_usage(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(line)
    assert caught.value.code == 2
    assert "required" in capsys.readouterr().err


def test_the_subcommands_cost_no_start_up_time() -> None:
    program = "import sys, lab.cli; lab.cli._parser(); print(*sorted({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"rich", "boto3", "httpx", "cryptography", "pydantic"} & set(done.stdout.split())
