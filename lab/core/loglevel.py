"""How serious a log line is, for the formats of the lab's services."""

import re
from enum import IntEnum


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
