"""docs/first-hour.md, typed word for word into a fresh copy of the project; what it shows must be what comes."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab import ROOT, LiveLab
from tests.support.project import committed, prepared_alike

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400)]

_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ENDED = "first-hour-block-ended"


def blocks() -> list[tuple[str, list[str]]]:
    """The commands of each block, and the lines that the page shows below it."""
    found: list[tuple[str, list[str]]] = []
    for kind, text in _BLOCK.findall((ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")):
        if kind == "sh":
            found.append((text, []))
        else:
            found[-1][1].extend(text.splitlines())
    return found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LiveLab]:
    """A fresh copy, into which `./run` installs what it needs, as it does for anybody.

    Only uv itself is here, and what was compiled and downloaded for the environment that runs this: tests/debian does
    without.
    """
    root = committed(tmp_path / "project", ("run", "README.md", "docs"))
    if (ROOT / ".uv").exists():
        (root / ".uv").symlink_to(ROOT / ".uv")
    with LiveLab.prepared(tmp_path, "first-hour", root) as made:
        made.command("./run", "--list", timeout=1200)
        prepared_alike(root / ".venv")
        yield made


class Shell:
    """One shell for the whole page: what a block sets, the next ones have."""

    def __init__(self, lab: LiveLab) -> None:
        self._script = lab.folder / "block.sh"
        self._process = subprocess.Popen(
            ["bash"],
            cwd=lab.root,
            env={**lab.environ, "COLUMNS": "200"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type(self, commands: str) -> str:
        """What the commands print. Fails at the first that fails, as a person would stop there."""
        self._script.write_text(f"set -e\n{commands}", encoding="utf-8")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f". {self._script} </dev/null; echo {_ENDED}\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.strip() == _ENDED:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"{commands}\nended with {self._process.wait(60)}:\n{''.join(lines)}")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=60)


def expect(shown: list[str], printed: str) -> None:
    """Each line that the page shows is there, in that order."""
    rest = printed
    for line in shown:
        pattern = ".*?".join(re.escape(part) for part in line.split("…"))
        found = re.search(pattern, rest)
        assert found, f"the page shows {line!r}; printed was:\n{printed}"
        rest = rest[found.end() :]


def test_the_page_is_true_word_for_word(lab: LiveLab) -> None:
    shell = Shell(lab)
    try:
        for commands, shown in blocks():
            expect(shown, shell.type(commands))
    finally:
        shell.close()
    assert not lab.home.exists()
    changed = subprocess.run(
        ["git", "-C", str(lab.root), "status", "--porcelain"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert set(changed.splitlines()) <= {"?? .uv"}
