"""Where values and times stand in a picture, and the marks beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import ceil, floor, isfinite, log10


@dataclass(frozen=True)
class Scale:
    """From `low`, at the bottom, to `high`; `log` takes tens as equal steps.

    Marks are round for people: in bytes when `binary`, in time when a value of 1 is so many `seconds`.
    """

    low: float
    high: float
    log: bool = False
    binary: bool = False
    seconds: float = 0.0

    def row(self, value: float, rows: int) -> int | None:
        """The row of dots, counted from the top; None for what is no number. Beyond the scale is beyond the rows."""
        if not isfinite(value) or (self.log and value <= 0):
            return None
        low, high, at = (log10(one) if self.log else one for one in (self.low, self.high, value))
        share = (at - low) / (high - low) if high > low else 0.5
        return round((1 - min(max(share, -1.0), 2.0)) * (rows - 1))

    def marks(self, most: int) -> tuple[float, ...]:
        """Round values within, ascending, at most about so many."""
        if self.log:
            tens = range(ceil(log10(self.low)), floor(log10(self.high)) + 1)
            return tuple(10.0**ten for ten in tens)[:: max(1, len(tens) // max(most, 1))]
        if self.high <= self.low:
            return (self.low,)
        step = self._step((self.high - self.low) / max(most, 1))
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return tuple(number * step for number in range(first, min(last, first + 50) + 1))

    def _step(self, least: float) -> float:
        if self.seconds and least * self.seconds > 1:
            return next((step / self.seconds for step in _STEPS if step >= least * self.seconds), _round_step(least))
        return _binary_step(least) if self.binary else _round_step(least)


def _round_step(least: float) -> float:
    ten = 10.0 ** floor(log10(least))
    return next(ten * size for size in (1, 2, 2.5, 5, 10) if ten * size >= least * 0.999)


def fitting(values: Iterable[float], low: float | None, high: float | None, log: bool = False) -> Scale:
    """A scale that holds all values, or what the file says."""
    real = [value for value in values if isfinite(value) and (not log or value > 0)]
    bottom = low if low is not None and (not log or low > 0) else min(real, default=0.1 if log else 0.0)
    top = high if high is not None else max(real, default=1.0)
    if log:
        return Scale(bottom, max(top, bottom * 10), log=True)
    if top <= bottom:
        # A flat line stands in the middle, with room for what is usual around it.
        room = abs(top) * 0.1 or 1.0
        return Scale(bottom if low is not None else bottom - room, bottom + room)
    room = (top - bottom) * 0.05
    bottom = bottom if low is not None or 0 <= bottom < room else bottom - room
    return Scale(bottom, top if high is not None else top + room)


def _binary_step(least: float) -> float:
    """A round number of bytes, as people count them: 512 MiB, not 500 million."""
    unit = 1024.0 ** max(floor(log10(least) / log10(1024)), 0)
    return next((unit * size for size in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512) if unit * size >= least), unit * 1024)


_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
          604_800, 2_592_000)  # fmt: skip


def time_marks(begin: float, end: float, most: int, zone: tzinfo | None) -> Sequence[tuple[float, str]]:
    """Round times within, each with its text."""
    length = max(end - begin, 1.0)
    step = next((one for one in _STEPS if length / one <= max(most, 1)), 31_536_000)
    form = "%H:%M:%S" if step < 60 else "%H:%M" if length <= 86_400 else "%m-%d %H:%M" if step < 86_400 else "%m-%d"
    try:
        shift = datetime.fromtimestamp(begin, zone).utcoffset()
        offset = shift.total_seconds() if shift else 0.0
        first = ceil((begin + offset) / step) * step - offset
        count = int((end - first) // step) + 1
        moments = [first + number * step for number in range(max(count, 0))]
        return [(at, datetime.fromtimestamp(at, zone).strftime(form)) for at in moments]
    except (ValueError, OverflowError, OSError):
        return []
