"""Python commands without the start of a Python: each is a process forked from one that has imported their packages.

For tests that type many short commands. How a command starts, and what it imports, takes a Python of its own to see.
"""

import multiprocessing
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What most commands import. Nothing of the lab reads the environment, or does anything else, when it is imported.
_PRELOADED = [
    *("asyncio", "boto3.s3.transfer", "cryptography.hazmat.primitives.serialization.ssh", "docker", "httpx", "invoke"),
    *("psutil", "psycopg2", "pydantic_settings", "rich.table", "yaml", "lab.commands.table", "lab.wiring"),
]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(_PRELOADED)


class Command:
    """A command under way: `python -m MODULE …`, or a script of this environment."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], folder: Path = ROOT) -> None:
        self.argv = list(argv)
        self._folder = Path(tempfile.mkdtemp(prefix="command-"))
        self._said = [self._folder / name for name in ("output", "errors")]
        target = (self.argv, dict(environ), folder, *self._said)
        self._process = _CONTEXT.Process(target=_become, args=target, daemon=True)
        self._process.start()

    def ended(self, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """How it ended; raises TimeoutExpired while it goes on."""
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.argv, timeout_s)
        said = [path.read_text() if path.exists() else "" for path in self._said]
        code = self._process.exitcode
        self._process.close()
        shutil.rmtree(self._folder)
        return subprocess.CompletedProcess(self.argv, code, *said)

    def kill(self) -> None:
        self._process.kill()


def run(
    argv: Sequence[str], environ: Mapping[str, str], timeout_s: float = 120, folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end; one that takes longer is killed and raises TimeoutExpired."""
    command = Command(argv, environ, folder)
    try:
        return command.ended(timeout_s)
    except BaseException:
        command.kill()
        raise


def _become(argv: list[str], environ: dict[str, str], folder: Path, output: Path, errors: Path) -> None:
    """Makes this process what a new Python would be for the command, and runs it."""
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(folder)
    tempfile.tempdir = None
    flags = os.O_WRONLY | os.O_CREAT
    opened = (os.open(os.devnull, os.O_RDONLY), os.open(output, flags, 0o600), os.open(errors, flags, 0o600))
    for number, one in enumerate(opened):
        os.dup2(one, number)
    sys.stdin = TextIOWrapper(BufferedReader(FileIO(0, closefd=False)), "utf-8")
    sys.stdout, sys.stderr = (TextIOWrapper(BufferedWriter(FileIO(one, "w", closefd=False)), "utf-8") for one in (1, 2))
    if argv[0] == sys.executable:
        assert argv[1] == "-m", "only modules and scripts"
        sys.argv = argv[2:]
        runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")
