"""The file's blocks: members of one gzip file, each of which says in its header how long it is and what it holds.

`zcat FILE` shows the whole recording as JSON Lines; a reader hops from header to header without unpacking anything.
"""

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from lab.base.errors import LabError
from lab.recording.marks import Mark
from lab.views.cells import Tone

FORMAT = "mlops-lab recording"
VERSION = 1
# RFC 1952: magic, deflate, an extra field, no time, no flags, unknown system; then the extra field's length.
_MAGIC = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"
_FIELD = struct.Struct("<2sH")
_FIELD_NAME = b"ML"
# Version of the format, length of the member in bytes, snapshots, whether the first stands alone, first and last time.
_FACTS = struct.Struct("<BIIBdd")
_MOST_MARKS = 60_000
# Nothing that this program writes comes near; a hostile file could unpack to terabytes.
_MOST_UNPACKED = 64 << 20


class RecordingError(LabError):
    """A file is no recording, one of a newer version, damaged, or can't be written."""


@dataclass(frozen=True)
class Block:
    """What a header says. `offset` and `size` in bytes; `key` when the first snapshot needs none before it."""

    offset: int
    size: int
    count: int
    key: bool
    first: float
    last: float
    marks: tuple[Mark, ...] = ()
    version: int = VERSION


def packed(lines: Sequence[bytes], key: bool, first: float, last: float, marks: Sequence[Mark] = ()) -> bytes:
    """A whole block."""
    body = b"".join(line + b"\n" for line in lines)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    content = squeeze.compress(body) + squeeze.flush()
    noted = _packed_marks(marks)
    extra = _FACTS.size + len(noted)
    size = len(_MAGIC) + 2 + _FIELD.size + extra + len(content) + 8
    facts = _FACTS.pack(VERSION, size, len(lines), key, first, last)
    head = _MAGIC + struct.pack("<H", _FIELD.size + extra) + _FIELD.pack(_FIELD_NAME, extra) + facts + noted
    return head + content + struct.pack("<II", zlib.crc32(body), len(body) & 0xFFFFFFFF)


def _packed_marks(marks: Sequence[Mark]) -> bytes:
    kept = [[round(mark.at, 3), mark.tone, mark.text] for mark in marks]
    while len(noted := json.dumps(kept, separators=(",", ":")).encode()) > _MOST_MARKS:
        kept.pop()
    return noted if kept else b""


def next_block(file: BinaryIO, offset: int, length: int) -> Block | None:
    """The block that begins at `offset` of a file of `length` bytes; None when there is no whole one."""
    file.seek(offset)
    start = file.read(len(_MAGIC) + 2 + _FIELD.size + _FACTS.size)
    if len(start) < len(_MAGIC) + 2 + _FIELD.size + _FACTS.size or not start.startswith(_MAGIC):
        return None
    name, extra = _FIELD.unpack_from(start, len(_MAGIC) + 2)
    if name != _FIELD_NAME or extra < _FACTS.size:
        return None
    version, size, count, key, first, last = _FACTS.unpack_from(start, len(_MAGIC) + 2 + _FIELD.size)
    if size < len(start) or offset + size > length:
        return None
    noted = file.read(extra - _FACTS.size)
    return Block(offset, size, count, bool(key), first, last, _marks(noted), version)


def _marks(noted: bytes) -> tuple[Mark, ...]:
    try:
        return tuple(Mark(float(at), Tone(tone), str(text)) for at, tone, text in json.loads(noted or b"[]"))
    except (ValueError, TypeError):
        return ()


def lines_of(file: BinaryIO, block: Block) -> list[Any]:
    """The block's JSON values. Raises RecordingError when it is damaged."""
    file.seek(block.offset)
    squeeze = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        body = squeeze.decompress(file.read(block.size), _MOST_UNPACKED)
        if not squeeze.eof:
            raise ValueError("it has no end")
        found = [json.loads(line) for line in body.splitlines()]
    except (ValueError, zlib.error, RecursionError) as err:
        raise RecordingError(f"The recording is damaged at byte {block.offset}: {err}.") from None
    if len(found) != block.count:
        raise RecordingError(f"The recording is damaged at byte {block.offset}: snapshots are missing.")
    return found
