"""Running a builder: its lines as they come, a deadline, and the end of its output in the error."""

import os
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

from lab.base.account import BUILDER, ENGINE, downloading, passed_on
from lab.base.errors import LabError

# Told of each part's beginning and end: subject, state, detail, seconds.
Watch = Callable[[str, str, str, float | None], None]

_TAIL = 15


class Ended(LabError):
    """A builder was told to end, as by Ctrl-C: what it did isn't tried in another way."""


# Builders at work, for whoever must end them all: they are in sessions of their own, and hear nothing of Ctrl-C.
_at_work: set["subprocess.Popen[str]"] = set()
# Held from a builder's start until it is listed: it may be at work before its starter goes on.
_starting = threading.Lock()
_CLUES = (
    ("no space left on device", "Free some space where Docker keeps its data: `docker system df` says who takes it."),
    ("toomanyrequests", "Log in to the registry with `docker login`, or type `invoke build --airgap`."),
    ("pull access denied", "Type `invoke build --airgap`: the registry can't be used from here."),
    ("no such host", "Check the network, or type `invoke build --airgap`."),
    ("i/o timeout", "Check the network, or type `invoke build --airgap`."),
    ("connection refused", "Check the network, or type `invoke build --airgap`."),
    ("network is unreachable", "Check the network, or type `invoke build --airgap`."),
    ("permission denied while trying to connect", "Let yourself use Docker: `sudo usermod -aG docker $USER`."),
)


def run(
    argv: Sequence[str],
    what: str,
    deadline_s: float,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> list[str]:
    """The last 2,000 lines of the output, both kinds. Raises LabError with them when it fails or takes too long."""
    lines: deque[str] = deque(maxlen=2_000)
    try:
        process = _started(argv, folder, {**environment(), **(variables or {})})
    except OSError as err:
        raise LabError(f"{what}: {argv[0]} can't be run: {err.strerror}.", f"Install {Path(argv[0]).name}.") from None
    reader = threading.Thread(target=_collect, args=(process, lines), daemon=True)
    reader.start()
    try:
        process.wait(deadline_s)
        reader.join(10)
    except subprocess.TimeoutExpired:
        raise LabError(f"{what} took more than {deadline_s:.0f} s.\n{tail(lines)}", "Try again.") from None
    finally:
        _at_work.discard(process)
        _end(process)
    if process.returncode:
        kind = Ended if process.returncode == -signal.SIGTERM else LabError
        raise kind(f"{what} failed.\n{tail(lines)}", remedy(lines))
    return list(lines)


def _started(argv: Sequence[str], folder: Path | None, variables: Mapping[str, str]) -> "subprocess.Popen[str]":
    with _starting:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        _at_work.add(process)
    return process


def environment() -> dict[str, str]:
    """How engine, builder and network of this machine are reached; nothing else of the shell gets into what is made."""
    return passed_on([*ENGINE, *BUILDER]) | downloading()


def _collect(process: "subprocess.Popen[str]", lines: deque[str]) -> None:
    with suppress(OSError, ValueError):  # closed under the reader's hands at the deadline
        lines.extend(line.rstrip("\n") for line in process.stdout or ())


def side_by_side(steps: Sequence[Callable[[], None]]) -> None:
    """Runs them at once, as many as there are cores; the first failure, or Ctrl-C, ends the others and is raised."""
    with ThreadPoolExecutor(max_workers=max(2, min(len(steps), os.cpu_count() or 2))) as pool:
        running = [pool.submit(step) for step in steps]
        try:
            for one in as_completed(running):
                one.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise


def end_all() -> None:
    """Ends every builder at work; who waits for one gets a LabError."""
    with _starting:
        at_work = list(_at_work)
    for process in at_work:
        _signal(process, signal.SIGTERM)


def _signal(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            process.wait()
    if process.stdout:
        process.stdout.close()


def tail(lines: Sequence[str] | deque[str]) -> str:
    """The last lines that say something, indented."""
    return "\n".join(f"  | {line}" for line in [line for line in lines if line.strip()][-_TAIL:])


def remedy(lines: Sequence[str] | deque[str]) -> str:
    """What to do about a failure whose output is known."""
    said = "\n".join(list(lines)[-50:]).lower()
    return next((advice for clue, advice in _CLUES if clue in said), "The lines above say why.")


def link(source: str, target: str) -> None:
    """Copies a file by giving it a second name, where the file system can; for `shutil.copytree`."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
