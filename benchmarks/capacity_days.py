"""The three scales of docs/autoscaling.md: what a day of 10, 1,000 and 100,000 runs does to the queue and the bill."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import capacity_inputs as inputs
from benchmarks.capacity_model import DAY_S, HOUR_S, Arrivals, Outcome, Platform, Simulation, percentile, slots_for
from benchmarks.capacity_scaling import MINUTE_S, Minute, by_cpu, by_queue

SCALES = (10, 1_000, 100_000)
# So many days that the figures are of enough runs, and no more; half a day ends behind the busiest hour.
_DAYS: Mapping[int, float] = {10: 200, 1_000: 4, 100_000: 0.5}
SEED = 20261129
DAYS_A_MONTH, HOURS_A_MONTH = 365 / 12, 365 * 24 / 12
# Sized by hand: a run waits this long in the busiest hour, on average.
_WAIT_S = 10.0


@dataclass(frozen=True)
class Day:
    """What the simulation says of one scale, with `slots` runs at once and `jobs` trainings at once."""

    per_day: int
    slots: int
    jobs: int
    outcome: Outcome
    peak_erlangs: float

    @property
    def stable(self) -> bool:
        """Whether the busiest hour's work fits the slots."""
        return self.peak_erlangs < self.slots


def arrivals(per_day: int) -> Arrivals:
    """The assumed profile of a day."""
    return Arrivals(per_day, inputs.assumed("profile"))


def platform(slots: int, jobs: int, taken_per_hour: float | None = None) -> Platform:
    """AWS as terraform/ makes it, with this many runs and trainings at once."""
    monthly = inputs.assumed("taken_per_month") / HOURS_A_MONTH
    return Platform(
        slots,
        jobs,
        inputs.assumed("run_start_s"),
        inputs.assumed("job_start_s"),
        monthly if taken_per_hour is None else taken_per_hour,
        inputs.attempts(),
    )


def mean_run_s(longer: float = 1.0) -> float:
    """How long a run holds its slot when it doesn't wait for its training."""
    sample = inputs.sample()
    starts = float(inputs.assumed("run_start_s") + inputs.assumed("job_start_s"))
    return starts + sample.mean("run") + (longer - 1) * sample.mean("train_model")


def peak_erlangs(per_day: int, longer: float = 1.0) -> float:
    """Runs under way at once, on average, in the busiest hour."""
    return _busiest(per_day) * mean_run_s(longer)


def _busiest(per_day: int) -> float:
    """Runs per second that arrive in the busiest hour."""
    return max(arrivals(per_day).rate(hour * HOUR_S) for hour in range(24))


def needed_slots(per_day: int, longer: float = 1.0) -> int:
    """The limit of runs at once with which the busiest hour's mean wait is short."""
    return slots_for(peak_erlangs(per_day, longer), mean_run_s(longer), _WAIT_S)


def needed_jobs(per_day: int, longer: float = 1.0) -> int:
    """The same for trainings at once."""
    mean_s = float(inputs.assumed("job_start_s")) + longer * inputs.sample().mean("train_model")
    return slots_for(_busiest(per_day) * mean_s, mean_s, _WAIT_S)


def job_limit(environment: inputs.Environment) -> int:
    """Trainings at once that Batch's vCPU allow."""
    return int(environment.training_vcpu / inputs.job_size().vcpu)


def simulate(per_day: int, slots: int, jobs: int, longer: float = 1.0, taken_per_hour: float | None = None) -> Day:
    """Some days of runs; the same figures every time."""
    until_s = _DAYS[per_day] * DAY_S
    times = arrivals(per_day).times(inputs.choose(SEED), until_s)
    where = platform(slots, jobs, taken_per_hour)
    outcome = Simulation(times, inputs.sample().work(longer), where, until_s, SEED).run(MINUTE_S)
    return Day(per_day, slots, jobs, outcome, peak_erlangs(per_day, longer))


def waiting(day: Day) -> tuple[float, float]:
    """Seconds that a run waits for a slot: the median, and what 95 of 100 don't exceed."""
    return percentile(day.outcome.waited, 0.5), percentile(day.outcome.waited, 0.95)


def cpu_load(service: str, per_day: int) -> list[float]:
    """CPU seconds that runs cost a service, in each minute of an average day."""
    rates = arrivals(per_day)
    each = inputs.sample().cpu[service]
    return [rates.rate(minute * MINUTE_S) * MINUTE_S * each for minute in range(int(DAY_S / MINUTE_S))]


def scaled(environment: inputs.Environment, service: str, per_day: int, outcome: Outcome) -> list[Minute]:
    """A service's tasks through an average day, by its policy; `outcome` has the queue's length."""
    start_s = float(inputs.assumed("service_start_s"))
    if "cpu" in environment.scaling[service]:
        vcpu = inputs.services()[service].vcpu
        return by_cpu(cpu_load(service, per_day), inputs.policy(environment, service), vcpu, start_s)
    queued = [float(waits) for at_s, _, waits in outcome.seen if at_s < DAY_S]
    return by_queue(queued, inputs.policy(environment, service), start_s)


def monthly_costs(environment: inputs.Environment, day: Day) -> Mapping[str, float]:
    """US dollars a month, by what they are paid for."""
    runs = day.per_day * DAYS_A_MONTH
    outcome, price = day.outcome, inputs.price
    each = 1 / max(1, outcome.arrived)
    hours = HOURS_A_MONTH
    return {
        "runs' tasks": runs * outcome.task_seconds * each / HOUR_S * _task(inputs.run_size(), spot=False),
        "training jobs": runs * outcome.job_seconds * each / HOUR_S * _task(inputs.job_size(), spot=True),
        "services": hours * _services(environment, day),
        "database": hours * _acu(environment, day.per_day) * price("aurora_acu_hour"),
        "network": hours * (environment.nats * price("nat_hour") + _endpoints(environment)) + price("alb_month"),
        "artifacts": runs * inputs.assumed("months_kept") * inputs.sample().artifact_bytes / 1e9 * price("s3_gb_month"),
    }


def _task(size: inputs.Size, spot: bool) -> float:
    """US dollars an hour; memory's part on spot isn't published apart, and is taken to be as much cheaper as CPU's."""
    vcpu, gb = inputs.price("fargate_vcpu_hour"), inputs.price("fargate_gb_hour")
    cheaper = inputs.price("fargate_spot_vcpu_hour") / vcpu if spot else 1.0
    return cheaper * (size.vcpu * vcpu + size.gb * gb)


def _services(environment: inputs.Environment, day: Day) -> float:
    total = 0.0
    for name, size in inputs.services().items():
        tasks = 1.0
        if name in environment.scaling:
            seen = scaled(environment, name, day.per_day, day.outcome)
            tasks = sum(minute.tasks for minute in seen) / len(seen)
        total += tasks * _task(size, environment.spot)
    return total


def _acu(environment: inputs.Environment, per_day: int) -> float:
    load = cpu_load("postgres", per_day)
    each = float(inputs.assumed("acu_vcpu") * inputs.assumed("database_target"))
    wanted = [used / MINUTE_S / each for used in load]
    steps = [math.ceil(min(environment.acu_max, max(environment.acu_min, one)) * 2) / 2 for one in wanted]
    return environment.databases * sum(steps) / len(steps)


def _endpoints(environment: inputs.Environment) -> float:
    return inputs.endpoints() * environment.zones * inputs.price("endpoint_hour")
