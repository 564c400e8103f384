"""Commands that a signal or a closed pipe ends: real processes, real signals, real pipes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.base.interruption import PIPE_CLOSED
from tests.support.lab import INVOKE, ROOT
from tests.support.ports import NEVER_STARTED
from tests.support.waiting import eventually

DEADLINE_S = 60.0
MLOPS_LAB = str(Path(sys.executable).with_name("mlops-lab"))
_HEAD = """
import asyncio, os, signal, sys, threading, time
from pathlib import Path
from lab.base import interruption
from lab.commands import printing as console
from lab.commands.dispatch.ending import ended
proof = Path(sys.argv[1])
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore it, as nohup does
def ready(): os.write(1, b"ready\\n")
"""
SLEEPS = """
def work():
    ready()
    time.sleep(600)
sys.exit(ended("up", work))
"""
TIDIES = """
async def main():
    try:
        ready()
        await asyncio.sleep(600)
    finally:
        await asyncio.sleep(0)
        proof.write_text("tidied up")
sys.exit(ended("verify-governance", lambda: interruption.run(main())))
"""
FINISHES = """
def work():
    with interruption.finished_first():
        ready()
        sys.stdin.readline()
        proof.write_text("finished")
    proof.write_text("went on")
sys.exit(ended("seed", work))
"""
DECIDES = """
async def main():
    with interruption.finished_first():
        ready()
        await asyncio.to_thread(sys.stdin.readline)
        proof.write_text("recorded and shown")
    await asyncio.sleep(600)
sys.exit(ended("promote", lambda: interruption.run(main())))
"""
HANGS = """
def work():
    try:
        ready()
        time.sleep(600)
    finally:
        os.write(1, b"hanging\\n")
        time.sleep(600)
sys.exit(ended("backup", work))
"""
PREPARES = """
async def main():
    with interruption.blocking():
        ready()
        time.sleep(600)
sys.exit(ended("up", lambda: interruption.run(main())))
"""


@contextmanager
def process(script: str, proof: Path, ignored: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """The script once it is at work."""
    argv = [sys.executable, "-c", _HEAD + script, str(proof)]
    if ignored:
        argv = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *argv]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = subprocess.Popen(argv, cwd=ROOT, text=True, **pipes)  # type: ignore[call-overload]
    try:
        assert started.stdout.readline() == "ready\n"
        yield started
    finally:
        started.kill()
        started.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda one: str(one)
)
@pytest.mark.parametrize("script", [SLEEPS, PREPARES], ids=["plain", "within a coroutine"])
def test_a_signal_ends_a_command_with_its_code_and_a_word(
    tmp_path: Path, script: str, number: signal.Signals, code: int
) -> None:
    with process(script, tmp_path / "proof") as started:
        started.send_signal(number)
        _, said = started.communicate(timeout=DEADLINE_S)
    assert started.returncode == code
    assert "up was interrupted: what was started goes on." in said
    assert "invoke down" in said
    assert "Traceback" not in said


def test_an_asynchronous_command_tidies_up_first(tmp_path: Path) -> None:
    with process(TIDIES, tmp_path / "proof") as started:
        started.send_signal(signal.SIGTERM)
        _, said = started.communicate(timeout=DEADLINE_S)
    assert started.returncode == 143
    assert (tmp_path / "proof").read_text() == "tidied up"
    assert "once more ends this at once" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("script", "left"), [(FINISHES, "finished"), (DECIDES, "recorded and shown")])
def test_what_cannot_be_left_half_done_is_finished_first(tmp_path: Path, script: str, left: str) -> None:
    with process(script, tmp_path / "proof") as started:
        started.send_signal(signal.SIGINT)
        assert started.stderr
        while "finishing what can't be left half done" not in started.stderr.readline():
            assert started.poll() is None
        _, said = started.communicate("go on\n", timeout=DEADLINE_S)
    assert started.returncode == 130
    assert (tmp_path / "proof").read_text() == left
    assert "Traceback" not in said


def test_a_second_signal_ends_a_command_that_hangs_in_tidying_up(tmp_path: Path) -> None:
    with process(HANGS, tmp_path / "proof") as started:
        started.send_signal(signal.SIGINT)
        assert started.stdout
        assert started.stdout.readline() == "hanging\n"

        def ended() -> bool:
            # Together with the first one, it would pass for the same.
            started.send_signal(signal.SIGINT)
            return started.poll() is not None

        eventually(ended, DEADLINE_S, "the end")
        _, said = started.communicate()
    assert started.returncode == 130
    assert "ended at once" in said


def test_a_signal_that_is_ignored_from_outside_stays_ignored(tmp_path: Path) -> None:
    with process(SLEEPS, tmp_path / "proof", ignored=True) as started:
        started.send_signal(signal.SIGINT)
        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=DEADLINE_S)
    assert started.returncode == 143


WORKS_ON = """
def work():
    with console.board("Starting") as report:
        ready()
        sys.stdin.readline()
        for number in range(5):
            console.say(f"line {number}")
    proof.write_text("whole")
sys.exit(ended("up", work))
"""
ANSWERS = """
def work():
    ready()
    sys.stdin.readline()
    console.print_json({"a": 1})
sys.exit(ended("status", work))
"""


@pytest.mark.parametrize(("script", "proof"), [(WORKS_ON, "whole"), (ANSWERS, "")])
def test_a_command_that_loses_its_reader_finishes_what_it_does(tmp_path: Path, script: str, proof: str) -> None:
    (tmp_path / "proof").touch()
    with process(script, tmp_path / "proof") as started:
        assert started.stdout
        started.stdout.close()
        started.stdout = None
        _, said = started.communicate("go on\n", timeout=DEADLINE_S)
    assert (started.returncode, said) == (PIPE_CLOSED, "")
    assert (tmp_path / "proof").read_text() == proof


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("logs", "mlflow", "--lines", "9000"), PIPE_CLOSED),
        (("logs", "mlflow"), PIPE_CLOSED),
        (("--list",), PIPE_CLOSED),
        # That the lab is down is told by the code, too.
        (("status",), 1),
        (("status", "--json"), 1),
    ],
    ids=str,
)
def test_no_task_minds_that_its_reader_has_left(tmp_path: Path, argv: tuple[str, ...], code: int) -> None:
    logs = tmp_path / "home" / "logs"
    logs.mkdir(parents=True)
    (logs / "mlflow.log").write_text("2026-01-01 00:00:00 UTC a line as they all are\n" * 9000)
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LAB_HOME": str(tmp_path / "home"),
        "LAB_ENV_FILE": str(tmp_path / "env"),
        "PORT_OFFSET": str(NEVER_STARTED),
        "RUNTIME": "native",
    }
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [INVOKE, *argv], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE,
            text=True, timeout=DEADLINE_S * 2, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=lambda one: str(one))
def test_a_signal_ends_mlops_lab_too(tmp_path: Path, number: signal.Signals, code: int) -> None:
    pipe = tmp_path / "export"
    os.mkfifo(pipe)
    argv = [MLOPS_LAB, "audit", "verify", "--from-export", str(pipe)]
    with subprocess.Popen(argv, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        try:
            # It is at work when it reads; opening waits for that.
            with pipe.open("w"):
                started.send_signal(number)
                out, said = started.communicate(timeout=DEADLINE_S)
        finally:
            started.kill()
    assert (started.returncode, out) == (code, "")
    assert "Traceback" not in said


@pytest.mark.parametrize("argv", [("--help",), ("completion", "bash"), ("audit", "verify", "--help")], ids=" ".join)
def test_mlops_lab_does_not_mind_that_its_reader_has_left(argv: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [MLOPS_LAB, *argv], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S,
            check=False,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (PIPE_CLOSED, "")
