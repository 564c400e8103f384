"""Recordings that were cut off, damaged, or are none: what can be replayed is, and the rest is explained."""

import gzip
import json
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.recording.blocks import VERSION, RecordingError, packed
from lab.recording.playback import Recording
from lab.recording.recording_file import BLOCK_SNAPSHOTS, Recorder
from tests.screen import recordings
from tests.screen.recordings import START, STEP_S, head, kept


class TestKilled:
    """A file that ends anywhere."""

    @pytest.fixture(scope="class")
    def whole(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return recordings.made(tmp_path_factory.mktemp("killed") / "day", recordings.day(150))

    @given(share=st.floats(0.0, 1.0))
    def test_loses_at_most_the_last_block(self, whole: Path, share: float) -> None:
        with Recording(whole) as full:
            head = full._offsets[0]
            cut = head + int((full.whole_bytes - head) * share)
            expected = sum(1 for end in (*full._offsets[1:], full.whole_bytes) if end <= cut) * BLOCK_SNAPSHOTS
        torn = whole.with_name("torn")
        torn.write_bytes(whole.read_bytes()[:cut])
        with Recording(torn, empty_is_fine=True) as found:
            assert found.count == min(expected, 150)
            assert found.whole_bytes + found.lost_bytes == cut
            if found.count:
                assert found.snapshot(found.count - 1).taken_at == START + (found.count - 1) * STEP_S

    def test_is_continued_after_its_last_whole_block(self, whole: Path, tmp_path: Path) -> None:
        torn = tmp_path / "torn"
        torn.write_bytes(whole.read_bytes()[:-10])
        later = list(recordings.day(50, START + 10_000))
        recordings.made(torn, later)
        found = kept(torn)
        assert len(found) == 120 + 50
        assert found[120:] == later
        with Recording(torn) as recording:
            assert recording.lost_bytes == 0


def damaged(body: bytes) -> bytes:
    """A block whose content doesn't unpack."""
    return body[:-20] + bytes(20)


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "text": (b"hello\n" * 100, "is no recording"),
    "another gzip file": (gzip.compress(b"hello"), "is no recording"),
    "binary": (bytes(range(256)) * 10, "is no recording"),
    "cut in its head": (head()[:40], "is no recording"),
    "a damaged head": (damaged(head()), "is no recording"),
    "a newer version": (head(version=VERSION + 1), f"has version {VERSION + 1}; this mlops-lab reads {VERSION}"),
    "a newer schema": (head(schema=3), "has schema 3; this mlops-lab reads 2"),
    "another format": (head(format="weather"), "is no recording"),
    "nothing recorded": (head(), "holds no snapshot yet"),
    "a list for a head": (packed([b"[]"], True, 0.0, 0.0), "is no recording"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_can_not_be_replayed_is_explained(tmp_path: Path, name: str) -> None:
    body, reason = BAD[name]
    path = tmp_path / "file"
    path.write_bytes(body)
    with pytest.raises(RecordingError, match=reason) as err:
        Recording(path)
    assert err.value.remedy


def test_what_is_no_file_is_explained(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("nothing", ".", "pipe"):
        with pytest.raises(RecordingError, match=r"Can't read|is no file"):
            Recording(tmp_path / name)
    for name in ("no/folder/file", ".", "pipe"):
        with pytest.raises(RecordingError, match=r"Can't write|is no file"):
            Recorder(tmp_path / name)


def test_a_file_of_something_else_is_never_written_to(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("dear all")
    with pytest.raises(RecordingError, match="is no recording"):
        Recorder(path)
    assert path.read_text() == "dear all"


_KEY = {"snapshot": {"taken_at": START}}

SPOILT: dict[str, list[bytes]] = {
    "no JSON": [b"{"],
    "no object": [b"[]"],
    "no change": [json.dumps(_KEY).encode(), b'{"change": ["?", 1]}'],
    "a change of nothing": [b'{"change": {"a": {"b": [1]}}}'],
    "no time": [b'{"snapshot": {}}'],
    "no lab": [json.dumps(_KEY).encode()],
    "fewer than it says": [json.dumps(_KEY).encode()],
}


@pytest.mark.parametrize("name", SPOILT)
def test_damage_in_the_middle_is_an_error_of_that_place_only(tmp_path: Path, name: str) -> None:
    path = recordings.made(tmp_path / "day", recordings.day(5))
    lines = SPOILT[name]
    block = bytearray(packed(lines, True, START + 100, START + 100))
    count = len(lines) + (name == "fewer than it says")
    block[21:25] = struct.pack("<I", count)
    path.write_bytes(path.read_bytes() + block)
    recordings.made(path, recordings.day(5, START + 200))
    with Recording(path) as recording:
        assert recording.count == 5 + count + 5
        assert recording.snapshot(4).taken_at == START + 8
        with pytest.raises(RecordingError, match="damaged"):
            recording.snapshot(5 + count - 1)
        assert recording.snapshot(5 + count + 4).taken_at == START + 208


def test_a_block_that_unpacks_to_far_too_much_is_refused(tmp_path: Path) -> None:
    path = recordings.made(tmp_path / "bomb", recordings.day(1))
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    content = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(80)) + squeeze.flush()
    plain = packed([b"x"], True, START + 5, START + 5)
    start = len(packed([], True, START + 5, START + 5)) - 10
    size = start + len(content) + 8
    header = bytearray(plain[:start])
    header[17:21] = struct.pack("<I", size)
    path.write_bytes(path.read_bytes() + bytes(header) + content + bytes(8))
    with Recording(path) as recording:
        assert recording.count == 2
        with pytest.raises(RecordingError, match="damaged"):
            recording.snapshot(1)
