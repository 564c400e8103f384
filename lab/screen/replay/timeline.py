"""The two lines under the panels of a replay: pure functions of where it stands."""

from dataclasses import dataclass

from lab.recording.marks import RANK, Mark
from lab.screen.replay.player import Player
from lab.views import formats
from lab.views.cells import Line, Span, Tone, clip, width_of

GLYPHS = {Tone.BAD: "✗", Tone.WARN: "▲", Tone.OK: "●", Tone.ACCENT: "◆", Tone.MUTED: "○"}
HERE, PLAYED, AHEAD, NOTHING = "▮", "━", "─", "┈"


@dataclass(frozen=True)
class Track:
    """A whole recording on `width` cells: where there is data, and the worst mark of each cell."""

    width: int
    start: float
    end: float
    filled: tuple[bool, ...]
    marks: tuple[Tone | None, ...]

    def cell_of(self, moment: float) -> int:
        """The cell in which `moment` (epoch seconds) lies."""
        share = (moment - self.start) / (self.end - self.start) if self.end > self.start else 0.0
        return max(0, min(int(share * self.width), self.width - 1))

    def moment_of(self, cell: int) -> float:
        """The middle of a cell; of the first the beginning, of the last the end."""
        if cell <= 0:
            return self.start
        return self.end if cell >= self.width - 1 else self.start + (self.end - self.start) * (cell + 0.5) / self.width


def track(player: Player, width: int) -> Track:
    """Laid out once for a width: its cost grows with the recording."""
    recording = player.recording
    empty = Track(max(width, 1), recording.start, recording.end, (), ())
    filled = [False] * empty.width
    for first, last in recording.stretches():
        cells = range(empty.cell_of(first), empty.cell_of(last) + 1)
        filled[cells.start : cells.stop] = [True] * len(cells)
    marks: list[Tone | None] = [None] * empty.width
    for mark in recording.marks:
        cell = empty.cell_of(mark.at)
        known = marks[cell]
        # Where several fall on one cell, the worst is shown.
        if known is None or RANK.index(mark.tone) > RANK.index(known):
            marks[cell] = mark.tone
    return Track(empty.width, empty.start, empty.end, tuple(filled), tuple(marks))


def track_line(found: Track, position: float) -> Line:
    """The track with the position on it."""
    here = found.cell_of(position)
    spans: list[Span] = []
    for cell in range(found.width):
        tone = found.marks[cell]
        if cell == here:
            spans.append(Span(HERE, Tone.STRONG))
        elif tone is not None:
            spans.append(Span(GLYPHS[tone], tone))
        elif not found.filled[cell]:
            spans.append(Span(NOTHING, Tone.MUTED))
        else:
            spans.append(Span(PLAYED, Tone.ACCENT) if cell < here else Span(AHEAD, Tone.MUTED))
    return tuple(spans)


def status_line(player: Player, width: int) -> Line:
    """What is going on: playing or not, how fast, where, and what changed last."""
    recording = player.recording
    state = Span("▶ playing", Tone.OK) if player.playing else Span("‖ paused", Tone.WARN)
    spans: list[Span] = [
        state,
        Span(f" {player.speed:g}×", Tone.STRONG),
        Span(f" · {player.now:%a %b %d %H:%M:%S}"),
        Span(f" · {player.index + 1:,}/{recording.count:,}", Tone.MUTED),
    ]
    if recording.lost_bytes:
        spans.append(Span(f" · {formats.size(recording.lost_bytes)} at the end unreadable", Tone.WARN))
    if mark := player.newest_mark():
        spans += _mark(mark, player.position)
    line = clip(spans, width)
    return (*line, Span(" " * (width - width_of(line))))


def _mark(mark: Mark, position: float) -> tuple[Span, ...]:
    ago = formats.age(position - mark.at)
    when = "now" if ago == "now" else f"{ago} ago"
    return (Span(" · "), Span(f"{GLYPHS[mark.tone]} {mark.text}", mark.tone), Span(f" {when}", Tone.MUTED))
