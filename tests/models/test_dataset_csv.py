"""A table of any source becomes the lab's own CSV: the same bytes for the same table, every value as it was."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from lab.base.errors import DatasetInvalid
from lab.models.csv_text import inspect
from lab.models.dataset_csv import as_csv, frame_as_csv, is_parquet
from lab.training.frames import frames

MOST = 1 << 30
ODD = 'a "quoted", naïve\nname'


def table() -> pa.Table:
    return pa.table(
        {
            "whole": pa.array([1, None, -3], pa.int64()),
            "part": pa.array([0.1, float("nan"), 1e300]),
            ODD: pa.array(['say "hi"', "ä,ö\nü", None]),
            "class": pa.array(["a", "b", "a"]).dictionary_encode(),
            "yes": pa.array([True, None, False]),
            "day": pa.array([date(2026, 1, 31), None, date(1999, 12, 1)]),
            "at": pa.array([datetime(2026, 1, 31, 12, 30), None, None], pa.timestamp("ns", "Europe/Berlin")),
        }
    )


@pytest.fixture
def written(tmp_path: Path) -> Callable[[pa.Table], Path]:
    def write(rows: pa.Table) -> Path:
        parquet.write_table(rows, tmp_path / "data.parquet", row_group_size=2)
        as_csv(tmp_path / "data.parquet", tmp_path / "data.csv", MOST, lambda _: None)
        return tmp_path / "data.csv"

    return write


def test_every_value_comes_back(written: Callable[[pa.Table], Path]) -> None:
    path = written(table())
    names = tuple(table().schema.names)
    assert not inspect(path, names).violations
    (frame,) = frames(path, names, 10)
    cells: dict[str, list[Any]] = {
        name: [None if cell is None or cell != cell else cell for cell in frame[name]] for name in frame.columns
    }
    assert cells == {
        "whole": ["1", None, "-3"],
        "part": ["0.1", None, "1e+300"],
        ODD: ['say "hi"', "ä,ö\nü", None],
        "class": ["a", "b", "a"],
        "yes": ["true", None, "false"],
        "day": ["2026-01-31", None, "1999-12-01"],
        "at": ["2026-01-31 12:30:00.000000", None, None],
    }


def test_the_same_table_gives_the_same_bytes_whatever_brings_it(
    written: Callable[[pa.Table], Path], tmp_path: Path
) -> None:
    first = written(table()).read_bytes()
    frame_as_csv(table(), tmp_path / "again.csv", MOST, lambda _: None)
    assert (tmp_path / "again.csv").read_bytes() == first
    frame_as_csv(table().to_pandas(types_mapper=pd.ArrowDtype), tmp_path / "frame.csv", MOST, lambda _: None)
    assert (tmp_path / "frame.csv").read_bytes() == first


def test_what_no_cell_can_hold_is_named(written: Callable[[pa.Table], Path]) -> None:
    with pytest.raises(DatasetInvalid, match="'lists' holds list<"):
        written(pa.table({"lists": pa.array([[1]])}))


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1 and no more")
    assert is_parquet(path)
    with pytest.raises(DatasetInvalid, match="no readable Parquet"):
        as_csv(path, tmp_path / "data.csv", MOST, lambda _: None)


def test_a_table_that_grows_too_large_ends(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match="more than 0 GiB"):
        frame_as_csv(table(), tmp_path / "data.csv", 10, lambda _: None)


def test_what_is_no_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match="gave a int, which is no table"):
        frame_as_csv(3, tmp_path / "data.csv", MOST, lambda _: None)
