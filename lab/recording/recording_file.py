"""Appends snapshots to a file: a block is written whole, so that a killed recorder loses at most the one it fills."""

import contextlib
import json
import os
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from lab.base.file_lock import taken
from lab.observe.snapshot import SCHEMA_VERSION, Snapshot
from lab.recording.blocks import FORMAT, VERSION, RecordingError, packed
from lab.recording.deltas import Encoder, difference
from lab.recording.marks import Mark, changes
from lab.recording.playback import Recording

# What may be lost at most, and what must be unpacked at most to show any snapshot.
BLOCK_SNAPSHOTS = 30
BLOCK_S = 60.0
KEY_EVERY_BLOCKS = 8


class Recorder:
    """Writes one file; another recorder of the same file is refused. Use it as a context manager."""

    def __init__(self, path: Path, *, every_s: float = 0.0, durable: bool = True) -> None:
        """Raises RecordingError when the file is something else or can't be written.

        Of snapshots that come closer together than about `every_s` only the newest is kept; `durable` waits for the
        disk.
        """
        self.path = path
        # Snapshots taken, and bytes in the file: the block that is being filled isn't in it yet.
        self.count, self.size = 0, 0
        # Snapshots come a little early or late; without this every other one would be left out.
        self._every_s = every_s * 0.8
        self._waiting: Snapshot | None = None
        self._durable = durable
        self._encoder = Encoder()
        self._lines: list[bytes] = []
        self._marks: list[Mark] = []
        self._frame: dict[str, Any] | None = None
        self._previous: Snapshot | None = None
        self._not_before = 0.0
        self._first = 0.0
        self._blocks = 0
        try:
            self._open()
        except OSError as err:
            raise RecordingError(f"Can't write {path}: {err.strerror}.", "Name another file.") from None

    def add(self, snapshot: Snapshot) -> None:
        """Takes the next snapshot. Raises RecordingError when the disk refuses it."""
        if self._previous and 0 <= snapshot.taken_at - self._previous.taken_at < self._every_s:
            self._waiting = snapshot
        else:
            self._waiting = None
            self._add(snapshot)

    def _add(self, snapshot: Snapshot) -> None:
        # A clock that was put back must not make the file's times go back: they are searched.
        self._not_before = max(snapshot.taken_at, self._not_before)
        snapshot = replace(snapshot, taken_at=self._not_before)
        if self._previous:
            self._marks += changes(self._previous, snapshot)
        frame = self._encoder.frame(snapshot)
        if not self._lines:
            self._first = frame["taken_at"]
        if self._frame is None or (not self._lines and self._blocks % KEY_EVERY_BLOCKS == 0):
            line = {"snapshot": frame}
        else:
            line = {"change": difference(self._frame, frame)}
        self._lines.append(json.dumps(line, separators=(",", ":")).encode())
        self._frame, self._previous = frame, snapshot
        self.count += 1
        if len(self._lines) >= BLOCK_SNAPSHOTS or frame["taken_at"] - self._first >= BLOCK_S:
            self._write_block()

    def flush(self) -> None:
        """Writes what was taken and isn't in the file yet. Raises RecordingError."""
        waiting, self._waiting = self._waiting, None
        if waiting:
            self._add(waiting)
        self._write_block()

    def _write_block(self) -> None:
        if not self._lines or self._frame is None:
            return
        key = self._blocks % KEY_EVERY_BLOCKS == 0
        self._write(packed(self._lines, key, self._first, self._frame["taken_at"], self._marks))
        self._blocks += 1
        self._lines, self._marks = [], []

    def close(self) -> None:
        """Writes what is left, and closes the file. Raises RecordingError."""
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _open(self) -> None:
        if self.path.exists() and not self.path.is_file():
            raise RecordingError(f"{self.path} is no file.", "Name another file.")
        # Not readable by others: a snapshot holds names, addresses and the audit trail's newest entries.
        self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0)
        try:
            self._claim()
        except BaseException:
            self._file.close()
            raise

    def _claim(self) -> None:
        if not taken(self._file):
            raise RecordingError(f"{self.path} is being recorded to.", "Name another file.")
        if os.fstat(self._file.fileno()).st_size == 0:
            head = {"format": FORMAT, "version": VERSION, "schema": SCHEMA_VERSION}
            self._write(packed([json.dumps(head).encode()], True, 0.0, 0.0))
            return
        with Recording(self.path, empty_is_fine=True) as found:
            if found.schema != SCHEMA_VERSION:
                raise RecordingError(f"{self.path} was begun by an earlier mlops-lab.", "Name another file.")
            self._file.truncate(found.whole_bytes)
            self.size = self._file.seek(found.whole_bytes)
            if found.count:
                self._not_before = found.end
                # Only for the marks: a damaged end is no reason not to go on.
                with contextlib.suppress(RecordingError):
                    self._previous = found.snapshot(found.count - 1)

    def _write(self, block: bytes) -> None:
        start = self._file.tell()
        try:
            if self._file.write(block) != len(block):
                raise OSError(0, "the disk is full")
            if self._durable:
                os.fsync(self._file.fileno())
            self.size = start + len(block)
        except OSError as err:
            # Half a block would be left out by readers, too; without it the file goes on where it was whole.
            with contextlib.suppress(OSError):
                self._file.truncate(start)
                self._file.seek(start)
            raise RecordingError(
                f"Can't write {self.path}: {err.strerror}.", "Make room, or name another file."
            ) from None
