"""How single values read: durations, ages, sizes, times, hashes, sparklines. All pure."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

NOTHING = "–"
_BARS = "▁▂▃▄▅▆▇"
# Control, format (bidi overrides, zero-width), surrogate, private and unassigned characters, line and paragraph ends.
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: object) -> str:
    """Text from outside on one line: what could steer a terminal or hide becomes a space or a visible mark."""
    raw = str(text)
    if raw.isascii() and raw.isprintable():
        return raw
    return "".join(_safe(char) for char in raw).strip()


def _safe(char: str) -> str:
    if char in "\t\n\r\v\f\u2028\u2029\x85":
        return " "
    return "�" if unicodedata.category(char) in _UNSAFE else char


def duration(seconds: float | None) -> str:
    """`0.4s`, `12s`, `3m05s`, `2h10m`, `4d03h`."""
    if seconds is None:
        return NOTHING
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def age(seconds: float | None) -> str:
    """A coarse duration: `now`, `8s`, `5m`, `3h`, `12d`."""
    if seconds is None:
        return NOTHING
    whole = int(max(seconds, 0.0))
    if whole < 1:
        return "now"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def latency(seconds: float | None) -> str:
    """`8ms`, `340ms`, `2.1s`."""
    if seconds is None:
        return NOTHING
    return f"{seconds * 1000:.0f}ms" if seconds < 0.9995 else f"{seconds:.1f}s"


def size(count: int | None) -> str:
    """Bytes as `812K`, `41M`, `1.2G` (powers of 1024)."""
    if count is None:
        return NOTHING
    if count < 1 << 20:
        return f"{count / 1024:.0f}K"
    return f"{count / (1 << 20):.0f}M" if count < 1 << 30 else f"{count / (1 << 30):.1f}G"


def cores(used: float | None) -> str:
    """Processor time as a share of one core: `0.4%`, `12%`, `140%`."""
    if used is None:
        return NOTHING
    return f"{used * 100:.1f}%" if used < 0.0995 else f"{used * 100:.0f}%"


def short(digest: str, length: int = 8) -> str:
    """The first characters of a hash or an id."""
    return clean(digest)[:length] or NOTHING


def brief_moment(epoch: float | None, now: datetime) -> str:
    """Local time of day, or only the date when it isn't today's: at most 8 cells."""
    full = moment(epoch, now)
    return full if len(full) <= 8 else full[:6]


def moment(epoch: float | None, now: datetime) -> str:
    """Local time of day, with the date in front when it isn't today's."""
    if epoch is None:
        return NOTHING
    try:
        then = datetime.fromtimestamp(epoch, now.tzinfo)
    except (ValueError, OverflowError, OSError):
        return NOTHING
    return then.strftime("%H:%M:%S" if then.date() == now.date() else "%b %d %H:%M")


def parse_time(text: str) -> float | None:
    """Epoch seconds of an ISO 8601 time; None when it isn't one. A time without a zone is taken as UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def sparkline(values: Sequence[float | None], width: int, floor: float = 0.0) -> str:
    """The newest `width` values as bars; `×` where there was no answer, blank where nothing is known yet.

    `floor` is the least difference that fills the height.
    """
    recent = list(values[-width:])
    known = [value for value in recent if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    # A floor on the range keeps jitter of a few milliseconds from looking like trouble.
    span = max(high - low, 0.25 * high, floor, 1e-9)
    bars = ("×" if v is None else _BARS[min(int((v - low) / span * len(_BARS)), len(_BARS) - 1)] for v in recent)
    return "".join(bars).rjust(width)
