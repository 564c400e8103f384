"""What a recording costs: bytes, time to write, to open and to seek, and memory, from an hour to a week of a busy lab.

`.venv/bin/python benchmarks/screen_replay.py [--days D …] [--json FILE] [--write]`. The lab is simulated: services
whose figures move at every probe, a run every two hours with its audit entries and model version, an outage a day.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import Machine, publish  # noqa: E402 - run as a file, it must find the packages first
from docs.tables import table  # noqa: E402
from lab.base.catalogue import CATALOGUE, Service  # noqa: E402
from lab.base.drift_report import DriftReport, FeatureDrift  # noqa: E402
from lab.base.model_versions import GovernanceTags, ModelVersion  # noqa: E402
from lab.base.runs import JOB, STEPS, Run, RunStatus, Step  # noqa: E402
from lab.governance.ledger import (  # noqa: E402
    AuditView,
    Entry,
    Status,
    seal,
)
from lab.models.model_folder import the_model  # noqa: E402
from lab.observe.snapshot import Health, LabInfo, RunsView, ServiceState, Slice, Snapshot  # noqa: E402
from lab.recording.playback import Recording  # noqa: E402
from lab.recording.recording_file import Recorder  # noqa: E402
from lab.screen.replay.player import Player  # noqa: E402

START = 1_795_000_000.0
REFRESH_S = 2.0
RUN_EVERY, RUN_TICKS = 3600, 4
OUTAGE_EVERY, OUTAGE_TICKS = 43_200, 30
SEEKS = 300
CONTRACT = the_model(ROOT / "pipelines").contract
LAB = LabInfo("simulated", "staging", "ml-engineer", "ada@example.com", "native")
# What the design promises for any length: blocks unpacked by a seek, and memory above that of an empty program.
MOST_BLOCKS, MOST_MEMORY_MB = 16, 40.0


_T = TypeVar("_T")


def _taken(value: _T, at: float) -> Slice[_T]:
    return Slice(value, at, "", at)


class Simulated:
    """A lab that goes through a week quickly; deterministic."""

    def __init__(self) -> None:
        self._random = random.Random(7)
        self._memory = {spec.name: self._random.randrange(30, 400) << 20 for spec in CATALOGUE}
        self._entries: tuple[Entry, ...] = ()
        self._runs: tuple[Run, ...] = ()
        self._models: tuple[ModelVersion, ...] = ()

    def snapshots(self, count: int) -> Iterator[Snapshot]:
        """One every two seconds."""
        features = tuple(FeatureDrift(name, 0.001 * i) for i, name in enumerate(CONTRACT.features))
        for tick in range(count):
            now = START + tick * REFRESH_S
            if tick % RUN_EVERY < RUN_TICKS:
                self._go_on(tick // RUN_EVERY, tick % RUN_EVERY, now)
            report = (DriftReport("a" * 64, "a" * 64, 1000, features, now - tick % 15 * REFRESH_S),)
            down = tick % OUTAGE_EVERY >= OUTAGE_EVERY - OUTAGE_TICKS
            yield Snapshot(
                now,
                LAB,
                _taken(self._services(tick, down), now),
                _taken(RunsView(self._runs), now),
                _taken(self._models, now - 0.05),
                _taken(AuditView(self._entries, len(self._entries)), now - 0.1),
                _taken(report, now - 0.15),
                _taken((), now - 0.2),
            )

    def _services(self, tick: int, down: bool) -> tuple[ServiceState, ...]:
        return tuple(self._service(spec.name, spec.title, tick, down and spec.name == "mlflow") for spec in CATALOGUE)

    def _service(self, name: Service, title: str, tick: int, down: bool) -> ServiceState:
        if down:
            return ServiceState(name, title, Health.DOWN, reason="connection refused", remedy="Type `invoke status`.")
        if self._random.random() < 0.3:
            self._memory[name] += self._random.randrange(-8, 9) << 12
        latency = self._random.lognormvariate(-4, 0.5)
        return ServiceState(name, title, Health.UP, "", "", "", latency, tick * REFRESH_S, 0, self._memory[name], 4000)

    def _go_on(self, number: int, step: int, now: float) -> None:
        """A run does one step a tick, with two audit entries; its last step registers a version."""
        run_id = f"{number:08x}-0000-4000-8000-{number:012x}"
        steps = tuple(Step(name, "SUCCESS", now - 1, now) for name in STEPS[: step + 1])
        status = RunStatus.SUCCESS if step == RUN_TICKS - 1 else RunStatus.STARTED
        run = Run(run_id, JOB, status, now, now, now, LAB.owner, LAB.role, LAB.environment, "schedule", steps)
        self._runs = (run, *(r for r in self._runs if r.run_id != run_id))[:25]
        for outcome in (Status.STARTED, Status.SUCCESS):
            moment = datetime.fromtimestamp(now, UTC).isoformat()
            entry = Entry(STEPS[step], outcome, LAB.owner, LAB.role, LAB.environment, moment, run_id)
            self._entries = (seal(entry, self._entries[0] if self._entries else None), *self._entries)[:50]
        if status is RunStatus.SUCCESS:
            digest = sha256(str(number).encode()).hexdigest()
            tags = GovernanceTags(*(digest if "hash" in name else "value" for name in GovernanceTags.names()))
            metrics = {"auc": 0.7 + number % 90 / 1000, "accuracy": 0.75, "ks": 0.4, "gini": 0.5}
            version = ModelVersion(CONTRACT.name, str(number), now, digest[:32], (), tags.as_tags(), metrics)
            self._models = (version, *(replace(v, aliases=()) for v in self._models))[:25]


@dataclass(frozen=True)
class Costs:
    """Figures of one recording. Times in milliseconds unless named otherwise, memory in MB."""

    days: float
    snapshots: int
    megabytes: float
    write_ms: float
    open_ms: float
    seek_p50_ms: float
    seek_p95_ms: float
    most_blocks: int
    frame_p50_ms: float
    memory_mb: float


def costs(days: float, folder: Path) -> Costs:
    """Records, opens and scrubs through `days`."""
    path = folder / f"{days}.jsonl.gz"
    count = round(days * 86_400 / REFRESH_S)
    spent = 0.0
    with Recorder(path, durable=False) as recorder:
        for snapshot in Simulated().snapshots(count):
            begin = time.perf_counter()
            recorder.add(snapshot)
            spent += time.perf_counter() - begin
    process = psutil.Process()
    before = process.memory_info().rss
    begin = time.perf_counter()
    with Recording(path) as recording:
        open_ms = (time.perf_counter() - begin) * 1000
        seeks, blocks = _scrub(recording)
        frames = _play(recording)
        memory = (process.memory_info().rss - before) / 2**20
    return Costs(
        days,
        count,
        path.stat().st_size / 2**20,
        spent / count * 1000,
        open_ms,
        seeks[len(seeks) // 2],
        seeks[int(len(seeks) * 0.95)],
        blocks,
        frames[len(frames) // 2],
        memory,
    )


def _scrub(recording: Recording) -> tuple[list[float], int]:
    """Jumps all over the recording: sorted milliseconds of each until it can be shown, and the most blocks of one."""
    player, places = Player(recording), random.Random(1)
    spent, most = [], 0
    for _ in range(SEEKS):
        before, begin = recording.decoded, time.perf_counter()
        player.seek(places.uniform(recording.start, recording.end))
        player.snapshot()
        player.history()
        spent.append((time.perf_counter() - begin) * 1000)
        most = max(most, recording.decoded - before)
    return sorted(spent), most


def _play(recording: Recording) -> list[float]:
    """Plays from the middle at 60×: sorted milliseconds of each tenth of a second."""
    player = Player(recording)
    player.go(recording.count // 2)
    player.speed, player.playing = 60.0, True
    spent = []
    for _ in range(SEEKS):
        begin = time.perf_counter()
        player.advance(0.1)
        player.snapshot()
        player.history()
        spent.append((time.perf_counter() - begin) * 1000)
    return sorted(spent)


def render(measured: list[Costs]) -> str:
    """The table of docs/performance.md."""
    rows = [
        ("snapshots, one every 2 s", *(f"{one.snapshots:,}" for one in measured)),
        ("file", *(f"{one.megabytes:.1f} MB" for one in measured)),
        ("to write one snapshot", *(f"{one.write_ms:.2f} ms" for one in measured)),
        ("to open", *(f"{one.open_ms:.0f} ms" for one in measured)),
        ("to jump anywhere, median", *(f"{one.seek_p50_ms:.0f} ms" for one in measured)),
        ("to jump anywhere, 95 %", *(f"{one.seek_p95_ms:.0f} ms" for one in measured)),
        ("most blocks unpacked for a jump", *(str(one.most_blocks) for one in measured)),
        ("a frame while it plays at 60×", *(f"{one.frame_p50_ms:.1f} ms" for one in measured)),
        ("memory that all this took", *(f"{one.memory_mb:.0f} MB" for one in measured)),
    ]
    return table(("a recording of", *(_spelled(one.days) for one in measured)), rows)


def _spelled(days: float) -> str:
    return f"{days:g} days" if days > 1 else "a day" if days == 1 else f"{days * 24:g} h"


def main() -> None:
    """Measures, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description="Measure recordings of the screen.")
    parser.add_argument("--days", type=float, nargs="+", default=[1 / 24, 1.0, 7.0], help="lengths of recordings")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    machine = Machine.here()
    with tempfile.TemporaryDirectory(prefix="screen-replay-") as folder:
        measured = [costs(days, Path(folder)) for days in options.days]
    figures = {"machine": asdict(machine), "recordings": [asdict(one) for one in measured]}
    publish("screen-replay", f"{machine}\n\n{render(measured)}", figures, options.json, options.write)
    for one in measured:
        if one.most_blocks > MOST_BLOCKS or one.memory_mb > MOST_MEMORY_MB:
            raise SystemExit(f"{_spelled(one.days)}: {one.most_blocks} blocks, {one.memory_mb:.0f} MB")


if __name__ == "__main__":
    main()
