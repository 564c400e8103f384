"""What `new-model` makes of a file: dialects, marks for missing values, and what is no table."""

import os
from pathlib import Path

import numpy as np
import pytest

from lab.base.errors import DatasetInvalid, LabError
from lab.models.proposal.survey import survey
from lab.models.proposal.taking import take
from tests.models.proposals import Propose, contract_of
from tests.support import datasets


def test_dialects_are_read_and_what_changed_is_said(proposed: Propose, project: Path) -> None:
    rows = [
        f'"Größe {number % 3}";{number},5;{number % 28 + 1:02}.03.2024;{"ja" if number % 3 else "nein"}'
        for number in range(200)
    ]
    text = "sep=;\r\nGröße;Wert;Tag;Ziel\r\n" + "\r\n".join(rows) + "\r\n"
    made = proposed(text.encode("cp1252"), "Ziel", dry=False)
    assert made.changes == (
        "read as cp1252",
        "split at ';'",
        "Wert: decimal commas made points",
        "Tag: dates read as %d.%m.%Y",
    )
    first = (project / made.data).read_text(encoding="utf-8").splitlines()[:2]
    assert first == ["Größe,Wert,Tag,Ziel", "Größe 0,0.5,2024-03-01,nein"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"a,b,y\n", "a header and no rows"),
        (b"\x1f\x8b\x08\x00\x00", "compressed with gzip"),
        (b'[{"a": 1, "y": "no"}]', "is JSON, not CSV"),
        (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00\x01" + bytes(40), "is neither text nor Parquet"),
        pytest.param(b"a," * (3 << 20), "The first line of .* has more than 4 MB", id="one line"),
        pytest.param(b"a," + b"n" * 5000 + b",y\n" + b"1,2,no\n3,4,yes\n" * 90, "has 5,000 characters", id="long name"),
        (b"a,b,y\n1,2,\x81\n", "byte 10 is no letter of cp1252"),
    ],
)
def test_what_holds_no_rows_of_text_says_what_it_is(body: bytes, said: str, proposed: Propose) -> None:
    with pytest.raises(LabError, match=said):
        proposed(body, "y")


def test_a_row_of_nothing_but_commas_is_left_out_of_the_copy(proposed: Propose, project: Path) -> None:
    made = proposed(datasets.sales().to_csv(index=False).encode() + b",,,\n", "amount")
    assert made.changes == ("1 rows with nothing but empty cells left out",)
    assert len((project / made.data).read_text().splitlines()) == 601


def test_many_rows_say_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1234567890123,1234567\n" * 450_000)
    said: list[str] = []
    assert survey(path, said.append).rows == 450_000
    assert 1 <= len(said) <= 2
    assert all(one.startswith("looking at the data: ") for one in said)


def test_an_index_without_a_name_gets_one_and_is_left_out(proposed: Propose) -> None:
    made = proposed(datasets.sales().to_csv().encode(), "amount")
    assert made.changes == ("column 1 had no name",)
    assert "an id" in contract_of(made).columns["column 1"].unused


def test_marks_for_missing_values_become_empty_cells(proposed: Propose, project: Path) -> None:
    frame = datasets.five_classes()
    frame["width"] = frame["width"].round(3).astype(str).mask(np.arange(len(frame)) % 9 == 0, "N/A")
    made = proposed(frame, "class")
    assert made.changes == ("width: 'N/A' is a missing value",)
    assert contract_of(made).columns["width"].nullable
    assert "N/A" not in (project / made.data).read_text()


@pytest.mark.parametrize(
    "body", [b"", b"\x89PNG\r\n\x1a\n\x00", b"PK\x03\x04rest", b"one\n1\n2\n", b"a,b\n1,2,3\n", b"PAR1"]
)
def test_what_is_no_table_is_told(body: bytes, proposed: Propose) -> None:
    with pytest.raises(LabError) as told:
        proposed(body, "a")
    assert told.value.message


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DatasetInvalid, match="is no file"):
        take(tmp_path / "pipe", tmp_path)
