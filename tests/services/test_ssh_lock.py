"""Which keys can sign without a person."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.services.ssh_lock import NOWHERE, PASSPHRASE, lock_of
from tests.support.keys import make_key


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An agent of the test's own; the address of its socket."""
    socket = tmp_path / "agent"
    said = subprocess.run(["ssh-agent", "-a", str(socket)], capture_output=True, text=True, check=True).stdout
    pid = int(said.partition("SSH_AGENT_PID=")[2].partition(";")[0])
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield socket
    os.kill(pid, signal.SIGTERM)


@pytest.fixture
def without_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
@pytest.mark.usefixtures("without_agent")
def test_a_key_without_a_passphrase_signs_at_once_and_one_with_it_asks(kind: str, tmp_path: Path) -> None:
    assert lock_of(make_key(tmp_path, kind, "open")) == ""
    assert lock_of(make_key(tmp_path, kind, "shut", "secret")) == PASSPHRASE
    assert lock_of(tmp_path / "shut.pub") == PASSPHRASE


@pytest.mark.usefixtures("without_agent")
def test_a_key_whose_private_half_is_gone_is_nowhere(tmp_path: Path) -> None:
    key = make_key(tmp_path, "ed25519")
    key.unlink()
    assert lock_of(key) == NOWHERE
    assert lock_of(tmp_path / "never.pub") == NOWHERE


def test_what_an_agent_holds_signs_at_once(tmp_path: Path, agent: Path) -> None:
    key = make_key(tmp_path, "ed25519", "held")
    other = make_key(tmp_path, "ed25519", "other", "secret")
    subprocess.run(["ssh-add", "-q", str(key)], check=True, capture_output=True)
    key.unlink()
    assert lock_of(key) == ""
    assert lock_of(key.with_name("held.pub")) == ""
    assert lock_of(other) == PASSPHRASE
