"""What an action's process does with a key that asks for its passphrase."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from lab.commands.dispatch.action_process import PROCESSES, ActionProcess, Locked, main
from lab.commands.dispatch.action_results import started
from tests.support.keys import make_key

# In a session of its own, as beside the screen: there is no terminal to ask on.
_SIGN = """
import sys
from pathlib import Path
from lab.commands.dispatch import action_process
try:
    action_process.sign(b"message", Path(sys.argv[1]))
    print("signed")
except action_process.Locked as err:
    print(f"{err.lock}: {err}")
"""


def signing(key: Path, **options: object) -> "subprocess.CompletedProcess[str]":
    environ = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    argv = [sys.executable, "-c", _SIGN, str(key)]
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        argv, env=environ, start_new_session=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        check=True, **options,
    )  # fmt: skip


def test_beside_the_screen_a_locked_key_is_an_error_with_a_way_out_and_asks_nobody(tmp_path: Path) -> None:
    assert signing(make_key(tmp_path, "ed25519", "open")).stdout == "signed\n"
    key = make_key(tmp_path, "ed25519", "shut", "secret")
    assert signing(key).stdout == (
        f"passphrase: The key {key} asks for its passphrase. Load it once with `ssh-add {key}`, then try again.\n"
    )


def test_at_a_terminal_ssh_keygen_asks_itself(tmp_path: Path) -> None:
    key = make_key(tmp_path, "ed25519", "shut", "secret")
    environ = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the other process
        os.execve(sys.executable, [sys.executable, "-c", _SIGN, str(key)], environ)
    said = b""
    typed = False
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk
            if b"passphrase" in said and not typed:
                typed = True
                os.write(terminal, b"secret\n")
    except OSError:
        pass  # the terminal's other end is closed
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"signed" in said


def test_the_lock_is_told_to_the_screen(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def locked(*_: object) -> None:
        raise Locked(Path("/key"), "passphrase")

    monkeypatch.setitem(PROCESSES, "up", ActionProcess(locked, started))  # type: ignore[arg-type]
    assert main(["up", "{}"]) == 1
    assert '"data": {"lock": "passphrase"}' in capfd.readouterr().out


def test_a_mistake_of_ours_is_a_message(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setitem(PROCESSES, "up", ActionProcess(broken, started))  # type: ignore[arg-type]
    assert main(["up", "{}"]) == 1
    assert "ZeroDivisionError: division by zero" in capfd.readouterr().out
