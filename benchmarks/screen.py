"""What the screen costs: first paint, idling, keys while everything hangs, and a tick by length of history.

`.venv/bin/python benchmarks/screen.py [--idle S] [--runs N] [--versions N] [--entries N] [--json FILE] [--write]` makes
a lab of its own and fills its stores; both are removed at the end. CPU seconds are of the screen's process alone, so
that other work on the machine disturbs them little.
"""

import argparse
import asyncio
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.lab import Bench, bench  # noqa: E402 - run as a file, it must find the packages first
from benchmarks.report import Machine, median, publish, spread  # noqa: E402
from benchmarks.screen_fill import fill_dagster, fill_mlflow, fill_trail  # noqa: E402
from benchmarks.screen_terminal import running  # noqa: E402
from docs.tables import table  # noqa: E402
from lab import wiring  # noqa: E402
from lab.base.catalogue import CATALOGUE, LOOPBACK  # noqa: E402
from lab.observe.observer import Observer  # noqa: E402
from lab.observe.snapshot import Snapshot  # noqa: E402
from lab.operations.doctor.doctor_ports import free_offset  # noqa: E402

SCREEN = ("-m", "lab.cli")
BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("first paint")
Bare().run()
"""
REFRESH_S = 2.0
# Every service is probed at least once in this many ticks.
TICKS, WARM_TICKS = 10, 6
SETTLE_S = 15.0
KEYS = "231231231231231231231231231231"
SHORT = (25, 25, 60)


@dataclass
class Tick:
    """One tick on the average of `TICKS`, with a history of so many runs, versions and entries."""

    runs: int
    versions: int
    entries: int
    requests: float
    kilobytes: float
    cpu_ms: float
    settled_s: float


@dataclass
class Measured:
    """Seconds, and CPU seconds where the name says so; CPU at idle in percent of one core; memory in bytes."""

    paint_s: list[float] = field(default_factory=list)
    paint_cpu_s: list[float] = field(default_factory=list)
    bare_s: list[float] = field(default_factory=list)
    bare_cpu_s: list[float] = field(default_factory=list)
    keys_s: list[float] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    idle_percent: float = 0.0
    written_per_s: float = 0.0
    memory: int = 0


class Counting(httpx.AsyncBaseTransport):
    """The real network, with requests and bytes of answers counted."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self.requests = self.bytes = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        answered = await self._inner.handle_async_request(request)
        self.bytes += int(answered.headers.get("content-length", 0))
        return answered


def _shows(words: bytes, text: bytes) -> bool:
    return words in text


def first_paint(measured: Measured, environ: Mapping[str, str], repeat: int) -> None:
    """The screen and a bare Textual app in turn: until their first text is on the terminal."""
    for _ in range(repeat):
        for argv, words, seconds, cpu in (
            (("-c", BARE), b"first paint", measured.bare_s, measured.bare_cpu_s),
            (SCREEN, b"Services", measured.paint_s, measured.paint_cpu_s),
        ):
            with running(argv, environ) as terminal:
                seconds.append(terminal.wait(partial(_shows, words)) - terminal.began)
                cpu.append(terminal.cpu_s())


def idle(measured: Measured, environ: Mapping[str, str], window_s: float) -> None:
    """CPU and memory of the screen that nobody touches."""
    with running(SCREEN, environ) as terminal:
        time.sleep(SETTLE_S)
        used, written, began = terminal.cpu_s(), terminal.written, time.perf_counter()
        time.sleep(window_s)
        took = time.perf_counter() - began
        measured.idle_percent = 100 * (terminal.cpu_s() - used) / took
        measured.written_per_s = (terminal.written - written) / took
        measured.memory = terminal.memory()


def keys(measured: Measured, environ: Mapping[str, str]) -> None:
    """From a key to what it paints, while every port of the lab accepts connections and never answers."""
    with tempfile.TemporaryDirectory(prefix="lab-hung-") as folder, ExitStack() as stack:
        offset = free_offset()
        for port in {port for spec in CATALOGUE for port in spec.ports(offset).values()}:
            listener = stack.enter_context(socket.socket())
            # Connections of a lab that is gone may linger on the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, port))
            listener.listen(128)
        own = {"LAB_HOME": f"{folder}/home", "LAB_ENV_FILE": f"{folder}/env", "PORT_OFFSET": str(offset)}
        with running(SCREEN, {**environ, **own}) as terminal:
            terminal.wait(lambda text: b"Services" in text)
            time.sleep(SETTLE_S)
            for key in KEYS:
                measured.keys_s.append(terminal.press(key))
                time.sleep(0.3)


async def tick_cost(lab: Bench, history: tuple[int, int, int]) -> Tick:
    """The observer alone, as the screen drives it."""
    config = wiring.load_config(lab.environ)
    counting = Counting()
    observer, shot = Observer(config, wiring.runtime(config), counting), wiring.first_snapshot(config, time.time())
    for _ in range(WARM_TICKS):
        shot, _ = await _tick(observer, shot)
    requests, read, used = counting.requests, counting.bytes, time.process_time()
    settled = []
    for _ in range(TICKS):
        shot, took = await _tick(observer, shot)
        settled.append(took)
    failing = [part for part in ("runs", "models", "audit", "drift", "alerts") if getattr(shot, part).error]
    if failing:
        raise SystemExit(f"these failed while they were measured: {failing}")
    cost = Tick(
        *history,
        (counting.requests - requests) / TICKS,
        (counting.bytes - read) / TICKS / 1024,
        1000 * (time.process_time() - used) / TICKS,
        median(settled),
    )
    await observer.aclose()
    return cost


async def _tick(observer: Observer, shot: Snapshot) -> tuple[Snapshot, float]:
    """One interval, and after how many seconds of it the last source had settled."""
    began = time.perf_counter()
    last = began
    observer.ask(shot)
    try:
        async with asyncio.timeout(REFRESH_S):
            while True:
                shot = await observer.news(shot)
                last = time.perf_counter()
    except TimeoutError:
        return shot, last - began


def histories(measured: Measured, lab: Bench, long: tuple[int, int, int]) -> None:
    """A tick's cost with a short history and with a long one."""
    config, done = wiring.load_config(lab.environ), 0
    for runs, versions, entries in (SHORT, long):
        fill_dagster(config, done + 1, runs)
        fill_mlflow(config, done + 1, runs, versions)
        fill_trail(config, entries)
        done = runs
        print(f"filled with {runs} runs, {versions} versions, {entries} entries", file=sys.stderr, flush=True)
        measured.ticks.append(asyncio.run(tick_cost(lab, (runs, versions, entries))))


def render(measured: Measured) -> str:
    """The tables of docs/performance.md."""
    paint, bare = median(measured.paint_s), median(measured.bare_s)
    paint_cpu, bare_cpu = median(measured.paint_cpu_s), median(measured.bare_cpu_s)
    slowest = sorted(measured.keys_s)[int(0.95 * (len(measured.keys_s) - 1))]
    rows = [
        ("first paint", f"{spread(measured.paint_s)}; {paint / bare:.2f} times a bare Textual app's"),
        ("CPU time until then", f"{paint_cpu:.2f} s; {paint_cpu / bare_cpu:.2f} times a bare Textual app's"),
        ("CPU at idle, of one core, refresh 2 s", f"{measured.idle_percent:.1f} %"),
        ("written to the terminal at idle", f"{measured.written_per_s / 1024:.1f} KiB/s"),
        ("memory (RSS)", f"{measured.memory / 2**20:.0f} MB"),
        (
            "key to frame while every service hangs",
            f"median {1000 * median(measured.keys_s):.0f} ms, 95th percentile {1000 * slowest:.0f} ms",
        ),
    ]
    heads = [f"{one.runs:,} runs, {one.versions:,} versions, {one.entries:,} entries" for one in measured.ticks]
    costs = [
        ("requests", *(f"{one.requests:.1f}" for one in measured.ticks)),
        ("answers", *(f"{one.kilobytes:.0f} KiB" for one in measured.ticks)),
        ("CPU time", *(f"{one.cpu_ms:.0f} ms" for one in measured.ticks)),
        ("until the last source has settled", *(f"{one.settled_s:.2f} s" for one in measured.ticks)),
    ]
    return f"{table(('the screen', ''), rows)}\n\n{table(('one tick', *heads), costs)}"


def main() -> None:
    """Measures, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description="Measure the screen.")
    parser.add_argument("--repeat", type=int, default=10, help="how often first paint is measured (default: 10)")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds of idling (default: 60)")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--versions", type=int, default=1_000)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    machine, measured = Machine.here(), Measured()
    with bench() as lab:
        # What a person's own screen remembers would decide which panel has the focus at first.
        state = str(Path(lab.environ["LAB_HOME"]).parent / "state")
        environ = {**lab.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": state}
        first_paint(measured, environ, options.repeat)
        keys(measured, environ)
        lab.invoke("up", "demo-run")
        idle(measured, environ, options.idle)
        histories(measured, lab, (options.runs, options.versions, options.entries))
    figures = {"machine": asdict(machine), "measured": asdict(measured)}
    publish("screen", f"{machine}\n\n{render(measured)}", figures, options.json, options.write)


if __name__ == "__main__":
    main()
