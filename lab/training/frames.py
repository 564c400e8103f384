"""A data set as frames, read by the one reader of `lab.base.dataset`: what was validated is what is trained on."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.dataset import read_records

if TYPE_CHECKING:
    import pandas as pd


def frames(path: Path, columns: Sequence[str], size: int) -> Iterator["pd.DataFrame"]:
    """The given columns as text, an empty cell as a missing one, in pieces of at most `size` rows.

    For a file in which `lab.models.csv_text.inspect` found nothing. Raises OSError.
    """
    import pandas as pd

    with path.open(newline="", encoding="utf-8") as file:
        records = read_records(file)
        header = next(records, [])
        places = {name: header.index(name) for name in columns}
        while piece := list(islice(records, size)):
            cells = {name: [record[place] or None for record in piece] for name, place in places.items()}
            yield pd.DataFrame(cells, dtype="str")
