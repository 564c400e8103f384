"""Recordings: what is written comes back, from anywhere in the file, whatever happened to its end."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.recording.blocks import FORMAT, VERSION, RecordingError, packed
from lab.recording.deltas import Encoder, difference
from lab.recording.playback import KEPT_BLOCKS, Recording
from lab.recording.recording_file import BLOCK_S, BLOCK_SNAPSHOTS, KEY_EVERY_BLOCKS, Recorder
from tests.screen import recordings, snapshots
from tests.screen.recordings import START, STEP_S, head, kept


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
