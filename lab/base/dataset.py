"""A data set: its identity (one hash for pipeline, monitor and gate), its place in S3, and the reader of its rows."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from lab.base.errors import DatasetInvalid

CURRENT_KEY = "current.json"
BASELINE_KEY = "baseline.json"
_CHUNK = 1 << 20


def dataset_key(digest: str) -> str:
    """Where the data set with this SHA-256 lies in the data bucket."""
    return f"datasets/{digest}.csv"


def profile_key(digest: str) -> str:
    """Where the baseline profile of the data set with this SHA-256 lies in the data bucket."""
    return f"baselines/{digest}.json"


@dataclass(frozen=True)
class DatasetRef:
    """A data set in the store. `sha256` is over the file's bytes; `planted` marks a drift made on purpose."""

    sha256: str
    rows: int
    source: str
    planted: bool = False

    @property
    def key(self) -> str:
        return dataset_key(self.sha256)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "DatasetRef":
        """Raises DatasetInvalid when `body` isn't a reference."""
        try:
            return cls(**json.loads(body))
        except (ValueError, TypeError, RecursionError) as err:
            raise DatasetInvalid(
                f"The data set's reference can't be read: {err}.", "Run `invoke seed --reset`."
            ) from None


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in chunks. Raises OSError."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_records(lines: Iterable[str]) -> Iterator[list[str]]:
    """The one reader of CSV: the header, then every record; blank lines and a byte-order mark are left out.

    Lines keep their ends. Raises DatasetInvalid at text that is no CSV.
    """
    reader = csv.reader(_unmarked(lines), strict=True)
    try:
        for record in reader:
            if len(record) > 1 or "".join(record).strip():
                yield record
    except csv.Error as err:
        raise DatasetInvalid(
            f"The text is no CSV: {err} (read to line {reader.line_num}).",
            "Look there for a quote without its counterpart.",
        ) from None


def read_rows(lines: Iterable[str]) -> Iterator[Mapping[str, str]]:
    """Rows of a CSV by column name; cells that a row lacks are empty. Raises as `read_records`."""
    records = read_records(lines)
    header = next(records, [])
    for record in records:
        yield dict(zip(header, record + [""] * (len(header) - len(record)), strict=False))


def _unmarked(lines: Iterable[str]) -> Iterator[str]:
    iterator = iter(lines)
    yield next(iterator, "").removeprefix("\ufeff")
    yield from iterator
