"""What a day of runs does to the lab on AWS: waiting, use, cost; every figure of docs/autoscaling.md.

`.venv/bin/python benchmarks/capacity.py` prints the tables, `--json` as one document; `--write` puts them and the
pictures into the documentation. `--runs N` simulates a day of N runs with `--slots` and `--jobs` at once instead.
Durations are those of benchmarks/data/runs.json, which benchmarks/capacity_sample.py measures on a lab; limits and
policies are read from terraform/ and stack/.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import capacity_days as days  # noqa: E402 - run as a file, it must find the packages first
from benchmarks import capacity_inputs as inputs  # noqa: E402
from benchmarks.capacity_model import DAY_S, Simulation, percentile  # noqa: E402
from benchmarks.capacity_tables import TABLES  # noqa: E402
from docs.tables import filled  # noqa: E402

DOCUMENT = ROOT / "docs" / "autoscaling.md"
_SHARES = {"median": 0.5, "95_of_100": 0.95}


def document(text: str) -> str:
    """`text` with every table as the simulation has it."""
    for name, make in TABLES.items():
        text = filled(text, name, make())
    return text


def one_day(per_day: int, slots: int, jobs: int, longer: float) -> dict[str, object]:
    """Figures of a day that the document doesn't have."""
    times = days.arrivals(per_day).times(inputs.choose(days.SEED), DAY_S)
    work, where = inputs.sample().work(longer), days.platform(slots, jobs)
    found = Simulation(times, work, where, DAY_S, days.SEED).run()
    return {
        "runs": found.arrived,
        "failed": found.failed,
        "slots": slots,
        "jobs": jobs,
        "slots_used": round(found.utilisation(slots), 4),
        "run_waits_s": {name: round(percentile(found.waited, share), 1) for name, share in _SHARES.items()},
        "training_waits_s": {name: round(percentile(found.job_waited, share), 1) for name, share in _SHARES.items()},
        "run_lasts_s": {name: round(percentile(found.lasted, share), 1) for name, share in _SHARES.items()},
    }


def main() -> None:
    """Prints, or writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write tables and pictures into docs/")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--runs", type=_count, help="simulate a day of this many runs instead")
    parser.add_argument("--slots", type=_count, default=inputs.slots(), help="runs at once (default: as aws.yaml)")
    parser.add_argument("--jobs", type=_count, help="trainings at once (default: as prod)")
    parser.add_argument("--longer", type=float, default=1.0, help="stretch the training by this factor (default 1)")
    given = parser.parse_args()
    if given.runs:
        jobs = given.jobs or days.job_limit(inputs.environment("prod"))
        print(json.dumps(one_day(given.runs, given.slots, jobs, given.longer), indent=1))
    elif given.write:
        from benchmarks.capacity_pictures import draw

        DOCUMENT.write_text(document(DOCUMENT.read_text()))
        print("\n".join(str(path) for path in (DOCUMENT, *draw())))
    elif given.json:
        print(json.dumps({name: make() for name, make in TABLES.items()}, indent=1))
    else:
        print("\n\n".join(f"{name}\n{make()}" for name, make in TABLES.items()))


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give 1 or more")
    return number


if __name__ == "__main__":
    main()
