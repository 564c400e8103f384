"""The pictures of docs/autoscaling.md, as SVG in docs/images; the same inputs give the same files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks import capacity_days as days
from benchmarks import capacity_inputs as inputs
from benchmarks.capacity_days import SCALES, Day
from benchmarks.capacity_model import DAY_S, HOUR_S, percentile
from benchmarks.capacity_tables import day, sized

IMAGES = inputs.ROOT / "docs" / "images"
_SIZE = (7.0, 3.2)
_STYLE: Any = {"svg.hashsalt": "capacity", "svg.fonttype": "none", "font.size": 9, "axes.grid": True}
_MIDDLE = 1_000


def draw() -> list[Path]:
    """Writes every picture and returns where."""
    mpl.use("Agg")
    with mpl.rc_context(_STYLE):
        return [_queue(), _limits(), _costs()]


def _queue() -> Path:
    """Runs under way and waiting through a day, with today's limit and the needed one."""
    figure, axes = _figure(2, "runs", "hour of the day")
    now = days.job_limit(inputs.environment("prod"))
    for axis, found in zip(axes, (day(_MIDDLE, inputs.slots(), now), sized(_MIDDLE)), strict=True):
        # Every fifth minute: more would be a large file that looks the same.
        seen = [(at / HOUR_S, at_work, waits) for at, at_work, waits in found.outcome.seen[::5] if at < DAY_S]
        hours, under_way, waiting = zip(*seen, strict=True)
        axis.fill_between(hours, under_way, step="post", alpha=0.5, label="under way")
        axis.step(hours, waiting, where="post", color="tab:red", label="waiting")
        axis.set_title(f"{_MIDDLE:,} runs a day, {found.slots} at once")
        axis.legend(loc="upper left")
    return _saved(figure, "capacity-queue")


def _limits() -> Path:
    """Waiting by the limit of runs at once."""
    figure, (axis,) = _figure(1, "a run waits, 95 of 100 within (s)", "limit of runs at once")
    jobs, first = days.job_limit(inputs.environment("prod")), int(days.peak_erlangs(_MIDDLE)) + 1
    limits = list(range(first, first + 6))
    axis.plot(limits, [_most(day(_MIDDLE, limit, jobs)) for limit in limits], marker="o")
    axis.set_title(f"{_MIDDLE:,} runs a day")
    return _saved(figure, "capacity-limits")


def _most(found: Day) -> float:
    return percentile(found.outcome.waited, 0.95)


def _costs() -> Path:
    """What the bill is made of."""
    figure, (axis,) = _figure(1, "US dollars a month, prod", "runs a day")
    columns = [days.monthly_costs(inputs.environment("prod"), sized(per_day)) for per_day in SCALES]
    names, bottom = [f"{per_day:,}" for per_day in SCALES], [0.0] * len(SCALES)
    for kind in columns[0]:
        heights = [column[kind] for column in columns]
        axis.bar(names, heights, bottom=bottom, label=kind, width=0.5)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axis.legend(loc="upper left")
    return _saved(figure, "capacity-cost")


def _figure(columns: int, vertical: str, horizontal: str) -> tuple[Any, Sequence[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots(1, columns, sharey=True, squeeze=False)[0]
    axes[0].set_ylabel(vertical)
    for axis in axes:
        axis.set_xlabel(horizontal)
    return figure, axes


def _saved(figure: Any, name: str) -> Path:
    path = IMAGES / f"{name}.svg"
    # A date would make every drawing another file.
    figure.savefig(path, metadata={"Date": None})
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
    return path
