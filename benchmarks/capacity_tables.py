"""The tables of docs/autoscaling.md, each from one function."""

from collections.abc import Mapping, Sequence
from functools import cache

from benchmarks import capacity_days as days
from benchmarks import capacity_inputs as inputs
from benchmarks.capacity_days import SCALES, Day
from benchmarks.capacity_model import HOUR_S, percentile
from docs.tables import table

ENVIRONMENTS = ("dev", "staging", "prod")
# Entries of a run: each of four steps begins and ends.
ENTRIES = 8
_STRESS = (0.0, 0.05, 0.5)


def signals() -> str:
    """What each service of ECS follows, in each environment."""
    rows = []
    for name, size in inputs.services().items():
        found = {one: inputs.environment(one) for one in ENVIRONMENTS}
        if name not in found["prod"].scaling:
            rows.append((f"`{name}`", f"{size.vcpu:g} vCPU, {size.gb:g} GB", "none", *["1"] * len(found)))
            continue
        kinds = found["prod"].scaling[name]
        signal = f"CPU, {kinds['cpu']:g} %" if "cpu" in kinds else f"queued runs, {kinds['queue']:g}"
        bounds = [f"{env.scaling[name]['min']:g}–{env.scaling[name]['max']:g}" for env in found.values()]
        rows.append((f"`{name}`", f"{size.vcpu:g} vCPU, {size.gb:g} GB", signal, *bounds))
    rows.append(_training_row())
    return table(("service", "a task gets", "signal and target", *ENVIRONMENTS), rows)


def _training_row() -> tuple[str, ...]:
    size = inputs.job_size()
    jobs = [f"0–{days.job_limit(inputs.environment(name))} jobs" for name in ENVIRONMENTS]
    return ("training (Batch, Fargate)", f"{size.vcpu:g} vCPU, {size.gb:g} GB", "jobs in the queue", *jobs)


def sample() -> str:
    """What was measured."""
    found = inputs.sample()
    steps = [name for name in found.runs[0] if name not in {"run", "queued"}]
    rows = [_spread(name, [run[name] for run in found.runs]) for name in [*steps, "run"]]
    used = [(f"CPU of `{name}`", f"{value:.2f} s", "") for name, value in found.cpu.items() if value >= 0.05]
    return table(("of one run", "median", "95 of 100 within"), [*rows, *used])


def _spread(name: str, seconds: Sequence[float]) -> tuple[str, str, str]:
    what = "the whole run" if name == "run" else f"`{name}`"
    return (what, f"{percentile(seconds, 0.5):.1f} s", f"{percentile(seconds, 0.95):.1f} s")


def machine() -> str:
    """Where and how it was measured."""
    found = inputs.sample()
    what = f"{len(found.runs)} runs of the shipped model one after the other, without containers, on: {found.machine}"
    return f"{what} {found.note}".rstrip()


def dates() -> str:
    """How old the prices are, and where they hold."""
    found = inputs.prices()
    return f"Prices of {found['region']}, read on {found['read']}. {found['note']}"


@cache
def day(per_day: int, slots: int, jobs: int, longer: float = 1.0, taken_per_hour: float | None = None) -> Day:
    """The same day is asked for by several tables."""
    return days.simulate(per_day, slots, jobs, longer, taken_per_hour)


def sized(per_day: int, longer: float = 1.0) -> Day:
    """With as many runs and trainings at once as the busiest hour needs, and no fewer than there are now."""
    now_slots, now_jobs = _now()
    slots, jobs = days.needed_slots(per_day, longer), days.needed_jobs(per_day, longer)
    return day(per_day, max(now_slots, slots), max(now_jobs, jobs), longer)


def _now() -> tuple[int, int]:
    """Runs at once as aws.yaml has it, trainings at once as prod has them."""
    return inputs.slots(), days.job_limit(inputs.environment("prod"))


def queue() -> str:
    """Waiting with the limits as they are now, and with those that the busiest hour needs."""
    slots, jobs = _now()
    rows = []
    for per_day in SCALES:
        erlangs = days.peak_erlangs(per_day)
        rows.append((_number(per_day), f"{erlangs:.2f}", *_waits(per_day, slots, jobs)))
        better = sized(per_day)
        if (better.slots, better.jobs) != (slots, jobs):
            rows.append((_number(per_day), f"{erlangs:.2f}", *_waits(per_day, better.slots, better.jobs)))
    head = ("runs a day", "under way in the busiest hour", "limit of runs", "limit of trainings")
    return table((*head, "a run waits, median", "95 of 100 within", "limit of runs used"), rows)


def _waits(per_day: int, slots: int, jobs: int) -> tuple[str, ...]:
    if days.peak_erlangs(per_day) > slots * 2:
        # Simulating it would only show that the queue grows as long as anybody looks.
        return str(slots), str(jobs), "grows all day", "grows all day", "100 %"
    found = day(per_day, slots, jobs)
    median, most = days.waiting(found)
    used = f"{found.outcome.utilisation(slots):.0%}".replace("%", " %")
    return str(slots), str(jobs), _time(median), _time(most), used


def long_training() -> str:
    """The same for a model that trains much longer, with the limit of runs that it needs."""
    longer, rows = float(inputs.assumed("long_training")), []
    for per_day in SCALES:
        found = sized(per_day, longer)
        waits = found.outcome.job_waited
        concurrent = found.outcome.job_seconds / found.outcome.until_s
        rows.append(
            (_number(per_day), str(days.needed_slots(per_day, longer)), f"{concurrent:.1f}",
             str(days.needed_jobs(per_day, longer)), _time(percentile(waits, 0.95)),
             _time(percentile(found.outcome.lasted, 0.95)))
        )  # fmt: skip
    head = ("runs a day", "limit of runs needed", "trainings at once, mean", "limit of trainings needed")
    return table((*head, "training waits, 95 of 100", "run lasts, 95 of 100"), rows)


def spot() -> str:
    """What it costs that spot capacity is taken back, for long trainings."""
    longer, per_day = float(inputs.assumed("long_training")), 1_000
    at_once = sized(per_day, longer)
    rows = []
    for rate in (None, *_STRESS[1:]):
        outcome = day(per_day, at_once.slots, at_once.jobs, longer, rate).outcome
        hourly = inputs.assumed("taken_per_month") / days.HOURS_A_MONTH if rate is None else rate
        rows.append(
            (f"{hourly:.4g}", f"{outcome.taken_back / outcome.arrived:.2%}".replace("%", " %"), str(outcome.failed),
             f"{outcome.job_seconds / outcome.arrived / HOUR_S:.3f} h", _time(percentile(outcome.lasted, 0.95)))
        )  # fmt: skip
    head = ("taken back per hour", "trainings begun anew", f"runs that failed of {outcome.arrived:,}")
    return table((*head, "paid training of a run", "run lasts, 95 of 100"), rows)


def services() -> str:
    """Tasks that scaling gives in prod, through an average day."""
    prod, rows = inputs.environment("prod"), []
    for name in prod.scaling:
        for per_day in SCALES:
            found = sized(per_day) if name != "dagster-code" else _queued(per_day)
            minutes = days.scaled(prod, name, per_day, found.outcome)
            tasks = [minute.tasks for minute in minutes]
            worst = max(minute.metric for minute in minutes)
            unit = " %" if "cpu" in prod.scaling[name] else " queued"
            rows.append((f"`{name}`", _number(per_day), f"{sum(tasks) / len(tasks):.1f}", str(max(tasks)),
                         f"{worst:,.0f}{unit}"))  # fmt: skip
    return table(("service", "runs a day", "tasks, mean", "tasks, most", "signal, highest"), rows)


def _queued(per_day: int) -> Day:
    """With today's limit, where that is enough to be simulated: its queue is what the service follows."""
    return day(per_day, *_now()) if days.peak_erlangs(per_day) <= inputs.slots() * 2 else sized(per_day)


def breaks() -> str:
    """How many runs a day each part bears with the assumed profile, the first to break first."""
    prod, found = inputs.environment("prod"), inputs.sample()
    peak = max(days.arrivals(1).rate(hour * HOUR_S) for hour in range(24))
    per_run = days.mean_run_s()
    limits: Mapping[str, tuple[float, str]] = {
        "runs at once (`max_concurrent_runs`)": (inputs.slots() / per_run, f"{inputs.slots()} at once"),
        "trainings at once (Batch, prod)": (
            days.job_limit(prod) / (inputs.assumed("job_start_s") + found.mean("train_model")),
            f"{days.job_limit(prod)} at once",
        ),
        "`mlflow` at its most tasks (prod)": _by_cpu("mlflow", prod),
        "`dagster` at its most tasks (prod)": _by_cpu("dagster", prod),
        "database at its most (prod)": (
            prod.acu_max * inputs.assumed("acu_vcpu") / found.cpu["postgres"],
            f"{prod.acu_max:g} capacity units",
        ),
        "audit trail, one entry after the other": (
            inputs.appends_per_s() / ENTRIES,
            f"{inputs.appends_per_s():g} entries/s",
        ),
    }  # fmt: skip
    ordered = sorted(limits.items(), key=lambda one: one[1][0])
    return table(
        ("part", "its limit", "runs a day that it bears"),
        [(name, what, f"{float(f'{rate / peak:.2g}'):,.0f}") for name, (rate, what) in ordered],
    )


def _by_cpu(service: str, of: inputs.Environment) -> tuple[float, str]:
    tasks, vcpu = of.scaling[service]["max"], inputs.services()[service].vcpu
    return tasks * vcpu / inputs.sample().cpu[service], f"{tasks:g} tasks of {vcpu:g} vCPU"


def cost() -> str:
    """US dollars a month in prod."""
    prod = inputs.environment("prod")
    columns = [days.monthly_costs(prod, sized(per_day)) for per_day in SCALES]
    rows = [(name, *(_dollars(column[name]) for column in columns)) for name in columns[0]]
    totals = [sum(column.values()) for column in columns]
    rows.append(("**together**", *(f"**{_dollars(total)}**" for total in totals)))
    rows.append(("for one run", *_each(totals)))
    return table(("US dollars a month", *(f"{_number(per_day)} runs a day" for per_day in SCALES)), rows)


def _each(totals: Sequence[float]) -> list[str]:
    return [f"{total / (n * days.DAYS_A_MONTH):.4f}" for total, n in zip(totals, SCALES, strict=True)]


def prices() -> str:
    """Every price, with its date."""
    found = inputs.prices()["prices"]
    rows = [(f"`{name}`", f"{one['usd']:g}", one["as_of"], one["source"]) for name, one in found.items()]
    return table(("price", "US dollars", "as of", "source"), rows)


def assumptions() -> str:
    """What could be neither measured nor read."""
    rows = []
    for name, one in inputs.assumptions().items():
        value = ", ".join(map(str, one["value"])) if isinstance(one["value"], list) else f"{one['value']:g}"
        rows.append((f"`{name}`", value, one["why"]))
    return table(("assumption", "value", "why"), rows)


_ALL = (signals, machine, sample, queue, long_training, spot, services, breaks, cost, dates, prices, assumptions)
TABLES = {one.__name__.replace("_", "-"): one for one in _ALL}


def _number(value: float) -> str:
    return f"{value:,}"


def _time(seconds: float) -> str:
    unit, size = ("s", 1) if seconds < 600 else ("min", 60) if seconds < 36_000 else ("h", 3600)
    return f"{seconds / size:.0f} {unit}"


def _dollars(value: float) -> str:
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
