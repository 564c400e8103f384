"""Recording a lab to a file: without a screen until it is told to stop, or from the screen while it runs."""

import asyncio
import contextlib
import re
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from lab.observe.polling import Connection, Poller
from lab.observe.snapshot import SliceState, Snapshot
from lab.recording.blocks import RecordingError
from lab.recording.recording_file import Recorder
from lab.views import formats

SUFFIX = ".jsonl.gz"
# Without a terminal a line now and then shows that it still goes on.
_PLAIN_EVERY_S = 600.0


class ScreenRecording:
    """A recording that the screen fills with the snapshots it shows; `take` never raises."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self.trouble = ""

    @property
    def path(self) -> Path | None:
        """The file that is being recorded to; None when nothing is."""
        return self._recorder.path if self._recorder else None

    def start(self, path: Path, every_s: float = 2.0) -> None:
        """Records to `path` from now on, a snapshot every `every_s` seconds at most. Raises RecordingError."""
        self.stop()
        # Waiting for the disk would hold up keys; what was written survives the end of this process all the same.
        self._recorder, self.trouble = Recorder(path, every_s=every_s, durable=False), ""

    def take(self, snapshot: Snapshot) -> None:
        """Takes what the screen shows; a file that can't be written ends the recording, and `trouble` says why."""
        if self._recorder is None:
            return
        try:
            self._recorder.add(snapshot)
        except RecordingError as err:
            self.trouble = str(err)
            with contextlib.suppress(RecordingError):
                self._recorder.close()
            self._recorder = None

    def stop(self) -> str:
        """Ends the recording and says what it holds; empty when there was none. Raises RecordingError."""
        if self._recorder is None:
            return ""
        recorder, self._recorder = self._recorder, None
        recorder.close()
        return f"Recorded {summary(recorder)}"


def default_path(snapshot: Snapshot, now: datetime, folder: Path | None = None) -> Path:
    """A name that says whose lab it is and when the recording began."""
    name = re.sub(r"[^\w.-]+", "-", snapshot.lab.name) or "lab"
    return (folder or Path.cwd()) / f"{name}-{now:%Y%m%d-%H%M%S}{SUFFIX}"


def summary(recorder: Recorder) -> str:
    """How much there is, and where."""
    return f"{recorder.count:,} snapshots, {formats.size(recorder.size)}, to {recorder.path}"


def record(connect: Callable[[], Connection], path: Path, interval_s: float, for_s: float | None) -> int:
    """Records until `for_s` seconds are over, Ctrl-C or SIGTERM. Raises LabError."""
    with Recorder(path, every_s=interval_s) as recorder:
        said = _Progress(recorder, for_s)
        try:
            asyncio.run(_record(connect, recorder, interval_s, for_s, said))
        finally:
            recorder.flush()
            said.end()
    return 0


async def _record(
    connect: Callable[[], Connection], recorder: Recorder, interval_s: float, for_s: float | None, said: "_Progress"
) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    failed: list[RecordingError] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    connection = await asyncio.to_thread(connect)

    def take(snapshot: Snapshot) -> None:
        if snapshot.services.state is SliceState.WAITING:
            return
        try:
            recorder.add(snapshot)
        except RecordingError as err:
            failed.append(err)
            over.set()
        said.show(snapshot)

    made = [connection]
    poller = Poller(
        lambda: made.pop() if made else connect(), publish=take, complain=said.complain, interval_s=interval_s
    )
    polling = asyncio.create_task(poller.run())
    try:
        async with asyncio.timeout(for_s):
            await over.wait()
    except TimeoutError:
        pass
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
    if failed:
        raise failed[0]


class _Progress:
    """One line that moves on a terminal, a line now and then elsewhere; on stderr."""

    def __init__(self, recorder: Recorder, for_s: float | None) -> None:
        self._recorder = recorder
        self._began = self._said_at = time.monotonic()
        self._live = sys.stderr.isatty()
        until = f" for {formats.duration(for_s)}" if for_s is not None else ""
        self._write(f"recording to {recorder.path}{until}; Ctrl-C ends it\n")

    def show(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if not self._live and now - self._said_at < _PLAIN_EVERY_S:
            return
        self._said_at = now
        self._line(f"● {formats.duration(now - self._began)} · {snapshot.lab.name} {snapshot.overall} · {self._held()}")

    def complain(self, reason: str) -> None:
        self._line(f"▲ {formats.clean(reason)}")

    def end(self) -> None:
        """Says what the file holds."""
        self._write(("\r\x1b[K" if self._live else "") + f"recorded {summary(self._recorder)}\n")

    def _held(self) -> str:
        return f"{self._recorder.count:,} snapshots · {formats.size(self._recorder.size)}"

    def _line(self, text: str) -> None:
        self._write(f"\r\x1b[K{text}" if self._live else f"{text}\n")

    def _write(self, text: str) -> None:
        # Nobody may be listening any more; the recording matters more than what is said of it.
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


def parse_duration(text: str) -> float:
    """Seconds of `90`, `90s`, `15m`, `8h` or `7d`. Raises ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip().lower())
    if not found or not float(found[1]):
        raise ValueError(f"{text!r} is no duration; say 90s, 15m, 8h or 7d")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]
