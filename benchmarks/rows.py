"""A large data set on its way through the lab: seconds and memory of each step, each in a process of its own.

`.venv/bin/python benchmarks/rows.py` makes a million rows of Parquet, 20 columns, and prints a table; `--rows N` makes
others. Memory is the greatest resident size in MiB; beside it stands what the same process takes with a thousand rows.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from docs.tables import table  # noqa: E402 - run as a file, it must find the package first
from lab.models.contract import Contract  # noqa: E402

_MOST = 8 << 30
_PIECE = 100_000
_LABELS = ["red", "green", "blue", "black"]


def contract() -> Contract:
    """Ten numbers, of which two may be missing, five labels, two dates, two texts, and a binary target."""
    columns: dict[str, dict[str, object]] = {f"n{i}": {"type": "number", "nullable": i < 2} for i in range(10)}
    columns |= {f"c{i}": {"type": "category", "values": _LABELS} for i in range(5)}
    columns |= {f"d{i}": {"type": "date"} for i in range(2)}
    columns |= {f"t{i}": {"type": "text", "nullable": True} for i in range(2)}
    columns["target"] = {"type": "category", "values": ["no", "yes"]}
    return Contract.model_validate(
        {
            "version": 1,
            "name": "Large",
            "owner": "nobody",
            "purpose": "Measures.",
            "task": "binary",
            "target": "target",
            "positive": "yes",
            "columns": columns,
        }
    )


def make(path: Path, rows: int) -> None:
    """Writes the Parquet file, piece by piece."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    chance, writer = np.random.default_rng(1), None
    for begin in range(0, rows, _PIECE):
        count = min(_PIECE, rows - begin)
        numbers = {
            f"n{i}": pa.array(chance.normal(0, 1, count), mask=chance.random(count) < 0.1 * (i < 2)) for i in range(10)
        }
        labels = {f"c{i}": pa.array(chance.choice(_LABELS, count)) for i in range(5)}
        days = {f"d{i}": pa.array(chance.integers(0, 1_000_000_000, count), pa.timestamp("s")) for i in range(2)}
        texts = {
            f"t{i}": pa.array([f"{n:x} of {begin + m}" for m, n in enumerate(chance.integers(0, 1 << 40, count))])
            for i in range(2)
        }
        piece = pa.table(
            {**numbers, **labels, **days, **texts, "target": pa.array(chance.choice(["no", "yes"], count))}
        )
        writer = writer or parquet.ParquetWriter(path, piece.schema)
        writer.write_table(piece)
    if writer:
        writer.close()


def ingest(folder: Path) -> None:
    from lab.base.dataset import hash_file
    from lab.models.dataset_csv import as_csv
    from lab.training.steps.ingest_step import count_rows

    as_csv(folder / "data.parquet", folder / "data.csv", _MOST, lambda _: None)
    hash_file(folder / "data.csv")
    count_rows(folder / "data.csv")


def validate(folder: Path) -> None:
    from lab.training.dataset_checks import check_file

    found = check_file(folder / "data.csv", contract())
    assert found.valid, found.violations


def profile(folder: Path) -> None:
    from lab.base import drift
    from lab.base.dataset import read_rows

    with (folder / "data.csv").open(newline="", encoding="utf-8") as file:
        made = drift.profile(read_rows(file), "x", *contract().profiled)
    (folder / "profile.json").write_bytes(made.to_json())


def compare(folder: Path) -> None:
    from lab.base import drift
    from lab.base.dataset import read_rows

    before = drift.Profile.from_json((folder / "profile.json").read_bytes())
    with (folder / "data.csv").open(newline="", encoding="utf-8") as file:
        assert not drift.compare(before, read_rows(file), "y", 0.0).detected


def load(folder: Path) -> None:
    from lab.training.fitting import load

    load(folder / "data.csv", contract())


STEPS: Mapping[str, Callable[[Path], None]] = {
    "ingest": ingest,
    "validate": validate,
    "profile": profile,
    "drift": compare,
    "load to train": load,
}


def measured(step: str, folder: Path) -> tuple[float, float]:
    """Seconds, and MiB at most."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(step, folder, theirs))
    process.start()
    theirs.close()
    try:
        seconds, memory = ours.recv()
    finally:
        process.join()
    return seconds, memory


def _measure(step: str, folder: Path, answer: "multiprocessing.connection.Connection") -> None:
    begin = time.monotonic()
    STEPS[step](folder)
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    answer.send((time.monotonic() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit))


def run(rows: int) -> dict[str, tuple[float, float]]:
    """Each step's seconds and memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "data.parquet", rows)
        return {step: measured(step, folder) for step in STEPS}


def main() -> None:
    """Prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    small, large = run(1_000), run(given.rows)
    if given.json:
        print(json.dumps(large, indent=1))
        return
    lines = [(step, f"{s:.1f}", f"{m:.0f}", f"{small[step][1]:.0f}") for step, (s, m) in large.items()]
    print(table(("step", "seconds", "MiB at most", "MiB with 1,000 rows"), lines))


if __name__ == "__main__":
    main()
