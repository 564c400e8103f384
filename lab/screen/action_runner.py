"""Running an action: as a process beside the screen, or in the terminal that the screen gives up for a moment."""

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

from lab.views.jobs import ActionResult

# An action's answer may hold hundreds of proofs.
_LONGEST_LINE = 8 << 20
_END_S = 5.0
_ROOT = str(Path(__file__).resolve().parents[2])

# Actions that nobody waits for any more: they are kept from being taken for forgotten.
_GOING_ON: "list[subprocess.Popen[bytes]]" = []

ActionArguments = Mapping[str, str]
Tell = Callable[[str], None]


class Runner(Protocol):
    """Runs actions."""

    async def run(self, name: str, arguments: ActionArguments, tell: Tell) -> ActionResult:
        """Runs an action, and tells of its progress in lines for a person; never raises unless cancelled."""
        ...

    def run_in_terminal(self, name: str, arguments: ActionArguments) -> ActionResult:
        """As `run`, in the foreground of the terminal, so that ssh-keygen can ask there. Blocks; never raises."""
        ...


@dataclass(frozen=True)
class Processes:
    """The real ones. An action that goes on when the screen is left goes on to its end."""

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    async def run(self, name: str, arguments: ActionArguments, tell: Tell) -> ActionResult:
        """See `Runner`."""
        reading, writing = os.pipe()
        # Not asyncio's own processes: those are killed with the event loop.
        with tempfile.TemporaryFile() as errors, os.fdopen(reading, "rb", 0) as pipe:
            try:
                process = self._start(name, arguments, writing, errors, new_session=True)
            except OSError as err:
                return ActionResult(False, f"the action can't be started: {err.strerror}")
            finally:
                os.close(writing)
            try:
                result = await _follow(pipe, tell)
            except asyncio.CancelledError:
                _GOING_ON.append(process)
                raise
            if result is None:
                code = await asyncio.to_thread(process.wait)
                result = _died(code, errors)
            else:
                await asyncio.to_thread(_wait, process)
            return result

    def run_in_terminal(self, name: str, arguments: ActionArguments) -> ActionResult:
        """See `Runner`."""
        with self._start(name, arguments, subprocess.PIPE, None, new_session=False) as process:
            result = _last(process.stdout or (), lambda line: print(line, flush=True))  # noqa: T201 - a terminal, now
        return result or ActionResult(False, f"the action ended with {process.returncode}, and said no more")

    def _start(
        self, name: str, arguments: ActionArguments, out: int, errors: IO[bytes] | None, new_session: bool
    ) -> "subprocess.Popen[bytes]":
        # The code of this folder in this interpreter, whatever the shell or the folder that it is in would add.
        plain = {name: value for name, value in self.environ.items() if not name.startswith("PYTHON")}
        own = {"PYTHONPATH": _ROOT, "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", "lab.commands.dispatch.action_process", name, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            env=plain | own,
            # Beside the screen it must not find the terminal: ssh-keygen would ask there, and read the screen's keys.
            start_new_session=new_session,
        )


async def _follow(pipe: IO[bytes], tell: Tell) -> ActionResult | None:
    """Reads until the action has said how it ended; None when it ended without a word."""
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        while line := await reader.readline():
            if result := _understood(line, tell):
                return result
        return None
    except ValueError:
        return ActionResult(False, "the action said more than the screen can take")
    finally:
        transport.close()


def _last(lines: Iterable[bytes], tell: Tell) -> ActionResult | None:
    found = None
    for line in lines:
        found = _understood(line, tell) or found
    return found


def _understood(line: bytes, tell: Tell) -> ActionResult | None:
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if progress := said.get("progress"):
        tell(progress_line(progress))
    if result := said.get("result"):
        return ActionResult(result["ok"], result["said"], result["next"], tuple(result["lines"]), result["data"])
    return None


def progress_line(progress: Mapping[str, Any]) -> str:
    """`train_model in progress`, `mlflow up 3.2 s`."""
    seconds = progress.get("seconds")
    took = "" if seconds is None else f"{seconds:.1f} s"
    parts = (progress["subject"], str(progress["state"]).replace("_", " "), progress.get("detail"), took)
    return " ".join(str(part) for part in parts if part)


def _died(code: int, errors: IO[bytes]) -> ActionResult:
    errors.seek(0)
    last = (errors.read()[-4000:].decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
    return ActionResult(
        False, f"the action ended with {code}: {last}", "Type the task on a command line: it says more."
    )


def _wait(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        _GOING_ON.append(process)
