"""How serious a log line of a service is, and when it was written; and what `--since` means."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from lab.base.errors import UsageError


class Level(IntEnum):
    """Levels in rising order."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


_NAMES = {
    "TRACE": Level.DEBUG,
    "DEBUG": Level.DEBUG,
    "INFO": Level.INFO,
    "NOTICE": Level.INFO,
    "LOG": Level.INFO,
    "STATEMENT": Level.INFO,
    "HINT": Level.INFO,
    "DETAIL": Level.INFO,
    "WARN": Level.WARNING,
    "WARNING": Level.WARNING,
    "ERROR": Level.ERROR,
    "CRITICAL": Level.ERROR,
    "FATAL": Level.ERROR,
    "PANIC": Level.ERROR,
}
# SeaweedFS: a letter, then month and day, as glog writes them.
_GLOG = re.compile(r"\A([IWEF])\d{4} \d\d:")
_GLOG_LEVELS = {"I": Level.INFO, "W": Level.WARNING, "E": Level.ERROR, "F": Level.ERROR}
# level=info, "level":"info" and lvl=warn of Go's loggers.
_KEY = re.compile(r"\b(?:level|lvl|severity)\"?[=:]\s*\"?([a-z]+)", re.IGNORECASE)
# A level in capitals as a word of its own, as Python's logging, uvicorn and PostgreSQL write it.
_WORD = re.compile(r"(?<![\w=/.])(" + "|".join(_NAMES) + r")\b")
_SEARCHED = 160


def level_of(line: str) -> Level | None:
    """The level near the beginning of `line`; None where it names none, as in the lines of a traceback."""
    if line[:1].isspace():
        return None
    head = line[:_SEARCHED]
    if found := _GLOG.match(head):
        return _GLOG_LEVELS[found[1]]
    if (found := _KEY.search(head)) and (level := _NAMES.get(found[1].upper())):
        return level
    found = _WORD.search(head)
    return _NAMES[found[1]] if found else None


_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:[.,]\d+)?\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?"
)
_GLOG_TIME = re.compile(r"\A[IWEF](?P<month>\d\d)(?P<day>\d\d) (?P<time>\d\d:\d\d:\d\d)")
_PERIOD = re.compile(r"(?P<count>\d+)(?P<unit>[smhd])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def written_at(line: str, now: datetime) -> datetime | None:
    """The time in the first 80 characters of `line`; None where there is none. Services without a zone write UTC."""
    head = line[:80]
    try:
        if found := _ISO.search(head):
            return _iso(found)
        if found := _GLOG_TIME.search(head):
            text = f"{now.astimezone(UTC).year}-{found['month']}-{found['day']} {found['time']}"
            moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
            # A line of December that is read in January.
            return moment.replace(year=moment.year - 1) if moment > now + timedelta(days=1) else moment
    except ValueError:
        return None
    return None


def _iso(found: re.Match[str]) -> datetime:
    zone = found["zone"] or ""
    suffix = "+00:00" if zone in {"Z", "UTC", "GMT"} else zone
    moment = datetime.fromisoformat(f"{found['day']}T{found['time']}{suffix}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def since(text: str, now: datetime) -> datetime:
    """`10m`, `2h`, `1d`, `30s`, or an ISO 8601 time, of this machine where it names no zone. Raises UsageError."""
    try:
        if found := _PERIOD.match(text):
            return now - timedelta(**{_UNITS[found["unit"]]: int(found["count"])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(f"--since {text!r} is no time.", "Write 30s, 10m, 2h, 1d or 2026-01-31T12:00.") from None
    return moment if moment.tzinfo else moment.astimezone()


def newer(lines: Iterable[str], start: datetime, now: datetime) -> Iterator[str]:
    """The lines from the first one written at `start` or later; a line without a time goes with the one before it."""
    passing = False
    for line in lines:
        moment = written_at(line, now)
        passing = passing if moment is None else moment >= start
        if passing:
            yield line
