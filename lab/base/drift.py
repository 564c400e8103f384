"""Drift as the population stability index (PSI) of each feature against a baseline profile.

PSI = Σ (aᵢ - bᵢ) · ln(aᵢ / bᵢ) over bins, with aᵢ and bᵢ the shares of current and baseline rows in bin i
(Siddiqi 2006, on monitoring scorecards). The baseline's bin edges are kept, so that bins don't move with the data.

PSI says how large a difference is and nothing about how many rows it was seen in, and small samples differ by chance
alone. So a feature counts as drifted only when chance explains it badly, too: see `lab.base.chance`. A date is compared
by its day and time, free text by its length.
"""

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.base.chance import chance
from lab.base.drift_report import DRIFTED, DriftReport, FeatureDrift
from lab.base.errors import DatasetInvalid
from lab.base.tallies import OTHER, Bins, Labels, Reading, Values, tally

BINS = 10
_PLAINLY: Mapping[str, Reading] = {}


@dataclass(frozen=True)
class Feature:
    """Counts of one column by bin. Numeric: bin i holds values ≤ `edges[i]`, the next one the rest, and where cells may
    be empty a last one counts those. `reading` says how a cell becomes a number.
    """

    name: str
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    reading: Reading = Reading.PLAIN

    def as_dict(self) -> dict[str, Any]:
        """For JSON; without `reading` where it is plain, as profiles were before there was another."""
        found = asdict(self)
        if self.reading is Reading.PLAIN:
            del found["reading"]
        return found


@dataclass(frozen=True)
class Profile:
    """A data set's shape, small enough to keep for good."""

    sha256: str
    rows: int
    features: tuple[Feature, ...]

    def to_json(self) -> bytes:
        whole = {"sha256": self.sha256, "rows": self.rows, "features": [one.as_dict() for one in self.features]}
        return json.dumps(whole, sort_keys=True).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "Profile":
        """Raises DatasetInvalid when `body` isn't a profile."""
        try:
            raw = json.loads(body)
            features = tuple(_feature(item) for item in raw["features"])
            return cls(str(raw["sha256"]), int(raw["rows"]), features)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as err:
            raise DatasetInvalid(f"The baseline profile can't be read: {err!r}.", "Run `invoke seed`.") from None


def _feature(raw: Mapping[str, Any]) -> Feature:
    return Feature(
        str(raw["name"]),
        tuple(int(n) for n in raw["counts"]),
        tuple(float(x) for x in raw["edges"]),
        tuple(str(x) for x in raw["labels"]),
        Reading(raw.get("reading", "")),
    )


def profile(
    rows: Iterable[Mapping[str, str]],
    sha256: str,
    numeric: Sequence[str],
    categorical: Sequence[str],
    readings: Mapping[str, Reading] = _PLAINLY,
) -> Profile:
    """The baseline profile of these columns of `rows`, in memory that doesn't grow with them.

    Raises DatasetInvalid for no rows or a number that isn't one.
    """
    numbers = [Values(name, readings.get(name, Reading.PLAIN)) for name in numeric]
    labels = [Labels(name) for name in categorical]
    total = tally(rows, [*numbers, *labels])
    features = [_numeric(column, total) for column in numbers]
    return Profile(sha256, total, (*features, *map(_categorical, labels)))


def compare(baseline: Profile, rows: Iterable[Mapping[str, str]], sha256: str, now: float) -> DriftReport:
    """PSI of `rows` against `baseline`. Raises DatasetInvalid as `profile` does."""
    found, total = histograms(baseline, rows)
    return DriftReport(baseline.sha256, sha256, total, tuple(one.drift for one in found), now)


@dataclass(frozen=True)
class Histogram:
    """One feature of two data sets over the same bins: rows in each, and how much each adds to the PSI."""

    feature: Feature
    current: tuple[int, ...]
    parts: tuple[float, ...]
    p_value: float = 0.0
    limit: float = DRIFTED

    @property
    def psi(self) -> float:
        return sum(self.parts)

    @property
    def drift(self) -> FeatureDrift:
        return FeatureDrift(self.feature.name, self.psi, self.p_value, self.limit)


def histograms(baseline: Profile, rows: Iterable[Mapping[str, str]]) -> tuple[tuple[Histogram, ...], int]:
    """Each feature of `rows` over the baseline's bins, the greatest PSI first, and how many rows there were.

    Raises DatasetInvalid as `profile` does.
    """
    columns = {feature.name: _over(feature) for feature in baseline.features}
    total = tally(rows, list(columns.values()))
    found = []
    for feature in baseline.features:
        counts, compared = _counted(feature, columns[feature.name])
        by_chance = min(1.0, chance(*compared) * len(baseline.features))
        found.append(Histogram(feature, counts, psi_parts(feature.counts, counts), by_chance))
    found.sort(key=lambda one: (-one.psi, one.feature.name))
    return tuple(found), total


def _over(feature: Feature) -> Bins | Labels:
    return Bins(feature.name, feature.reading, feature.edges) if feature.edges else Labels(feature.name)


def _counted(feature: Feature, column: Bins | Labels) -> tuple[tuple[int, ...], tuple[Sequence[int], Sequence[int]]]:
    """Rows by the feature's bins; and both samples by bin, each label that only the current one has by itself.

    All of them as one would count against data with many rare labels, of which every sample misses some.
    """
    if isinstance(column, Bins):
        counts = column.counts
        return counts, (feature.counts, counts)
    known = column.texts
    labels = feature.labels[:-1]
    new = [times for text, times in known.items() if text not in set(labels)]
    counts = (*(known[label] for label in labels), sum(new))
    return counts, ((*feature.counts[:-1], *(0 for _ in new)), (*counts[:-1], *new))


def psi(baseline: Sequence[int], current: Sequence[int]) -> float:
    """PSI of two histograms over the same bins; an empty bin counts as half a row, so that the logarithm exists."""
    return sum(psi_parts(baseline, current))


def psi_parts(baseline: Sequence[int], current: Sequence[int]) -> tuple[float, ...]:
    """What each bin adds to the PSI."""
    if len(baseline) != len(current):
        raise ValueError(f"{len(baseline)} bins against {len(current)}")
    before, after = ([max(float(n), 0.5) for n in counts] for counts in (baseline, current))
    total_before, total_after = sum(before), sum(after)
    shares = ((a / total_after, b / total_before) for a, b in zip(after, before, strict=True))
    return tuple((a - b) * math.log(a / b) for a, b in shares)


def _numeric(column: Values, total: int) -> Feature:
    """Bins between the deciles; a column with few values gets fewer bins."""
    values, missing = column.sorted, column.missing
    edges: list[float] = []
    seen = 0
    for value, times in values[:-1]:
        seen += times
        if seen * BINS >= (total - missing) * (len(edges) + 1):
            edges.append(value)
    edges = edges or [values[0][0] if values else 0.0]
    counts = [0] * (len(edges) + 1)
    for value, times in values:
        counts[bisect_left(edges, value)] += times
    last = (missing,) if column.reading.may_miss else ()
    return Feature(column.name, (*counts, *last), edges=tuple(edges), reading=column.reading)


def _categorical(column: Labels) -> Feature:
    labels = tuple(sorted(label for label in column.texts if label != OTHER))
    counts = (*(column.texts[label] for label in labels), column.texts[OTHER])
    return Feature(column.name, counts, labels=(*labels, OTHER))
