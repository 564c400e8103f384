"""How long real runs take, and what they cost each service: the sample that the capacity simulation draws from.

`.venv/bin/python -m benchmarks.capacity_sample [--runs N]` trains N times on the lab that is up (as its settings name
it) and writes benchmarks/data/runs.json. Nothing else should run on the machine or on the lab meanwhile.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import psutil

from benchmarks.report import Machine
from lab import wiring
from lab.base import interruption
from lab.operations import bring_up
from lab.operations.demo_run import DemoRunner
from lab.services.s3 import READER, S3

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "benchmarks" / "data" / "runs.json"
_DEADLINE_S = 600.0
_DIGITS = 3


def cpu_seconds() -> dict[str, float]:
    """What each service and its children have used so far, ended ones included, in CPU seconds."""
    config = wiring.load_config()
    states = interruption.run(bring_up.status(config, wiring.runtime(config)))
    return {state.name: _of_tree(state.pid) for state in states if state.pid}


def artifact_bytes() -> int:
    """What the lab's artifacts hold."""
    config = wiring.load_config()
    s3, total = S3.of_lab(config, READER, _DEADLINE_S), 0
    for key in s3.objects(config.artifact_bucket):
        with s3.opened(config.artifact_bucket, key) as found:
            total += found.size
    return total


def train() -> dict[str, float]:
    """One run: seconds of each step, and of the whole from its start to its end. Raises SystemExit for a failure."""
    done = interruption.run(DemoRunner(wiring.own_lab(), lambda _: None).run(None))
    run = done.run
    if run.created_at is None or run.started_at is None or run.ended_at is None or not done.succeeded:
        raise SystemExit(f"run {run.run_id} ended as {run.status}: {done.reason}")
    steps = {step.name: step.seconds or 0.0 for step in run.steps}
    whole = {"run": run.ended_at - run.started_at, "queued": run.started_at - run.created_at}
    return {name: round(seconds, _DIGITS) for name, seconds in {**steps, **whole}.items()}


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30, help="how many runs (default 30)")
    count = parser.parse_args().runs
    machine = Machine.here()
    train()  # warms caches, and is not counted
    before, stored = cpu_seconds(), artifact_bytes()
    runs = [train() for _ in range(count)]
    after, grown = cpu_seconds(), artifact_bytes()
    per_run = {name: round((after[name] - before[name]) / count, _DIGITS) for name in before if name in after}
    found = {
        "machine": str(machine),
        "measured": asdict(machine),
        "cpu_seconds_per_run": per_run,
        "artifact_bytes_per_run": (grown - stored) // count,
        "runs": runs,
    }
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{count} runs in {TARGET}")


def _of_tree(pid: int) -> float:
    try:
        process = psutil.Process(pid)
        found = [process, *process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:4]) for one in found)
    except psutil.NoSuchProcess:
        return 0.0


if __name__ == "__main__":
    main()
