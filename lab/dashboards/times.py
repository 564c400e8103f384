"""Durations and moments as Prometheus and Grafana write them: `30s`, `1h30m`, `now-6h`, `now/d`."""

import re
from datetime import datetime, timedelta

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "M": 2_592_000.0,
            "y": 31_536_000.0, "Q": 7_776_000.0}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwMyQ])")
_MOMENT = re.compile(r"now(?P<shift>(?:[+-]\d+[smhdwMyQ])*)(?:/(?P<floor>[smhdwMy]))?")
# Grafana's steps between two points, in seconds.
_NICE = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600,
         7200, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000, 31_536_000)  # fmt: skip
LONGEST_S = 31_536_000.0


def seconds(text: str) -> float | None:
    """A duration such as `1h30m` or `>=10s` in seconds; None for anything else, or more than a year."""
    body = text.strip().lstrip(">=").strip()
    if not body or len(body) > 30 or "".join(a + b for a, b in _PART.findall(body)) != body:
        return None
    total = sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(body))
    return total if 0 < total <= LONGEST_S else None


def written(duration_s: float) -> str:
    """A duration as Prometheus reads it, in its largest whole unit."""
    milliseconds = max(1, round(duration_s * 1000))
    for unit in ("d", "h", "m", "s"):
        size = round(_SECONDS[unit] * 1000)
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def moment(text: str, now: datetime, end: bool = False) -> float | None:
    """Epoch seconds of `now-6h`, `now/d`, an ISO date or epoch milliseconds; None for anything else.

    `end` is for the later side of a range, where `/d` means the end of the day.
    """
    found = _MOMENT.fullmatch(text.strip())
    if not found:
        return _fixed(text.strip(), now)
    at = now
    for sign, amount, unit in re.findall(r"([+-])(\d+)([smhdwMyQ])", found["shift"]):
        shift_s = int(amount[:12]) * _SECONDS[unit]
        if shift_s > 20 * LONGEST_S:
            return None
        at += timedelta(seconds=shift_s if sign == "+" else -shift_s)
    return _floored(at, found["floor"], end).timestamp() if found["floor"] else at.timestamp()


def _fixed(text: str, now: datetime) -> float | None:
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text) / 1000
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).timestamp()
    except (ValueError, OverflowError):
        return None


def _floored(at: datetime, unit: str, end: bool) -> datetime:
    order = ["y", "M", "d", "h", "m", "s"]
    day = at
    if unit == "w":
        day, unit = at - timedelta(days=at.weekday()), "d"
        length = timedelta(days=7)
    else:
        length = timedelta(seconds=_SECONDS[unit])
    kept = order.index(unit)
    parts = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
    reset = {name: value for number, (name, value) in enumerate(parts.items(), 1) if number > kept}
    begin = day.replace(microsecond=0, **reset)  # type: ignore[arg-type]  # only whole numbers by name
    return begin + length - timedelta(milliseconds=1) if end else begin


def nice_step(wanted_s: float) -> float:
    """The step that Grafana takes for about this many seconds between two points."""
    return next((step for step in _NICE if step >= wanted_s * 0.85), wanted_s)
