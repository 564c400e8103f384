"""A baseline is only made of data that can be one; nothing is written for any other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.operations.seed import Seeder
from lab.wiring import load_config
from tests.support.contracts import MODEL
from tests.support.ports import NEVER_STARTED

SAMPLE = (Path(__file__).resolve().parents[2] / "data" / "sample_data.csv").read_text(encoding="utf-8")
HEADER, _, ROWS = SAMPLE.partition("\n")


@pytest.fixture
def seeder(tmp_path: Path) -> Callable[[bytes | None], Seeder]:
    """A seeder of these bytes whose store doesn't answer: whoever asks it fails with another error."""

    def make(data: bytes | None) -> Seeder:
        path = tmp_path / "data.csv"
        if data is not None:
            path.write_bytes(data)
        environ = {"LAB_ENV_FILE": str(tmp_path / "env"), "DATA_PATH": str(path), "PORT_OFFSET": str(NEVER_STARTED)}
        return Seeder(load_config(environ), MODEL)

    return make


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "Can't read the data set"),
        (b"", "the file is empty"),
        (HEADER.encode() + b"\n", "no rows"),
        (SAMPLE.encode("utf-16"), "UTF-16"),
        ((HEADER + "\ngütig" + ROWS).encode("latin-1"), "not UTF-8"),
        (SAMPLE.replace("credit_amount", "amount", 1).encode(), "credit_amount: column is missing"),
        (f"{HEADER}\n{'many,' * 20}x\n".encode(), "is no number"),
        (f'{HEADER}\n"{"x" * 200_000}"\n'.encode(), "no CSV"),
        (bytes(range(128)) * 2000, "NUL bytes"),
        (SAMPLE.replace(",", ";").encode(), "separated by semicolons"),
        ("\n".join(f"{line},," for line in SAMPLE.splitlines()).encode(), "columns have no name"),
    ],
    ids=[
        "absent",
        "empty",
        "header only",
        "utf-16",
        "latin-1",
        "column",
        "text for numbers",
        "huge cell",
        "binary",
        "semicolons",
        "no name",
    ],
)
def test_data_that_cannot_be_a_baseline_is_refused_before_anything_is_written(
    seeder: Callable[[bytes | None], Seeder], data: bytes | None, reason: str
) -> None:
    with pytest.raises(LabError, match=reason) as caught:
        seeder(data).seed()

    assert "object store doesn't answer" not in str(caught.value)


def test_without_the_store_the_reason_says_so(seeder: Callable[[bytes | None], Seeder]) -> None:
    with pytest.raises(LabError, match="object store doesn't answer"):
        seeder(SAMPLE.encode()).baseline()
