"""One thing that `doctor` looked at, and how it was found: ok, worth a warning, or in the way of a start."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """FAIL keeps the lab from starting, WARN doesn't."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""
