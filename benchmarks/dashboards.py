"""What a large dashboard costs: reading its file, drawing all of it, and one refresh of what can be seen.

`python -m benchmarks.dashboards [FILE]` prints the table of docs/performance.md. Without a file it takes one as large
as the largest that are in wide use: 130 panels with 290 queries. Values are made up, and only processor time counts.
"""

import asyncio
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docs.tables import table
from lab.base.monitoring import Series
from lab.dashboards.asking import Asking
from lab.dashboards.drawing.draw import draw
from lab.dashboards.drawing.draw_lines import View
from lab.dashboards.grid import Placed, lay_out
from lab.dashboards.looking import Looked, Times, ask, each, prepare
from lab.dashboards.model import Kind
from lab.dashboards.parse import MAX_BYTES, read

SIZES = ((80, 24), (120, 40), (200, 60))
REPEAT, SERIES = 7, 3
_KINDS = ("timeseries",) * 10 + ("stat", "gauge", "bargauge")


class MadeUp:
    """A Prometheus that takes no time."""

    async def query(self, _: str, at: float) -> tuple[tuple[Series, ...], tuple[str, ...]]:
        return tuple(Series({"job": f"job {n}"}, (at,), (n + 0.5,)) for n in range(SERIES)), ()

    async def query_range(
        self, _: str, begin: float, end: float, step_s: float
    ) -> tuple[tuple[Series, ...], tuple[str, ...]]:
        times = tuple(begin + step_s * n for n in range(int((end - begin) / step_s) + 1))
        return tuple(
            Series({"job": f"job {n}"}, times, tuple(50 + 40 * math.sin(at / 900 + n) for at in times))
            for n in range(SERIES)
        ), ()

    async def label_values(self, *_: object) -> tuple[str, ...]:
        return ("one", "two")

    async def label_names(self, *_: object) -> tuple[str, ...]:
        return ("job",)


def large() -> bytes:
    """130 panels in 13 rows, 290 queries."""
    panels: list[dict[str, Any]] = []
    for number in range(130):
        row, place = divmod(number, 10)
        if place == 0:
            panels.append({"type": "row", "title": f"Row {row}", "gridPos": {"x": 0, "y": row * 41, "w": 24, "h": 1}})
        targets = [{"refId": "ABC"[n], "expr": "rate(x[$__rate_interval])", "legendFormat": "{{job}}"}
                   for n in range(2 + (number % 4 == 0))]  # fmt: skip
        position = {"x": place % 2 * 12, "y": row * 41 + 1 + place // 2 * 8, "w": 12, "h": 8}
        looks = {
            "defaults": {"unit": "bytes", "custom": {"stacking": {"mode": "normal" if number % 3 else "none"}}},
            "overrides": [
                {
                    "matcher": {"id": "byRegexp", "options": "/job [0-2]/"},
                    "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "#C15C17"}}],
                }
            ],
        }
        panels.append({"type": _KINDS[number % len(_KINDS)], "title": f"Panel {number}", "gridPos": position,
                       "fieldConfig": looks, "targets": targets})  # fmt: skip
    return json.dumps({"title": "A large one", "panels": panels}).encode()


def milliseconds(work: Callable[[], object]) -> float:
    """The median of the processor's time."""
    found = []
    for _ in range(REPEAT):
        begin = time.process_time()
        work()
        found.append((time.process_time() - begin) * 1000)
    return statistics.median(found)


async def answered(content: bytes) -> Looked:
    """The dashboard with answers for all of its panels."""
    asking = Asking(MadeUp())
    looked = await prepare(asking, read(content, "benchmark"), {}, Times(), datetime.now(UTC))
    return await ask(asking, looked, {panel.key: 200 for panel in each(looked.panels)})


def drawn(looked: Looked, placed: Sequence[Placed]) -> None:
    for one in placed:
        if one.panel.kind is not Kind.ROW:
            view = View(one.width - 2, one.height - 2, looked.begin, looked.end)
            draw(one.panel, looked.data.get(one.panel.key), looked.scope, view)


def main() -> None:
    """Prints the table."""
    content = Path(sys.argv[1]).read_bytes()[:MAX_BYTES] if len(sys.argv) > 1 else large()
    board = read(content, "benchmark")
    looked = asyncio.run(answered(content))
    count = sum(1 for _ in each(looked.panels))
    queries = sum(len(panel.targets) for panel in each(looked.panels))
    rows = [("read the file", f"{milliseconds(lambda: read(content, 'benchmark')):.0f} ms", f"{count} panels")]
    rows.append(("answers of all panels put together", f"{milliseconds(lambda: asyncio.run(answered(content))):.0f} ms",
                 f"{queries} queries"))  # fmt: skip
    for width, height in SIZES:
        placed = lay_out(board.panels, width, {row.key for row in board.panels if row.collapsed})
        seen = [one for one in placed if one.y < height]
        every = milliseconds(lambda placed=placed: drawn(looked, placed))  # type: ignore[misc]
        some = milliseconds(lambda seen=seen: drawn(looked, seen))  # type: ignore[misc]
        rows.append((f"draw all of it for {width}×{height}", f"{every:.0f} ms", ""))
        rows.append((f"draw what can be seen at {width}×{height}", f"{some:.0f} ms", f"{len(seen)} panels"))
    sys.stdout.write(table(("what", "processor", "of"), rows) + "\n")


if __name__ == "__main__":
    main()
