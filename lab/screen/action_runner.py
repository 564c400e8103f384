"""Running an errand: as a process beside the screen, or in the terminal that the screen gives up for a moment."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from lab.views.jobs import Told

# An action's answer may hold hundreds of proofs.
_LONGEST_LINE = 8 << 20
_END_S = 5.0
_ROOT = str(Path(__file__).resolve().parents[2])

# Errands that nobody waits for any more: they are kept from being taken for forgotten.
_GOING_ON: "list[subprocess.Popen[bytes]]" = []

Given = Mapping[str, str]
Tell = Callable[[str], None]


class Runner(Protocol):
    """Does errands."""

    async def run(self, name: str, given: Given, tell: Tell) -> Told:
        """Does an errand, and tells of its progress in lines for a person; never raises unless cancelled."""
        ...

    def run_in_terminal(self, name: str, given: Given) -> Told:
        """As `run`, in the foreground of the terminal, so that ssh-keygen can ask there. Blocks; never raises."""
        ...


@dataclass(frozen=True)
class Processes:
    """The real ones. An errand that goes on when the screen is left goes on to its end."""

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    async def run(self, name: str, given: Given, tell: Tell) -> Told:
        """See `Runner`."""
        reading, writing = os.pipe()
        # Not asyncio's own processes: those are killed with the event loop.
        with tempfile.TemporaryFile() as errors, os.fdopen(reading, "rb", 0) as pipe:
            try:
                process = self._start(name, given, writing, errors, new_session=True)
            except OSError as err:
                return Told(False, f"the action can't be started: {err.strerror}")
            finally:
                os.close(writing)
            try:
                told = await _follow(pipe, tell)
            except asyncio.CancelledError:
                _GOING_ON.append(process)
                raise
            if told is None:
                code = await asyncio.to_thread(process.wait)
                told = _died(code, errors)
            else:
                await asyncio.to_thread(_wait, process)
            return told

    def run_in_terminal(self, name: str, given: Given) -> Told:
        """See `Runner`."""
        with self._start(name, given, subprocess.PIPE, None, new_session=False) as process:
            told = _last(process.stdout or (), lambda line: print(line, flush=True))  # noqa: T201 - a terminal, now
        return told or Told(False, f"the action ended with {process.returncode}, and said no more")

    def _start(
        self, name: str, given: Given, out: int, errors: IO[bytes] | None, new_session: bool
    ) -> "subprocess.Popen[bytes]":
        # The code of this folder in this interpreter, whatever the shell or the folder that it is in would add.
        plain = {name: value for name, value in self.environ.items() if not name.startswith("PYTHON")}
        own = {"PYTHONPATH": _ROOT, "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", "lab.commands.action_process", name, json.dumps(given)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            env=plain | own,
            # Beside the screen it must not find the terminal: ssh-keygen would ask there, and read the screen's keys.
            start_new_session=new_session,
        )


async def _follow(pipe: IO[bytes], tell: Tell) -> Told | None:
    """Reads until the errand has told how it ended; None when it ended without a word."""
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        while line := await reader.readline():
            if told := _understood(line, tell):
                return told
        return None
    except ValueError:
        return Told(False, "the action said more than the screen can take")
    finally:
        transport.close()


def _last(lines: Iterable[bytes], tell: Tell) -> Told | None:
    found = None
    for line in lines:
        found = _understood(line, tell) or found
    return found


def _understood(line: bytes, tell: Tell) -> Told | None:
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if progress := said.get("progress"):
        tell(progress_line(progress))
    if told := said.get("told"):
        return Told(told["ok"], told["said"], told["next"], tuple(told["lines"]), told["data"])
    return None


def progress_line(progress: Mapping[str, Any]) -> str:
    """`train_model in progress`, `mlflow up 3.2 s`."""
    seconds = progress.get("seconds")
    took = "" if seconds is None else f"{seconds:.1f} s"
    parts = (progress["subject"], str(progress["state"]).replace("_", " "), progress.get("detail"), took)
    return " ".join(str(part) for part in parts if part)


def _died(code: int, errors: IO[bytes]) -> Told:
    errors.seek(0)
    last = (errors.read()[-4000:].decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
    return Told(False, f"the action ended with {code}: {last}", "Type the task on a command line: it says more.")


def _wait(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        _GOING_ON.append(process)
