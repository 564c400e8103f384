"""What the audit trail costs: appends, requests to open and to follow it, time and memory to verify it.

`.venv/bin/python benchmarks/ledger.py [--entries N] [--json FILE] [--write]`. The store is this process's memory, so
that the requests are counted and the trail's own work is what is timed; benchmarks/lab.py appends to a real store.
"""

import argparse
import sys
import time
import tracemalloc
from bisect import bisect_right
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import Machine, median, publish  # noqa: E402 - run as a file, it must find the packages first
from docs.tables import table  # noqa: E402
from lab.governance.ledger import Entry, Status  # noqa: E402
from lab.governance.ledger.entry import utc_text  # noqa: E402
from lab.governance.ledger.writer import Ledger, Trail, verify_trail  # noqa: E402
from lab.services.s3 import AuditStore  # noqa: E402

PREFIX = "governance/audit/"
# What the design promises, whatever the length: requests to find the head, to follow, and bytes to verify.
MOST_TO_OPEN, MOST_TO_FOLLOW, MOST_TO_VERIFY = 24, 1, 2 * 1024 * 1024


class CountingStore:
    """A trail in memory that counts the requests of each kind."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._bodies: dict[str, bytes] = {}
        self.requests = {"create": 0, "read": 0, "list": 0}

    def create(self, key: str, body: bytes) -> bool:
        self.requests["create"] += 1
        if key in self._bodies:
            return False
        # Writers take ascending numbers, so the keys stay sorted.
        self._keys.append(key)
        self._bodies[key] = body
        return True

    def read(self, key: str) -> bytes:
        self.requests["read"] += 1
        return self._bodies[key]

    def keys_after(self, key: str, limit: int) -> list[str]:
        self.requests["list"] += 1
        begin = bisect_right(self._keys, key)
        return self._keys[begin : begin + limit]

    def count(self) -> str:
        """The requests since the last call, in words."""
        said = ", ".join(f"{number} {kind}" for kind, number in self.requests.items() if number)
        self.requests = dict.fromkeys(self.requests, 0)
        return said or "none"

    def size(self) -> int:
        """Bytes of all bodies."""
        return sum(map(len, self._bodies.values()))


@dataclass(frozen=True)
class Costs:
    """Of a trail of `entries`: seconds, bytes, and requests in words."""

    entries: int
    append_per_s: float
    bytes_per_entry: float
    open_to_write: str
    next_write: str
    open_to_read: str
    follow: str
    verify_per_s: float
    verify_peak_bytes: int
    opening_requests: int
    following_lists: int

    def broken_promises(self) -> list[str]:
        """What costs more than the design promises."""
        found = {
            f"{self.opening_requests} requests to open": self.opening_requests > MOST_TO_OPEN,
            f"{self.following_lists} list requests to follow": self.following_lists > MOST_TO_FOLLOW,
            f"{self.verify_peak_bytes} bytes to verify": self.verify_peak_bytes > MOST_TO_VERIFY,
        }
        return [f"{self.entries} entries: {what}" for what, broken in found.items() if broken]


def entry(number: int) -> Entry:
    """An entry as a step writes it."""
    details = {"rule": "run-dev: analyst, data-scientist, ml-engineer", "rows": 1000, "number": number}
    return Entry(
        "train_model",
        Status.SUCCESS if number % 2 else Status.STARTED,
        "data-scientist@example.com",
        "ml-engineer",
        "dev",
        utc_text(),
        f"{number // 2:032x}",
        details=details,
    )


def append_rates(store: CountingStore | AuditStore, prefix: str, count: int, rounds: int = 5) -> list[float]:
    """Appends per second of one writer, by round."""
    ledger = Ledger(store, prefix)
    ledger.append(entry(0))
    rates = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for number in range(count):
            ledger.append(entry(number))
        rates.append(count / (time.perf_counter() - begin))
    return rates


def costs(entries: int) -> Costs:
    """Fills a trail and measures it."""
    store = CountingStore()
    rates = append_rates(store, PREFIX, entries // 5)
    store.count()
    writer = Ledger(store, PREFIX)
    writer.append(entry(0))
    opening = sum(store.requests.values())
    open_to_write = store.count()
    writer.append(entry(1))
    next_write = store.count()
    trail = Trail(store, PREFIX)
    trail.refresh()
    open_to_read = store.count()
    for number in range(10):
        writer.append(entry(number))
    store.count()
    trail.refresh()
    following = store.requests["list"]
    follow = store.count()
    rate, peak = _verification(store)
    size = store.size() / entries
    words = (open_to_write, next_write, open_to_read, follow)
    return Costs(entries, median(rates), size, *words, rate, peak, opening, following)


def _verification(store: CountingStore) -> tuple[float, int]:
    begin = time.perf_counter()
    found = verify_trail(store, PREFIX)
    rate = found.checked / (time.perf_counter() - begin)
    if not found.intact:
        raise SystemExit(f"the trail is broken: {found.faults[:3]}")
    tracemalloc.start()
    verify_trail(store, PREFIX)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return rate, peak


def render(measured: list[Costs]) -> str:
    """The table of docs/performance.md."""
    rows = [
        ("appends per second, one writer", *(f"{one.append_per_s:,.0f}" for one in measured)),
        ("bytes per entry", *(f"{one.bytes_per_entry:,.0f}" for one in measured)),
        ("requests of a new writer's first append", *(one.open_to_write for one in measured)),
        ("requests of its next append", *(one.next_write for one in measured)),
        ("requests of a reader to show the last 50", *(one.open_to_read for one in measured)),
        ("requests to follow 10 new entries", *(one.follow for one in measured)),
        ("entries verified per second", *(f"{one.verify_per_s:,.0f}" for one in measured)),
        ("peak memory of a verification", *(f"{one.verify_peak_bytes / 1024:,.0f} KiB" for one in measured)),
    ]
    return table(("in memory", *(f"{one.entries:,} entries" for one in measured)), rows)


def main() -> None:
    """Measures, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description="Measure the audit trail.")
    parser.add_argument("--entries", type=int, nargs="+", default=[100, 10_000, 100_000], help="lengths of trails")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    machine = Machine.here()
    measured = [costs(count) for count in options.entries]
    figures = {"machine": asdict(machine), "trails": [asdict(one) for one in measured]}
    publish("ledger", f"{machine}\n\n{render(measured)}", figures, options.json, options.write)
    if broken := [line for one in measured for line in one.broken_promises()]:
        raise SystemExit("\n".join(broken))


if __name__ == "__main__":
    main()
