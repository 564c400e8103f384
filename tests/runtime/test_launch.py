"""A service begins as its file says, with nothing of the shell that started its supervisor."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCH = Path(__file__).resolve().parents[2] / "lab" / "runtime" / "native" / "launch.py"
LOOK = "import os, signal; print(dict(os.environ), os.getcwd(), signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
# Writes after it was told to end, as servers do.
SAY = """
import os, signal, sys
def end(*_):
    print("bye http://a/SECRET")
    sys.exit(3)
signal.signal(signal.SIGTERM, end)
print('err="Post \\\\"https://me:SECRET@hooks.example.com:8443/SECRET?x=SECRET\\\\": refused"', flush=True)
print("http://host/SECRET#SECRET", file=sys.stderr, flush=True)
os.killpg(0, signal.SIGTERM)
"""


def launched(folder: Path, *arguments: str, **more: object) -> list[str]:
    """The command line that launches Python with these arguments as a service."""
    argv = [sys.executable, "-I", "-S", *arguments]
    spec = {"command": argv, "environment": {"A": "b"}, "folder": str(folder), "files": {}, **more}
    (folder / "x.json").write_text(json.dumps(spec))
    return [sys.executable, "-I", "-S", str(LAUNCH), str(folder / "x.json"), "digest"]


def test_what_may_be_a_secret_in_a_url_is_kept_out_of_a_log(tmp_path: Path) -> None:
    started = launched(tmp_path, "-c", SAY, hide_urls=True)
    done = subprocess.run(started, capture_output=True, text=True, check=False, start_new_session=True, timeout=60)

    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        r'err="Post \"https://hooks.example.com:8443/…\": refused"',
        "http://host/…",
        "bye http://a/…",
    ]
    assert done.stderr == ""


def test_a_full_disk_costs_lines_of_the_log_and_not_the_service(tmp_path: Path) -> None:
    say = "import os\nfor _ in range(2000): os.write(1, b'x' * 99 + b'\\n')"
    with Path("/dev/full").open("w") as full:
        started = launched(tmp_path, "-c", say, hide_urls=True)
        done = subprocess.run(started, stdout=full, stderr=full, check=False, start_new_session=True, timeout=60)
    assert done.returncode == 0


@pytest.mark.parametrize("shell", ["", "trap '' HUP INT QUIT; "])
def test_a_service_has_its_own_environment_folder_and_signals(tmp_path: Path, shell: str) -> None:
    started = ["sh", "-c", f'{shell}exec "$0" "$@"', *launched(tmp_path, "-c", LOOK)]
    done = subprocess.run(started, capture_output=True, text=True, check=True, env={"FROM": "the shell"})

    assert "'A': 'b'" in done.stdout
    assert "the shell" not in done.stdout
    assert done.stdout.split()[-2:] == [str(tmp_path), "False"]
