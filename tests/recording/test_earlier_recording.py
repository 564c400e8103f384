"""A recording of before models had folders, as it was written then, can still be played."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lab.recording.playback import Recording
from lab.views import PARTS
from lab.views.cells import PanelView
from lab.views.view import View
from tests.screen import snapshots

EARLIER = Path(__file__).with_name("data") / "earlier.jsonl.gz"


def test_every_snapshot_of_an_earlier_recording_is_shown() -> None:
    with Recording(EARLIER) as recording:
        assert (recording.count, recording.lost_bytes) == (8, 0)
        for index in range(recording.count):
            snapshot = recording.snapshot(index)
            for part in PARTS.values():
                assert isinstance(part.panel(View(snapshot, datetime.fromtimestamp(snapshot.taken_at, UTC))), PanelView)


def test_what_was_recorded_is_what_is_shown() -> None:
    with Recording(EARLIER) as recording:
        healthy = recording.snapshot(0)
    assert healthy.runs.value == snapshots.HEALTHY.runs.value
    assert healthy.audit.value == snapshots.HEALTHY.audit.value
    assert replace(healthy.lab, models=(), may={}) == replace(snapshots.HEALTHY.lab, models=(), may={})
