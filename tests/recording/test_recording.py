"""Recordings: what is written comes back, from anywhere in the file, whatever happened to its end."""

import gzip
import json
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.base.alerts import Alert
from lab.base.runs import RunStatus
from lab.governance.ledger import Fault
from lab.observe.snapshot import Health, Slice, Snapshot
from lab.recording.blocks import FORMAT, VERSION, RecordingError, packed
from lab.recording.deltas import SAME, Encoder, applied, difference
from lab.recording.marks import changes
from lab.recording.playback import KEPT_BLOCKS, Recording
from lab.recording.recording_file import BLOCK_S, BLOCK_SNAPSHOTS, KEY_EVERY_BLOCKS, Recorder
from lab.views.cells import Tone
from tests.screen import recordings, snapshots
from tests.screen.recordings import START, STEP_S

_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-1, 1) | st.text("ab-~=+", max_size=2)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("ab-~=+", max_size=2), inner, max_size=4),
    max_leaves=15,
)


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@given(_VALUES, _VALUES)
def test_a_change_leads_from_any_value_to_any_other_also_through_json(old: Any, new: Any) -> None:
    change = json.loads(json.dumps(difference(old, new)))
    assert applied(old, change) == new
    assert (change == SAME) == (old == new)


@given(st.lists(st.integers(0, 9), min_size=3, max_size=12), st.integers(1, 3))
def test_a_list_that_moves_on_costs_only_what_is_new(old: list[int], new: int) -> None:
    longer = [{"entry": number, "text": "x" * 50} for number in (*range(100, 100 + new), *dict.fromkeys(old))]
    change = difference(longer[new:], longer)
    assert len(as_text(change)) < new * 80 + 40
    assert applied(longer[new:], change) == longer


def kept(path: Path) -> list[Snapshot]:
    with Recording(path) as recording:
        return [recording.snapshot(index) for index in range(recording.count)]


def test_every_snapshot_comes_back_as_it_was_shown(tmp_path: Path) -> None:
    given = [*recordings.day(400), *recordings.busy(100, START + 800)]
    path = recordings.made(tmp_path / "day.jsonl.gz", given)
    assert kept(path) == given


@pytest.mark.parametrize("state", snapshots.ALL)
def test_every_state_of_a_lab_comes_back(tmp_path: Path, state: str) -> None:
    given = snapshots.ALL[state]
    (found,) = kept(recordings.made(tmp_path / "one", [given]))
    assert replace(found, services=given.services) == given
    assert found.services.error == given.services.error


def test_a_recording_is_json_lines_to_any_unzipping_program(tmp_path: Path) -> None:
    path = recordings.made(tmp_path / "day.jsonl.gz", recordings.day(100))
    first, *lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert (first["format"], first["version"]) == (FORMAT, VERSION)
    assert len(lines) == 100
    assert lines[0]["snapshot"]["lab"]["name"] == "mlops-lab"


def test_a_quiet_lab_takes_little_room(tmp_path: Path) -> None:
    path = recordings.made(tmp_path / "day.jsonl.gz", recordings.day(1200))
    one = len(json.dumps({"x": str(snapshots.HEALTHY)}))
    assert path.stat().st_size / 1200 < one / 100


def test_only_its_owner_can_read_a_recording(tmp_path: Path) -> None:
    path = recordings.made(tmp_path / "day", recordings.day(1))
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_waits_for_its_block_longer_than_a_minute(tmp_path: Path) -> None:
    slow = 20.0
    with Recorder(tmp_path / "slow", durable=False) as recorder:
        for number, snapshot in enumerate(recordings.day(40, step_s=slow)):
            recorder.add(snapshot)
            with Recording(tmp_path / "slow", empty_is_fine=True) as seen:
                assert (number + 1 - seen.count) * slow <= BLOCK_S


def test_of_snapshots_that_come_close_together_the_newest_is_kept(tmp_path: Path) -> None:
    moments = (0.0, 0.1, 0.4, 1.9, 2.1, 2.2, 4.0, 4.5)
    with Recorder(tmp_path / "close", every_s=2.0, durable=False) as recorder:
        for moment in moments:
            recorder.add(recordings.at(snapshots.HEALTHY, START + moment))
    assert [round(s.taken_at - START, 1) for s in kept(tmp_path / "close")] == [0.0, 1.9, 4.0, 4.5]


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


def test_a_recording_is_continued(tmp_path: Path) -> None:
    first, second = list(recordings.day(40)), list(recordings.day(40, START + 5_000))
    path = recordings.made(tmp_path / "two", first)
    recordings.made(path, second)
    assert kept(path) == first + second


def test_two_recorders_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    with Recorder(path), pytest.raises(RecordingError, match="is being recorded to"):
        Recorder(path)


def test_a_clock_that_is_put_back_keeps_times_in_order(tmp_path: Path) -> None:
    moments = (0.0, 10.0, 4.0, 12.0)
    path = recordings.made(tmp_path / "back", (recordings.at(snapshots.HEALTHY, START + m) for m in moments))
    assert [s.taken_at - START for s in kept(path)] == [0.0, 10.0, 10.0, 12.0]


class TestSeeking:
    """Any snapshot costs the same, wherever it stands."""

    COUNT = BLOCK_SNAPSHOTS * KEY_EVERY_BLOCKS * 6

    @pytest.fixture(scope="class")
    def long(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return recordings.made(tmp_path_factory.mktemp("long") / "long", recordings.day(self.COUNT))

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
    def test_unpacks_a_few_blocks_at_most(self, long: Path, share: float) -> None:
        index = int(self.COUNT * share)
        with Recording(long) as recording:
            assert recording.decoded == 0
            assert recording.snapshot(index).taken_at == START + index * STEP_S
            assert 1 <= recording.decoded <= KEY_EVERY_BLOCKS

    def test_by_time_costs_no_more(self, long: Path) -> None:
        with Recording(long) as recording:
            assert recording.index_at(START + 1000 * STEP_S + 0.5) == 1000
            assert recording.decoded <= KEY_EVERY_BLOCKS

    def test_step_by_step_unpacks_each_block_once_forwards_and_backwards(self, long: Path) -> None:
        blocks = self.COUNT // BLOCK_SNAPSHOTS
        with Recording(long) as recording:
            for index in range(self.COUNT):
                recording.taken_at(index)
            assert recording.decoded == blocks
            for index in reversed(range(self.COUNT)):
                recording.taken_at(index)
            assert recording.decoded <= 2 * blocks

    def test_keeps_a_bounded_number_of_blocks_in_memory(self, long: Path) -> None:
        with Recording(long) as recording:
            for index in range(0, self.COUNT, 7):
                recording.snapshot(index)
            assert len(recording._cache) <= KEPT_BLOCKS

    def test_before_the_beginning_and_after_the_end_stays_inside(self, long: Path) -> None:
        with Recording(long) as recording:
            assert recording.index_at(0.0) == 0
            assert recording.index_at(START * 2) == self.COUNT - 1
            with pytest.raises(RecordingError, match="There is no snapshot"):
                recording.snapshot(self.COUNT)

    def test_a_moment_between_two_snapshots_shows_the_earlier_one(self, long: Path) -> None:
        with Recording(long) as recording:
            for index in (0, 29, 30, 239, 240, 700):
                assert recording.index_at(START + index * STEP_S) == index
                assert recording.index_at(START + index * STEP_S + 1.999) == index

    def test_a_value_that_did_not_change_is_the_same_object(self, long: Path) -> None:
        with Recording(long) as recording:
            first, second = recording.snapshot(0), recording.snapshot(1)
            assert first.models.value is second.models.value
            assert first.services.value != second.services.value


def head(**facts: Any) -> bytes:
    return packed([json.dumps({"format": FORMAT, "version": VERSION, "schema": 1} | facts).encode()], True, 0.0, 0.0)


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


def said(before: Snapshot, after: Snapshot) -> list[tuple[Tone, str]]:
    return [(mark.tone, mark.text) for mark in changes(before, after)]


def with_run(status: RunStatus) -> Snapshot:
    return next(s for s in recordings.busy(40) if (v := s.runs.value) and v.runs[0].status is status)


FAULTS = (Fault(1, "entry was modified"),)
MARKS: dict[str, tuple[Callable[[], tuple[Snapshot, Snapshot]], list[tuple[Tone, str]]]] = {
    "nothing": (lambda: (snapshots.HEALTHY, snapshots.HEALTHY), []),
    "first answers": (lambda: (snapshots.WAITING, snapshots.HEALTHY), []),
    "trouble": (
        lambda: (snapshots.HEALTHY, snapshots.DRIFTED),
        [
            (Tone.BAD, "MLflow down"),
            (Tone.WARN, "Prometheus degraded"),
            (Tone.BAD, "data drifted"),
            (Tone.BAD, "alert SyntheticDataDriftDetected firing"),
            (Tone.WARN, "alert ServiceDown pending"),
        ],
    ),
    "recovery": (
        lambda: (snapshots.DRIFTED, replace(snapshots.HEALTHY, drift=snapshots.DRIFTED.drift)),
        [
            (Tone.OK, "MLflow up"),
            (Tone.OK, "Prometheus up"),
            (Tone.OK, "alert SyntheticDataDriftDetected over"),
            (Tone.OK, "alert ServiceDown over"),
        ],
    ),
    "a broken trail": (
        lambda: (
            snapshots.HEALTHY,
            replace(
                snapshots.HEALTHY, audit=snapshots.HEALTHY.audit.map(lambda a: replace(a, faults=(Fault(1, "x"),)))
            ),
        ),
        [(Tone.BAD, "audit trail broken")],
    ),
    "a run ends": (
        lambda: (with_run(RunStatus.STARTED), with_run(RunStatus.SUCCESS)),
        [(Tone.OK, "run 00000000 success")],
    ),
    "an approval": (
        lambda: (
            snapshots.HEALTHY,
            replace(
                snapshots.HEALTHY,
                models=Slice(
                    (
                        replace(snapshots.MODELS[1], aliases=("challenger", "champion")),
                        replace(snapshots.MODELS[4], tags={"approval_state": "rejected"}),
                        *snapshots.MODELS[5:],
                    ),
                    snapshots.NOW,
                ),
            ),
        ),
        [(Tone.OK, "CreditRiskModel v6 is @champion"), (Tone.BAD, "CreditRiskModel v3 rejected")],
    ),
}


@pytest.mark.parametrize("name", MARKS)
def test_a_mark_stands_where_something_changed(name: str) -> None:
    pair, expected = MARKS[name]
    assert said(*pair()) == expected


def test_a_new_run_and_a_new_version_are_marked_and_old_ones_that_come_into_view_are_not() -> None:
    fewer = replace(
        snapshots.HEALTHY,
        models=Slice(snapshots.MODELS[1:-1], snapshots.NOW),
        runs=snapshots.HEALTHY.runs.map(lambda v: replace(v, runs=v.runs[1:-1])),
    )
    assert said(fewer, snapshots.HEALTHY) == [
        (Tone.ACCENT, f"run {snapshots.RUNS[0].run_id[:8]} began"),
        (Tone.ACCENT, "CreditRiskModel v7 registered"),
    ]


def test_marks_come_back_in_order_without_unpacking_anything(tmp_path: Path) -> None:
    path = recordings.made(tmp_path / "day", recordings.day(90))
    with Recording(path) as recording:
        assert [mark.text for mark in recording.marks][:1] == ["MLflow down"]
        assert [mark.at - START for mark in recording.marks] == [60.0] * 5 + [120.0] * 5
        assert recording.decoded == 0


def test_a_mark_can_not_steer_a_terminal() -> None:
    evil = Alert("x\x1b[2J\u202e" + "y" * 200, "firing", "critical", "", START)
    ((tone, text),) = said(snapshots.HEALTHY, replace(snapshots.HEALTHY, alerts=Slice((evil,), START)))
    assert tone is Tone.BAD
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text) <= 80


def test_a_service_that_comes_and_goes_is_marked_each_time(tmp_path: Path) -> None:
    well = [recordings.at(snapshots.HEALTHY, START + n * STEP_S) for n in range(6)]
    flapping = [recordings.down(s, "mlflow") if n % 2 else s for n, s in enumerate(well)]
    with Recording(recordings.made(tmp_path / "flap", flapping)) as recording:
        assert [mark.text.split()[-1] for mark in recording.marks] == [Health.DOWN, Health.UP] * 2 + [Health.DOWN]


def test_what_was_recorded_when_a_lab_held_one_model_is_still_shown(tmp_path: Path) -> None:
    path = tmp_path / "old"
    frame = Encoder().frame(snapshots.DRIFTED)
    frame["drift"]["value"] = frame["drift"]["value"][0]
    later = {**frame, "taken_at": frame["taken_at"] + 2.0}
    lines = [{"snapshot": frame}, {"change": difference(frame, later)}]
    body = packed([json.dumps(line).encode() for line in lines], True, frame["taken_at"], later["taken_at"])
    path.write_bytes(head(schema=1) + body)
    assert [one.drift.value for one in kept(path)] == [snapshots.DRIFTED.drift.value] * 2


def test_a_recording_of_an_earlier_schema_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(head(schema=1))
    with pytest.raises(RecordingError, match="begun by an earlier mlops-lab"):
        Recorder(path)


def test_the_data_of_which_model_drifted_is_marked_where_there_are_several() -> None:
    calm = tuple(replace(report, features=()) for report in snapshots.MANY.drift.value or ())
    before = replace(snapshots.MANY, drift=Slice(calm, snapshots.NOW))
    assert [mark.text for mark in changes(before, snapshots.MANY)] == ["data of house-prices drifted"]
