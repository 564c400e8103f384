"""How often drift alarms on unchanged data, and how often it finds the planted drift, by the size of both samples.

`python -m benchmarks.drift [RESAMPLES]` prints the table of docs/performance.md; 1,000 resamples take ten minutes.
Both samples are drawn with replacement from data/sample_data.csv: the same population, whatever their sizes.
"""

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.base.dataset import read_rows
from lab.base.drift import compare, profile
from lab.base.drift_report import DRIFTED, DriftReport
from lab.models.drift_simulation import worse_times
from lab.models.model_folder import the_model

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "data" / "sample_data.csv"
CONTRACT = the_model(ROOT / "pipelines").contract
# Validation admits 100 rows and more; the sizes below it show that nothing breaks where a baseline is smaller.
SIZES = (
    (100, 100), (1000, 100), (100, 1000), (150, 150), (200, 200), (200, 1000), (1000, 200), (1000, 1000),
    (1, 1), (1, 1000), (1000, 1), (5, 5), (20, 20), (20, 1000), (1000, 20), (50, 50), (1000, 50),
)  # fmt: skip
_SEED = 1900
# What the shipped columns tell doesn't matter; these are the ones that the published table was made of.
_SPREAD, _CONSTANT = (CONTRACT.numeric[at] for at in (1, 5))
_MANY, _SAME, _SINGLE, _RARE = (CONTRACT.categorical[at] for at in (2, 9, 11, 12))

Rows = Sequence[dict[str, str]]


def checked(before: Rows, after: Rows) -> DriftReport:
    """One check, as pipeline and monitor make it."""
    return compare(profile(before, "before", *CONTRACT.profiled), after, "after", 0.0)


def degenerate(rows: Rows, chance: random.Random) -> Rows:
    """The rows with columns that tests are bad at: constant, one value each, rare labels, a rare event."""
    seldom, common = (CONTRACT.columns[_RARE].values[at] for at in (0, -1))
    return [
        row
        | {
            _SAME: CONTRACT.columns[_SAME].values[0],
            _CONSTANT: "1",
            _SINGLE: str(chance.getrandbits(64)),
            # A label in rank r is seen in proportion to 1/r: half of a thousand labels are missed by most samples.
            _MANY: f"label {int(1000 ** chance.random())}",
            _RARE: seldom if chance.random() < 0.005 else common,
            _SPREAD: str(round(chance.paretovariate(0.5))),
        }
        for row in rows
    ]


def share(times: int, event: Callable[[], bool]) -> float:
    return sum(event() for _ in range(times)) / times


def measure(n: int, m: int, times: int) -> tuple[float, ...]:
    """Shares of checks: alarms by PSI alone, alarms, alarms with degenerate columns, planted drifts found."""
    population: Rows = [dict(row) for row in read_rows(SAMPLE.open(newline="", encoding="utf-8"))]
    chance = random.Random(_SEED * n + m)
    by_psi = 0

    def alarm() -> bool:
        nonlocal by_psi
        report = checked(chance.choices(population, k=n), chance.choices(population, k=m))
        by_psi += any(feature.psi > DRIFTED for feature in report.features)
        return report.detected

    def odd() -> bool:
        before, after = (degenerate(chance.choices(population, k=size), chance) for size in (n, m))
        return checked(before, after).detected

    def found() -> bool:
        planted = read_rows(worse_times(chance.choices(population, k=m), CONTRACT).decode().splitlines(keepends=True))
        return checked(chance.choices(population, k=n), [dict(row) for row in planted]).detected

    alarms = share(times, alarm)
    return by_psi / times, alarms, share(times, odd), share(max(100, times // 10), found)


def main(arguments: list[str]) -> int:
    """Prints one line per pair of sizes."""
    times = int(arguments[0]) if arguments else 1000
    print("| baseline | current | alarms by PSI alone | alarms | with degenerate columns | planted drift found |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n, m in SIZES:
        shares = " | ".join(f"{one:.1%}" for one in measure(n, m, times))
        print(f"| {n:,} | {m:,} | {shares} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
