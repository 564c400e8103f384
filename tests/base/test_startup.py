"""Commands in accounts and terminals that lack what is usual."""

import codecs
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from lab.base import account, startup

ROOT = Path(__file__).resolve().parents[2]
PRINT = """import sys
from lab.base.startup import settle
settle()
print('● up – Łukasz 🙂 done…')
print('✖', file=sys.stderr)"""

# How often garbage was looked for while a command's modules were imported.
COUNT = """import gc
from lab.base.startup import settle
settle()
def looks():
    return sum(one["collections"] for one in gc.get_stats())
before = looks()
import lab.operations.lifecycle, lab.wiring
print(looks() - before)"""


def test_a_command_that_begins_looks_for_garbage_hardly_ever() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 10


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without an entry in the password file, and without HOME."""

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME", raising=False)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_utf_8_shows_plain_characters(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINT],
        cwd=ROOT,
        env={"PYTHONIOENCODING": encoding, "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode("ascii") == "* up - \\u0141ukasz \\ud83d\\ude42 done...\n"
    assert done.stderr == b"x\n"


def test_a_terminal_with_utf_8_shows_everything() -> None:
    environ = {"PYTHONIOENCODING": "utf-8", "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", PRINT], cwd=ROOT, env=environ, capture_output=True, check=True)
    assert done.stdout.decode() == "● up – Łukasz 🙂 done…\n"


def test_what_stands_for_a_character_is_what_json_writes() -> None:
    startup.settle({})
    assert "ü山🙂".encode("ascii", errors="lab-readable") == b"\\u00fc\\u5c71\\ud83d\\ude42"
    with pytest.raises(UnicodeDecodeError):
        codecs.lookup_error("lab-readable")(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"))


def test_an_account_without_name_and_home_has_something_to_go_by(nameless: None) -> None:
    environ: dict[str, str] = {}
    startup.settle(environ)
    assert environ == {"HOME": "/nonexistent", "USER": f"uid-{os.getuid()}"}
    assert account.home() == Path("/nonexistent")


def test_an_account_without_a_name_has_the_home_that_it_was_given(
    nameless: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert account.home() == tmp_path
    assert account.expanded(Path("~/lab")) == tmp_path / "lab"


def test_a_tilde_in_a_setting_is_the_accounts_home_whatever_home_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = account.expanded(Path("~/lab"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert account.expanded(Path("~/lab")) == known
    assert account.home() == tmp_path
    with pytest.raises(RuntimeError):
        account.expanded(Path("~nobody-of-this-name/lab"))
