"""What the audit bucket promises: an entry, once written, can't be deleted for so many days, by nobody.

The store's administrator can't take that from an entry that is locked, but can lower it for entries to come. So the
bucket's settings are read, and each entry's own lock is compared with the promise.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lab.governance.ledger import Fault, Kind, Lock

MODE, GOVERNANCE, ENABLED = "COMPLIANCE", "GOVERNANCE", "Enabled"
SETTINGS = ("versioning", "lock", "lifecycle", "policy")
# The store takes the time twice, for the lock and for the object.
_TOLERANCE = timedelta(minutes=10)
# So many entries are named; a bucket that was never locked would name them all.
_LISTED = 100
REMEDY = "Type `mlops-lab audit lock`, and find out who has the store's admin credential."


@dataclass(frozen=True)
class Promise:
    """What the lab promises of its audit bucket. `policy` is the bucket's, None where rights belong to identities."""

    days: int
    policy: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class BucketSettings:
    """A bucket's settings as its store gives them: default lock in days, lifecycle rules in force by name."""

    versioning: str = ""
    lock_mode: str = ""
    lock_days: int = 0
    rules: tuple[str, ...] = ()
    policy: str = ""


@dataclass(frozen=True)
class Weakness:
    """A setting of the bucket, out of `SETTINGS`, that is weaker than promised."""

    setting: str
    problem: str

    def __str__(self) -> str:
        return f"audit bucket: {self.setting}: {self.problem}"


def weaknesses(found: BucketSettings, promise: Promise) -> tuple[Weakness, ...]:
    """In what the bucket protects its entries less than the lab promises."""
    problems = {
        "versioning": "" if found.versioning == ENABLED else f"it is {found.versioning or 'off'}",
        "lock": _default_lock(found, promise.days),
        "lifecycle": f"rules are set, and the lab sets none: {', '.join(found.rules)}" if found.rules else "",
        "policy": _policy(found.policy, promise.policy),
    }
    return tuple(Weakness(setting, problems[setting]) for setting in SETTINGS if problems[setting])


def _default_lock(found: BucketSettings, days: int) -> str:
    if not found.lock_mode:
        return "new entries aren't locked"
    if found.lock_mode != MODE:
        return f"new entries are locked in {found.lock_mode} mode, which an administrator can lift"
    return f"new entries are locked for {found.lock_days} days, {days} are promised" if found.lock_days < days else ""


def _policy(found: str, promised: Mapping[str, Any] | None) -> str:
    try:
        same = _plain(json.loads(found) if found else None) == _plain(promised)
    except (ValueError, RecursionError):
        same = False
    return "" if same else "it isn't the one that the lab sets: others may do more in it, or the lab less"


def _plain(value: Any) -> Any:
    """A policy without lists of one, which stores write as the element alone."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        items = [_plain(one) for one in value]
        return items[0] if len(items) == 1 else items
    return value


def lock_problem(lock: Lock, days: int) -> str:
    """In what an entry's own lock is less than promised; empty when it isn't."""
    if not lock.mode or lock.until is None:
        return "isn't locked: whoever administers the store can delete it"
    if lock.mode != MODE:
        return f"is locked in {lock.mode} mode, which whoever administers the store can lift"
    if lock.written and lock.until < _days_after(lock.written, days) - _TOLERANCE:
        kept = max(0, (lock.until - lock.written).days)
        return f"is locked until {lock.until:%Y-%m-%d}, for {kept} days; {days} are promised"
    return ""


def _days_after(moment: datetime, days: int) -> datetime:
    try:
        return moment + timedelta(days=days)
    except OverflowError:
        return datetime.max.replace(tzinfo=moment.tzinfo)


class LockCheck:
    """Compares the locks of entries with the promise, as they are read; memory is bounded."""

    def __init__(self, days: int) -> None:
        self._days = days
        self._found: list[Fault] = []
        self.count = 0

    def see(self, seq: int, lock: Lock) -> None:
        """Takes an entry's lock."""
        if problem := lock_problem(lock, self._days):
            self.count += 1
            if len(self._found) < _LISTED:
                self._found.append(Fault(seq, f"{Kind.UNLOCKED}: entry {seq} {problem}", Kind.UNLOCKED))

    @property
    def faults(self) -> Sequence[Fault]:
        """What was found, the first ones by name."""
        more = self.count - len(self._found)
        return [*self._found, *([Fault(0, f"{more} more entries", Kind.UNLOCKED)] if more else [])]
