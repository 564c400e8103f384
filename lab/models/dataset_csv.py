"""The lab's own form of a data set: UTF-8 CSV, made of Parquet or of a frame batch by batch, in bounded memory.

Whoever reads a data set (checks, training, drift monitor, evidence, try-out) reads this form, and its hash names it.
The same table gives the same bytes: numbers in their shortest exact form, dates in ISO 8601 and UTC, labels of booleans
`false` and `true`, an empty cell where a value is missing.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.errors import DatasetInvalid

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"PAR1"
# What a data set may have as CSV.
MOST_BYTES = 2 << 30
# Rows that are in memory at once.
_BATCH = 50_000
_REMEDY = "Leave the column out, or write it as text, numbers or dates."
Say = Callable[[int], object]


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def as_csv(source: Path, target: Path, most: int, say: Say) -> None:
    """Writes a Parquet file as CSV of at most `most` bytes; `say` is told the rows written so far.

    Raises DatasetInvalid for what is no table of plain values, and OSError.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source) as file:
            write(file.schema_arrow, file.iter_batches(_BATCH), target, most, say)
    except pa.ArrowException as err:
        said = " ".join(str(err).split())[:200]
        raise DatasetInvalid(f"{source.name} is no readable Parquet file: {said}.", "Write it anew.") from None


def frame_as_csv(frame: Any, target: Path, most: int, say: Say) -> None:
    """As `as_csv`, of a pandas or Polars frame, a pyarrow table, or whatever gives out an Arrow stream."""
    import pyarrow as pa

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False) if hasattr(frame, "iloc") else pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError) as err:
        said = " ".join(str(err).split())[:200]
        raise DatasetInvalid(f"load() gave a {type(frame).__name__}, which is no table: {said}.", _REMEDY) from None
    write(table.schema, table.to_batches(_BATCH), target, most, say)


def write(schema: "pa.Schema", batches: "Iterable[pa.RecordBatch]", target: Path, most: int, say: Say) -> None:
    """Writes the batches of a table as CSV. Raises as `as_csv`."""
    from pyarrow import csv as arrow_csv

    if twice := [name for name, times in Counter(schema.names).items() if times > 1]:
        raise DatasetInvalid(f"Column {twice[0]!r} is there twice.", "Keep one.")
    rows = 0
    with target.open("wb") as file:
        file.write(_header(schema.names))
        options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
        for batch in batches:
            arrow_csv.write_csv(_plain(batch), file, options)
            rows += batch.num_rows
            say(rows)
            if file.tell() > most:
                raise DatasetInvalid(f"As CSV, the data has more than {most >> 30} GiB.", "Ingest a sample of it.")


def _header(names: Iterable[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().encode()


def _plain(batch: "pa.RecordBatch") -> "pa.Table":
    import pyarrow as pa

    names = batch.schema.names
    return pa.table([_column(name, cells) for name, cells in zip(names, batch.columns, strict=True)], names=names)


def _column(name: str, cells: "pa.Array") -> "pa.Array":
    """Cells that CSV can hold."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = cells.type
    if pa.types.is_dictionary(kind):
        return _column(name, cells.dictionary_decode())
    if pa.types.is_floating(kind):
        wide = cells.cast(pa.float64())
        return pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
    if pa.types.is_timestamp(kind):
        # Without its zone, which is UTC in Arrow whatever it is shown in.
        return cells.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us"))
    if pa.types.is_decimal(kind):
        return cells.cast(pa.string())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise DatasetInvalid(f"Column {name!r} holds {kind}, which is no plain value.", _REMEDY)
    return cells
