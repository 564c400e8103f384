"""Where a replay stands, and how it moves: no widget, no clock of its own."""

import contextlib
from bisect import bisect_left, bisect_right
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from lab.observe.snapshot import LabInfo, Snapshot
from lab.recording.blocks import RecordingError
from lab.recording.marks import RANK, Mark
from lab.recording.playback import Recording
from lab.views.probe_history import History

SPEEDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
# Nobody waits longer than this for the next snapshot: hours in which nothing was recorded are jumped over.
LONGEST_WAIT_S = 2.0
REMEMBERED = 40


class Player:
    """A position in a recording. Times are epoch seconds; `zone` is for people, None is this machine's."""

    def __init__(self, recording: Recording, zone: tzinfo | None = None) -> None:
        self.recording = recording
        self.zone = zone
        self.index = 0
        self.position = recording.start
        self.speed = 1.0
        self.playing = False
        self.trouble = ""
        self._mark_times = [mark.at for mark in recording.marks]
        self._snapshot = Snapshot(recording.start, LabInfo("", "", "", "", ""))
        self._history, self._history_end = History(), -1

    @property
    def now(self) -> datetime:
        """The recorded lab's time."""
        return datetime.fromtimestamp(self.position, UTC).astimezone(self.zone)

    @property
    def at_end(self) -> bool:
        return self.index == self.recording.count - 1

    def snapshot(self) -> Snapshot:
        """The snapshot here; where the file is damaged, the last good one, and `trouble` says why."""
        try:
            self._snapshot = self.recording.snapshot(self.index)
            self.trouble = ""
        except RecordingError as err:
            self.trouble = str(err)
        return self._snapshot

    def history(self) -> History:
        """The probes of the snapshots up to here, for sparklines."""
        last = self._history_end
        if not last <= self.index <= last + REMEMBERED:
            self._history, last = History(), max(-1, self.index - REMEMBERED)
        history = self._history
        for index in range(last + 1, self.index + 1):
            with contextlib.suppress(RecordingError):
                services = self.recording.services(index)
                history = history.with_snapshot(replace(self._snapshot, services=services))
        self._history, self._history_end = history, self.index
        return history

    def toggle(self) -> None:
        """Plays or pauses; at the end it plays from the beginning."""
        if not self.playing and self.at_end:
            self.go(0)
        self.playing = not self.playing

    def go(self, index: int) -> None:
        """To a snapshot by its number."""
        self.index = max(0, min(index, self.recording.count - 1))
        try:
            self.position = self.recording.taken_at(self.index)
        except RecordingError as err:
            self.trouble = str(err)

    def step(self, by: int) -> None:
        """By so many snapshots, and pauses there."""
        self.playing = False
        self.go(self.index + by)

    def seek(self, moment: float) -> None:
        """To the newest snapshot at `moment`."""
        self.position = min(max(moment, self.recording.start), self.recording.end)
        try:
            self.index = self.recording.index_at(self.position)
        except RecordingError as err:
            self.trouble = str(err)

    def jump(self, seconds: float) -> None:
        """By time, and at least one snapshot; a stretch without snapshots is crossed."""
        before = self.index
        self.seek(self.position + seconds)
        if self.index == before:
            self.go(before + (1 if seconds > 0 else -1))
        else:
            self.go(self.index)

    def to_mark(self, direction: int) -> Mark | None:
        """To the next moment (1) or the one before (-1) at which something changed; None when there is none."""
        marks = self.recording.marks
        here = bisect_right if direction > 0 else bisect_left
        # A mark's time is kept to the millisecond, as a snapshot's is.
        number = here(self._mark_times, self.position) - (0 if direction > 0 else 1)
        if not 0 <= number < len(marks):
            return None
        self.playing = False
        self.seek(marks[number].at)
        return marks[number]

    def newest_mark(self) -> Mark | None:
        """What changed last before this moment; of several at once the worst."""
        end = bisect_right(self._mark_times, self.position)
        begin = bisect_left(self._mark_times, self._mark_times[end - 1]) if end else 0
        return max(self.recording.marks[begin:end], key=lambda mark: RANK.index(mark.tone), default=None)

    def faster(self, steps: int) -> None:
        """Another speed."""
        number = SPEEDS.index(self.speed) + steps
        self.speed = SPEEDS[max(0, min(number, len(SPEEDS) - 1))]

    def advance(self, seconds: float) -> None:
        """Plays on for so many seconds of the person's time; stops at the end."""
        if not self.playing:
            return
        if self.at_end:
            self.playing = False
            return
        moment = self.position + seconds * self.speed
        try:
            following = self.recording.taken_at(self.index + 1)
        except RecordingError:
            self.go(self.index + 1)
            return
        if following - moment > LONGEST_WAIT_S * self.speed:
            moment = following
        self.seek(moment)
