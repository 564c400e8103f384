"""A service begins as its file says, with nothing of the shell that started its supervisor."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCH = Path(__file__).resolve().parents[2] / "lab" / "runtime" / "native" / "launch.py"
LOOK = "import os, signal; print(dict(os.environ), os.getcwd(), signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"


@pytest.mark.parametrize("shell", ["", "trap '' HUP INT QUIT; "])
def test_a_service_has_its_own_environment_folder_and_signals(tmp_path: Path, shell: str) -> None:
    argv = [sys.executable, "-I", "-S", "-c", LOOK]
    spec = {"command": argv, "environment": {"A": "b"}, "folder": str(tmp_path), "files": {}}
    (tmp_path / "x.json").write_text(json.dumps(spec))
    line = f'{shell}exec "$0" -I -S "$@"'
    started = ["sh", "-c", line, sys.executable, str(LAUNCH), str(tmp_path / "x.json"), "digest"]
    done = subprocess.run(started, capture_output=True, text=True, check=True, env={"FROM": "the shell"})

    assert "'A': 'b'" in done.stdout
    assert "the shell" not in done.stdout
    assert done.stdout.split()[-2:] == [str(tmp_path), "False"]
