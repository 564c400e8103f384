"""A day of training runs as discrete events: arrivals, the queue, tasks that start late, spot that is taken back.

Everything random comes from one seeded generator, so the same inputs always give the same figures. Times are seconds.
"""

import math
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

import simpy

HOUR_S, DAY_S = 3600.0, 86400.0
FLAT = (1.0,) * 24
# Draws a duration in seconds.
Draw = Callable[[random.Random], float]


@dataclass(frozen=True)
class Arrivals:
    """Runs a day on average, spread over the hours as `profile` weighs them; a Poisson process within each."""

    per_day: float
    profile: Sequence[float] = FLAT

    def rate(self, at_s: float) -> float:
        """Runs per second at a time of the simulation, which begins at midnight."""
        hour = int(at_s % DAY_S // HOUR_S)
        return self.per_day / DAY_S * self.profile[hour] / (sum(self.profile) / len(self.profile))

    def times(self, random_: random.Random, until_s: float) -> Iterator[float]:
        """Each run's arrival, by thinning a process of the highest rate."""
        highest, now = max(self.rate(hour * HOUR_S) for hour in range(24)), 0.0
        while highest > 0:
            now += random_.expovariate(highest)
            if now >= until_s:
                return
            if random_.random() * highest <= self.rate(now):
                yield now


@dataclass(frozen=True)
class Work:
    """What a run does: `before` and `after` its training in the run's own task, `training` in a job of its own."""

    before: Draw
    training: Draw
    after: Draw


@dataclass(frozen=True)
class Platform:
    """Where runs go. `slots` runs at once, `jobs` trainings at once; starts take their seconds.

    A training on spot capacity is taken back with a rate of `taken_per_hour` and begins anew, `attempts` times in all;
    without a job of its own (`jobs` is None), it's done in the run's task and never taken back.
    """

    slots: int
    jobs: int | None = None
    run_start_s: float = 0.0
    job_start_s: float = 0.0
    taken_per_hour: float = 0.0
    attempts: int = 1


@dataclass
class Outcome:
    """What happened in `until_s` seconds to the runs that arrived in them; lists have an item per finished run."""

    until_s: float
    waited: list[float] = field(default_factory=list)
    job_waited: list[float] = field(default_factory=list)
    lasted: list[float] = field(default_factory=list)
    arrived: int = 0
    failed: int = 0
    taken_back: int = 0
    slot_seconds: float = 0.0
    job_seconds: float = 0.0
    task_seconds: float = 0.0
    # (time, runs under way, runs waiting) at every change that `watch` saw.
    seen: list[tuple[float, int, int]] = field(default_factory=list)

    @property
    def finished(self) -> int:
        return len(self.lasted)

    def utilisation(self, slots: int) -> float:
        """The part of all slots' time that was used."""
        return self.slot_seconds / (slots * self.until_s)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; 0 for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


class Simulation:
    """One course of events. Runs that arrive before `until_s` are followed to their end."""

    def __init__(self, arrivals: Iterator[float], work: Work, platform: Platform, until_s: float, seed: int) -> None:
        self._env = simpy.Environment()
        self._slots = simpy.Resource(self._env, platform.slots)
        self._jobs = simpy.Resource(self._env, platform.jobs) if platform.jobs else None
        self._arrivals, self._work, self._platform = arrivals, work, platform
        self._random = random.Random(seed)
        self.outcome = Outcome(until_s)

    def run(self, watch_every_s: float = 0.0) -> Outcome:
        """Simulates; with `watch_every_s` it notes how many runs are under way and waiting, that often."""
        self._env.process(self._arrive())
        if watch_every_s:
            self._env.process(self._watch(watch_every_s))
        self._env.run()
        return self.outcome

    def _arrive(self) -> Generator[simpy.Event, None, None]:
        for at_s in self._arrivals:
            yield self._env.timeout(at_s - self._env.now)
            self.outcome.arrived += 1
            self._env.process(self._run())

    def _watch(self, every_s: float) -> Generator[simpy.Event, None, None]:
        while self._env.now <= self.outcome.until_s:
            self.outcome.seen.append((self._env.now, self._slots.count, len(self._slots.queue)))
            yield self._env.timeout(every_s)

    def _run(self) -> Generator[simpy.Event, None, None]:
        came = self._env.now
        with self._slots.request() as slot:
            yield slot
            began = self._env.now
            self.outcome.waited.append(began - came)
            yield self._env.timeout(self._platform.run_start_s)
            yield self._env.timeout(self._work.before(self._random))
            trained = yield from self._train()
            if trained:
                yield self._env.timeout(self._work.after(self._random))
        self._note_end(came, began, trained)

    def _note_end(self, came: float, began: float, trained: bool) -> None:
        ended, end = self._env.now, self.outcome.until_s
        # A slot's time beyond the window isn't the window's.
        self.outcome.slot_seconds += max(0.0, min(ended, end) - min(began, end))
        self.outcome.task_seconds += ended - began
        if trained:
            self.outcome.lasted.append(ended - came)
        else:
            self.outcome.failed += 1

    def _train(self) -> Generator[simpy.Event, None, bool]:
        needed = self._work.training(self._random)
        if self._jobs is None:
            yield self._env.timeout(needed)
            return True
        for _ in range(self._platform.attempts):
            asked = self._env.now
            with self._jobs.request() as job:
                yield job
                self.outcome.job_waited.append(self._env.now - asked)
                yield self._env.timeout(self._platform.job_start_s)
                ran = min(needed, self._taken_after())
                yield self._env.timeout(ran)
                self.outcome.job_seconds += self._platform.job_start_s + ran
            if ran == needed:
                return True
            self.outcome.taken_back += 1
        return False

    def _taken_after(self) -> float:
        rate = self._platform.taken_per_hour / HOUR_S
        return self._random.expovariate(rate) if rate else math.inf


def erlang_c(servers: int, offered: float) -> float:
    """The chance that an arrival waits in M/M/c, with `offered` erlangs. Raises ValueError for an unstable queue."""
    if not 0 <= offered < servers:
        raise ValueError(f"{offered:g} erlangs don't fit {servers} servers")
    blocking = 1.0  # Erlang B by its recursion, which doesn't overflow
    for number in range(1, servers + 1):
        blocking = offered * blocking / (number + offered * blocking)
    return blocking / (1 - offered / servers * (1 - blocking))


def mean_wait_s(servers: int, offered: float, mean_s: float) -> float:
    """The mean wait in M/M/c whose service takes `mean_s` on average. Raises ValueError as `erlang_c`."""
    return erlang_c(servers, offered) * mean_s / (servers - offered)


def slots_for(offered: float, mean_s: float, wait_s: float) -> int:
    """The fewest servers of M/M/c with a mean wait of `wait_s` at most."""
    servers = math.floor(offered) + 1
    while mean_wait_s(servers, offered, mean_s) > wait_s:
        servers += 1
    return servers
