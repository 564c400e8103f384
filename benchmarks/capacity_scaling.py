"""Target tracking as Application Auto Scaling does it for a service of ECS, minute by minute.

Documented behaviour: an alarm above the target after three minutes, one below nine tenths of it after fifteen; the
new number is the old one times metric over target, rounded up; then a cooldown. New tasks carry load once started.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MINUTE_S = 60.0
OUT_AFTER, IN_AFTER, IN_BELOW = 3, 15, 0.9
PERCENT = 100.0


@dataclass(frozen=True)
class Policy:
    """`low` to `high` tasks, `target` of the metric to hold; cooldowns in seconds."""

    low: int
    high: int
    target: float
    out_cooldown_s: float
    in_cooldown_s: float


@dataclass(frozen=True)
class Minute:
    """Tasks that carry load, and the metric, in one minute."""

    tasks: int
    metric: float


class _Alarms:
    """How many minutes in a row the metric was above the target, or well below it."""

    def __init__(self, target: float) -> None:
        self._target, self._above, self._below = target, 0, 0

    def see(self, metric: float) -> None:
        self._above = self._above + 1 if metric > self._target else 0
        self._below = self._below + 1 if metric < self._target * IN_BELOW else 0

    @property
    def high(self) -> bool:
        return self._above >= OUT_AFTER

    @property
    def low(self) -> bool:
        return self._below >= IN_AFTER


def by_cpu(load: Sequence[float], policy: Policy, vcpu: float, start_s: float) -> list[Minute]:
    """A service whose load is in CPU seconds per minute, each task of `vcpu`, started in `start_s`.

    The metric is percent of all tasks' CPU; above 100 it is what would be needed, and work waits.
    """
    return _follow(load, policy, lambda used, tasks: PERCENT * used / (tasks * vcpu * MINUTE_S), start_s)


def by_queue(queued: Sequence[float], policy: Policy, start_s: float) -> list[Minute]:
    """A service that follows the length of a queue, which no number of its tasks shortens."""
    return _follow(queued, policy, lambda length, _: length, start_s)


# The signal, of a value of the load and the tasks that carry it.
_Metric = Callable[[float, int], float]


def _follow(values: Sequence[float], policy: Policy, metric: _Metric, start_s: float) -> list[Minute]:
    desired = carrying = policy.low
    alarms, seen = _Alarms(policy.target), []
    starting: list[tuple[float, int]] = []
    last_change_s = -math.inf
    for minute, value in enumerate(values):
        now = minute * MINUTE_S
        carrying = max([carrying, *(number for ready, number in starting if ready <= now)])
        starting = [one for one in starting if one[0] > now]
        measured = metric(value, carrying)
        seen.append(Minute(carrying, measured))
        alarms.see(measured)
        wanted = min(policy.high, max(policy.low, math.ceil(desired * measured / policy.target)))
        if alarms.high and wanted > desired and now - last_change_s >= policy.out_cooldown_s:
            desired, last_change_s = wanted, now
            starting.append((now + start_s, desired))
        elif alarms.low and wanted < desired and now - last_change_s >= policy.in_cooldown_s:
            desired, last_change_s = wanted, now
            carrying, starting = min(carrying, desired), []
    return seen
