"""Carries out an order in a model's own environment and waits for its answer. Raises RunFailed for all that goes wrong.

Not Dagster's PipesSubprocessClient: it passes on every variable of the run, knows no deadline, and needs a package of
Dagster's in the model's lock. What the process prints is in the run's log while it goes on, as it would be there.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from lab.base.account import LOCALE, SEARCH_PATH, user_name
from lab.base.errors import RunFailed

# Lines of output that a run's log takes, and bytes of one.
MOST_LINES, _LONGEST = 200, 2000
_REAP_S = 10.0
# Of a run's variables: what marks the lab's processes, and how a network is reached. No secret, no MLflow.
_PASSED = ("MLOPS_LAB_OWNED_BY", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
Say = Callable[[str], object]


@dataclass(frozen=True)
class _Asked:
    """What the process waits for."""

    what: str


def carried_out(
    python: Path,
    script: str,
    order: Mapping[str, Any],
    folder: Path,
    say: Say,
    deadline_s: float,
    give: Say = lambda _: None,
) -> dict[str, Any]:
    """What `script` answers to `order`; `folder` holds its files, and `say` is told what it prints.

    It may ask for something on the file descriptor `asking` of its order; `give` puts that into the folder.
    """
    asked, asking = os.pipe()
    order = {**order, "asking": asking}
    (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
    (folder / "here.py").write_text(script, encoding="utf-8")
    # Isolated: neither variables nor the folder that it is started in lead to other packages.
    argv = [str(python), "-I", str(folder / "here.py"), str(folder)]
    try:
        process = _started(argv, folder, asking)
    except OSError as err:
        os.close(asked)
        raise RunFailed(f"{python} can't be started: {err.strerror}.", "Type `invoke train NAME` again.") from None
    finally:
        os.close(asking)
    status = _followed(process, asked, say, give, deadline_s)
    return _understood(folder / "answer.json", status, order)


def _started(argv: Sequence[str], folder: Path, asking: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        argv,
        cwd=folder,
        env=environment(os.environ, folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(asking,),
    )


def environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """All that the process gets to see of variables."""
    told = {name: environ[name] for name in _PASSED if name in environ}
    return told | {
        "PATH": SEARCH_PATH,
        "LC_ALL": LOCALE,
        "USER": user_name(),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONUNBUFFERED": "1",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_UV_AUTO_DETECT": "false",
    }


def _followed(process: "subprocess.Popen[bytes]", asked: int, say: Say, give: Say, deadline_s: float) -> int:
    """Its exit status; whatever it started is ended with it."""
    end, lines = time.monotonic() + deadline_s, _Lines(process, asked)
    try:
        for told in lines.until(end):
            if isinstance(told, _Asked):
                give(told.what)
                _tell_given(process)
            else:
                say(told)
        status = process.wait(max(0.0, end - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise RunFailed(
            f"The model's code wasn't done within {deadline_s:g} s.",
            "Mend it, or raise deadline_seconds below [tool.mlops-lab] in its pyproject.toml, or resources.seconds.",
        ) from None
    finally:
        if process.returncode is None:
            _end_group(process.pid)
            process.wait(_REAP_S)
        if process.stdin:
            process.stdin.close()
        lines.close()
    if lines.count > MOST_LINES:
        say(f"… and {lines.count - MOST_LINES} more lines of the model's code")
    return status


def _tell_given(process: "subprocess.Popen[bytes]") -> None:
    # One that is gone by now says by its status how that came.
    with suppress(OSError):
        if process.stdin:
            process.stdin.write(b"1")
            process.stdin.flush()


class _Lines:
    """Reads all that a process prints, and keeps as much of it as a log can hold; and what it asks for."""

    def __init__(self, process: "subprocess.Popen[bytes]", asked: int) -> None:
        self.count = 0
        self._process, self._asked, self._kept = process, asked, SimpleQueue[str | _Asked | None]()
        works = (self._read, self._hear, self._end_children)
        self._threads = [threading.Thread(target=work, name="model-output", daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """To be called when the process has ended."""
        for thread in self._threads:
            thread.join(_REAP_S)
        if self._process.stdout and not self._threads[0].is_alive():
            self._process.stdout.close()

    def until(self, end: float) -> Iterator[str | _Asked]:
        """Each line and question as it comes. Raises TimeoutError at `end`, of the monotonic clock."""
        while True:
            try:
                line = self._kept.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                raise TimeoutError from None
            if line is None:
                return
            yield line

    def _read(self) -> None:
        source = self._process.stdout
        with suppress(OSError, ValueError):
            while source and (line := source.readline(_LONGEST)):
                self.count += 1
                text = line.decode(errors="replace").rstrip()
                if self.count <= MOST_LINES and text:
                    self._kept.put(text)
        self._kept.put(None)

    def _hear(self) -> None:
        with os.fdopen(self._asked, "rb") as source:
            while line := source.readline(_LONGEST):
                self._kept.put(_Asked(line.decode(errors="replace").strip()))

    def _end_children(self) -> None:
        """What it started would hold its output open. Its number is its own until somebody waits for it."""
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            _end_group(self._process.pid)


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _understood(path: Path, status: int, order: Mapping[str, Any]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        answer = {}
    megabytes = (order.get("memory") or order.get("container_memory") or 0) >> 20
    if answer.get("memory"):
        what = (
            f"than {megabytes} MB, which RUN_MEMORY_LIMIT_MB, its contract or its container allows"
            if megabytes
            else "than there is"
        )
        raise RunFailed(
            f"out of memory: the model's code needs more {what}.", "Raise the limit, or train on fewer rows."
        )
    if "failed" in answer:
        raise RunFailed(f"The model's code failed: {answer['failed']}.", "Look at its lines in the run's log.")
    if status or not answer:
        hint = ", as libraries do that get no memory" if megabytes and status == -signal.SIGABRT else ""
        raise RunFailed(f"The model's process {_ended(status)} before it was done{hint}.", "Look at train.py.")
    return answer


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}" if -status in set(signal.Signals) else f"ended with {status}"
