"""Recordings made for tests: a lab that goes through a few things."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.base.runs import Run, RunStatus
from lab.observe.snapshot import Health, RunsView, Slice, Snapshot
from lab.recording.blocks import FORMAT, VERSION, packed
from lab.recording.playback import Recording
from lab.recording.recording_file import Recorder
from tests.screen import snapshots

START = snapshots.NOW
STEP_S = 2.0


def at(snapshot: Snapshot, moment: float, factor: float = 1.0) -> Snapshot:
    """`snapshot` as if every source had answered at `moment`, with latencies that move."""
    moved = {
        name: replace(part, fetched_at=moment, attempted_at=moment)
        for name in ("services", "runs", "models", "audit", "drift", "alerts")
        if (part := getattr(snapshot, name)).value is not None
    }
    states = tuple(
        replace(s, latency_s=s.latency_s and round(s.latency_s * factor, 4)) for s in snapshot.services.value or ()
    )
    return replace(snapshot, taken_at=moment, **moved | {"services": Slice(states, moment, "", moment)})


def day(count: int, start: float = START, step_s: float = STEP_S) -> Iterator[Snapshot]:
    """`count` snapshots: all is well, at a third MLflow goes down and data drifts, at two thirds it is back."""
    third = max(count // 3, 1)
    for number in range(count):
        base = snapshots.DRIFTED if third <= number < 2 * third else snapshots.HEALTHY
        yield at(base, start + number * step_s, 1 + (number * 7 % 10) / 10)


def busy(count: int, start: float = START) -> Iterator[Snapshot]:
    """A run begins and ends every twenty snapshots."""
    for number in range(count):
        run = number // 20
        status = RunStatus.STARTED if number % 20 < 10 else RunStatus.SUCCESS
        began = start + run * 20 * STEP_S
        runs = (Run(f"{run:08x}-run", "job", status, began, began), *snapshots.RUNS[2:])
        base = replace(snapshots.HEALTHY, runs=Slice(RunsView(runs, snapshots.SCHEDULED), began))
        yield at(base, start + number * STEP_S)


def made(path: Path, given: Iterable[Snapshot]) -> Path:
    """A recording of `given`."""
    with Recorder(path, durable=False) as recorder:
        for snapshot in given:
            recorder.add(snapshot)
    return path


def down(snapshot: Snapshot, name: str) -> Snapshot:
    """`snapshot` with one service down."""
    states = (replace(s, health=Health.DOWN) if s.name == name else s for s in snapshot.services.value or ())
    return replace(snapshot, services=replace(snapshot.services, value=tuple(states)))


def kept(path: Path) -> list[Snapshot]:
    """Every snapshot that a recording holds."""
    with Recording(path) as recording:
        return [recording.snapshot(index) for index in range(recording.count)]


def head(**facts: Any) -> bytes:
    """What a file of this format begins with, but for `facts`."""
    return packed([json.dumps({"format": FORMAT, "version": VERSION, "schema": 1} | facts).encode()], True, 0.0, 0.0)
