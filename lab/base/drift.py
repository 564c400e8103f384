"""Drift as the population stability index (PSI) of each feature against a baseline profile.

PSI = Σ (aᵢ - bᵢ) · ln(aᵢ / bᵢ) over bins, with aᵢ and bᵢ the shares of current and baseline rows in bin i
(Siddiqi, Credit Risk Scorecards, 2006). The baseline's bin edges are kept, so that bins don't move with the data.

PSI says how large a difference is and nothing about how many rows it was seen in, and small samples differ by chance
alone. So a feature counts as drifted only when chance explains it badly, too: see `lab.base.chance`.
"""

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.base.chance import chance
from lab.base.errors import DatasetInvalid

# Siddiqi's rule of thumb: below 0.1 stable, up to 0.25 worth a look, above it the population has shifted.
MODERATE = 0.1
DRIFTED = 0.25
# The share of checks of unchanged data that may alarm, all features of a check taken together.
FALSE_ALARMS = 0.01
# The test's limit is good for many rows; in small tables it alarms up to twice as often as it says, so half is asked.
SIGNIFICANT = FALSE_ALARMS / 2
BINS = 10
OTHER = "(other)"


@dataclass(frozen=True)
class Feature:
    """Counts of one column by bin. Numeric: bin i holds values ≤ `edges[i]`, the last bin the rest."""

    name: str
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """A data set's shape, small enough to keep for good."""

    sha256: str
    rows: int
    features: tuple[Feature, ...]

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

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
    )


@dataclass(frozen=True)
class FeatureDrift:
    """PSI of one feature; `state` is `stable`, `moderate` or `drifted`.

    `p_value`: how often chance alone makes any of a check's features differ as much (Bonferroni's bound); 0 in what
    was recorded without it.
    """

    name: str
    psi: float
    p_value: float = 0.0

    @property
    def state(self) -> str:
        if self.p_value > SIGNIFICANT:
            return "stable"
        return "drifted" if self.psi > DRIFTED else "moderate" if self.psi > MODERATE else "stable"


@dataclass(frozen=True)
class DriftReport:
    """One check of a model's current data; features by falling PSI, `checked_at` epoch seconds. `model` is empty where
    it was made for one that is known, and in what was recorded when a lab held one.
    """

    baseline_hash: str
    current_hash: str
    rows: int
    features: tuple[FeatureDrift, ...]
    checked_at: float = 0.0
    model: str = ""

    @property
    def detected(self) -> bool:
        return any(feature.state == "drifted" for feature in self.features)

    @property
    def drifted(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features if feature.state == "drifted")


def profile(
    rows: Iterable[Mapping[str, str]], sha256: str, numeric: Sequence[str], categorical: Sequence[str]
) -> Profile:
    """The baseline profile of these columns of `rows`. Raises DatasetInvalid for no rows or a number that isn't one."""
    columns, total = _columns(rows, (*numeric, *categorical))
    features = [_numeric(name, columns[name], total) for name in numeric]
    features += [_categorical(name, columns[name]) for name in categorical]
    return Profile(sha256, total, tuple(features))


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

    @property
    def psi(self) -> float:
        return sum(self.parts)

    @property
    def drift(self) -> FeatureDrift:
        return FeatureDrift(self.feature.name, self.psi, self.p_value)


def histograms(baseline: Profile, rows: Iterable[Mapping[str, str]]) -> tuple[tuple[Histogram, ...], int]:
    """Each feature of `rows` over the baseline's bins, the greatest PSI first, and how many rows there were.

    Raises DatasetInvalid as `profile` does.
    """
    columns, total = _columns(rows, [feature.name for feature in baseline.features])
    found = []
    for feature in baseline.features:
        counts = _counts(feature, columns[feature.name])
        by_chance = min(1.0, chance(*_compared(feature, counts, columns[feature.name])) * len(baseline.features))
        found.append(Histogram(feature, counts, psi_parts(feature.counts, counts), by_chance))
    found.sort(key=lambda one: (-one.psi, one.feature.name))
    return tuple(found), total


def _compared(feature: Feature, counts: Sequence[int], texts: Counter[str]) -> tuple[Sequence[int], Sequence[int]]:
    """Both samples by bin, each label that only the current one has by itself.

    All of them as one would count against data with many rare labels, of which every sample misses some.
    """
    if feature.edges:
        return feature.counts, counts
    new = [times for text, times in texts.items() if text not in feature.labels]
    return (*feature.counts[:-1], *(0 for _ in new)), (*counts[:-1], *new)


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


def _columns(rows: Iterable[Mapping[str, str]], names: Sequence[str]) -> tuple[dict[str, Counter[str]], int]:
    """Each named column as a count per text: memory grows with distinct values, not with rows."""
    columns: dict[str, Counter[str]] = {name: Counter() for name in names}
    total = 0
    for row in rows:
        total += 1
        for name in names:
            if name not in row:
                raise DatasetInvalid(f"Column {name!r} is missing.")
            columns[name][row[name]] += 1
    if not total:
        raise DatasetInvalid("The data set has no rows.")
    return columns, total


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise DatasetInvalid(f"Column {name!r} holds {text!r}, which is no number.") from None
    if not math.isfinite(value):
        raise DatasetInvalid(f"Column {name!r} holds {text!r}, which is not finite.")
    return value


def _numeric(name: str, texts: Counter[str], total: int) -> Feature:
    """Bins between the deciles; a column with few values gets fewer bins."""
    values = sorted((_number(name, text), times) for text, times in texts.items())
    edges: list[float] = []
    seen = 0
    for value, times in values[:-1]:
        seen += times
        if seen * BINS >= total * (len(edges) + 1):
            edges.append(value)
    edges = edges or [values[0][0]]
    empty = Feature(name, (0,) * (len(edges) + 1), edges=tuple(edges))
    return Feature(name, _counts(empty, texts), edges=empty.edges)


def _categorical(name: str, texts: Counter[str]) -> Feature:
    labels = tuple(sorted(texts))
    return Feature(name, (*(texts[label] for label in labels), 0), labels=(*labels, OTHER))


def _counts(feature: Feature, texts: Counter[str]) -> tuple[int, ...]:
    counts = [0] * len(feature.counts)
    index = {label: i for i, label in enumerate(feature.labels)}
    for text, times in texts.items():
        place = (
            bisect_left(feature.edges, _number(feature.name, text))
            if feature.edges
            else index.get(text, len(counts) - 1)
        )
        counts[place] += times
    return tuple(counts)
