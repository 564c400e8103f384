"""Reads a recording: any snapshot costs a few blocks, wherever it stands, and memory doesn't grow with the file."""

import os
from array import array
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Any

from lab.observe.snapshot import READABLE_SCHEMAS, SCHEMA_VERSION, Slice, Snapshot
from lab.observe.snapshot_decode import SnapshotInvalid
from lab.recording.blocks import FORMAT, VERSION, Block, RecordingError, lines_of, next_block
from lab.recording.deltas import Decoder, applied
from lab.recording.marks import Mark

KEPT_BLOCKS = 16
KEPT_MARKS = 20_000
_Frames = list[dict[str, Any]]
_REMEDY = "Make one with `mlops-lab record FILE`."


class Recording:
    """An open recording. `decoded` counts the blocks that were unpacked; `marks` are in order of time."""

    def __init__(self, path: Path, *, empty_is_fine: bool = False) -> None:
        """Raises RecordingError when `path` is no recording that this version reads, or holds no snapshot."""
        self.path = path
        self.decoded = 0
        self.marks: list[Mark] = []
        # One entry per block in plain arrays: a week takes less than a megabyte.
        self._offsets, self._ends = array("Q"), array("Q")
        self._firsts, self._lasts = array("d"), array("d")
        self._keys = bytearray()
        self._cache: OrderedDict[int, _Frames] = OrderedDict()
        self._decoder = Decoder()
        try:
            # A pipe would be waited for before anything is known of it.
            if path.exists() and not path.is_file():
                raise RecordingError(f"{path} is no file.", _REMEDY)
            self._file = path.open("rb")
        except OSError as err:
            raise RecordingError(f"Can't read {path}: {err.strerror}.", _REMEDY) from None
        try:
            self._read_index()
            if not self.count and not empty_is_fine:
                raise RecordingError(f"{path} holds no snapshot yet.", _REMEDY)
        except BaseException:
            self._file.close()
            raise

    @property
    def count(self) -> int:
        """How many snapshots there are."""
        return self._ends[-1] if self._ends else 0

    @property
    def start(self) -> float:
        """Epoch seconds of the first snapshot."""
        return self._firsts[0]

    @property
    def end(self) -> float:
        """Epoch seconds of the last snapshot."""
        return self._lasts[-1]

    @property
    def whole_bytes(self) -> int:
        """Where the last whole block ends; what follows was never finished."""
        return self._whole

    @property
    def lost_bytes(self) -> int:
        """Bytes after the last whole block: a recorder that was killed, or damage."""
        return self._length - self._whole

    def stretches(self) -> list[tuple[float, float]]:
        """First and last time of every block, in order: where there is something to see."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def snapshot(self, index: int) -> Snapshot:
        """Snapshot number `index`, from 0. Raises RecordingError where the file is damaged."""
        try:
            return self._decoder.snapshot(self._frame(index))
        except (SnapshotInvalid, AttributeError) as err:
            raise RecordingError(f"Snapshot {index + 1} is damaged: {err}") from None

    def services(self, index: int) -> Slice[Any]:
        """Only the services of a snapshot. Raises RecordingError where the file is damaged."""
        try:
            return self._decoder.part("services", self._frame(index))
        except (SnapshotInvalid, AttributeError, KeyError) as err:
            raise RecordingError(f"Snapshot {index + 1} is damaged: {err}") from None

    def taken_at(self, index: int) -> float:
        """When a snapshot was taken (epoch seconds). Raises RecordingError where the file is damaged."""
        return float(self._frame(index)["taken_at"])

    def index_at(self, moment: float) -> int:
        """The newest snapshot at `moment` (epoch seconds), the first when it is earlier. Raises RecordingError."""
        number = max(0, bisect_right(self._firsts, moment) - 1)
        begin = self._begin(number)
        if moment >= self._lasts[number]:
            return self._ends[number] - 1
        inside = bisect_right(self._frames(number), moment, key=lambda frame: frame["taken_at"])
        return begin + max(0, inside - 1)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _read_index(self) -> None:
        self._length = os.fstat(self._file.fileno()).st_size
        if not self._length:
            raise RecordingError(f"{self.path} is empty.", _REMEDY)
        head = next_block(self._file, 0, self._length)
        self._check(head)
        self._whole = head.size if head else 0
        while block := next_block(self._file, self._whole, self._length):
            self._whole += block.size
            self._offsets.append(block.offset)
            self._ends.append(self.count + block.count)
            self._firsts.append(block.first)
            self._lasts.append(block.last)
            # The first block after a gap stands alone whatever its header says: there is nothing before it.
            self._keys.append(block.key or len(self._offsets) == 1)
            self.marks += block.marks[: KEPT_MARKS - len(self.marks)]

    def _check(self, head: Block | None) -> None:
        try:
            found = lines_of(self._file, head)[0] if head else None
        except RecordingError:
            found = None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise RecordingError(f"{self.path} is no recording of mlops-lab.", _REMEDY)
        self.schema = found.get("schema")
        for name, known, read in (("version", VERSION, {VERSION}), ("schema", SCHEMA_VERSION, READABLE_SCHEMAS)):
            if type(found.get(name)) is not int or found[name] not in read:
                raise RecordingError(
                    f"{self.path} has {name} {found.get(name)!r:.20}; this mlops-lab reads {known}.",
                    "Use the mlops-lab that recorded it, or a newer one.",
                )

    def _begin(self, number: int) -> int:
        return self._ends[number - 1] if number else 0

    def _frame(self, index: int) -> dict[str, Any]:
        if not 0 <= index < self.count:
            raise RecordingError(f"There is no snapshot {index + 1}: the recording holds {self.count}.")
        number = bisect_right(self._ends, index)
        return self._frames(number)[index - self._begin(number)]

    def _frames(self, number: int) -> _Frames:
        """A block's frames, made from the nearest block before it that is at hand or stands alone."""
        first = number
        while first not in self._cache and not self._keys[first]:
            first -= 1
        frames: _Frames = []
        for step in range(first, number + 1):
            frames = self._cache.get(step) or self._unpacked(step, frames[-1] if frames else None)
            self._cache[step] = frames
            self._cache.move_to_end(step)
            while len(self._cache) > KEPT_BLOCKS:
                self._cache.popitem(last=False)
        return frames

    def _unpacked(self, number: int, last: dict[str, Any] | None) -> _Frames:
        following = self._offsets[number + 1] if number + 1 < len(self._offsets) else self._whole
        offset = self._offsets[number]
        count = self._ends[number] - self._begin(number)
        self.decoded += 1
        frames: _Frames = []
        for line in lines_of(self._file, Block(offset, following - offset, count, False, 0.0, 0.0)):
            try:
                last = line["snapshot"] if "snapshot" in line else applied(last, line["change"])
                # Looked at here, so that whoever asks for a frame's time gets one.
                float(last["taken_at"])
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as err:
                raise RecordingError(f"The recording is damaged at byte {offset}: {err!r}.") from None
            frames.append(last)
        return frames
