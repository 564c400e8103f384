"""How often chance alone makes two samples of one population differ as much as two given ones do.

Pearson's chi-square test of homogeneity. PSI · nm/(n+m) has the same limit, a chi-square with one degree of freedom
fewer than bins (Yurdakul, Statistical Properties of Population Stability Index, 2018), but its logarithms overshoot
where bins hold few rows: with 100 rows against 100 it exceeds that limit about twice as often as it should.
"""

import math
from collections.abc import Sequence

# Cochran's rule (1954): the limit is good where each bin is expected to hold this many rows of both samples.
_LEAST = 5


def chance(before: Sequence[int], after: Sequence[int]) -> float:
    """The p-value of two histograms over the same bins; 1.0 when there are too few rows to say anything."""
    n, m = sum(before), sum(after)
    pairs = _pooled([(b, a) for b, a in zip(before, after, strict=True) if b + a], n, m)
    if len(pairs) < 2:
        return 1.0
    weight = math.sqrt(m / n)
    return tail(sum((weight * b - a / weight) ** 2 / (b + a) for b, a in pairs), len(pairs) - 1)


def _pooled(pairs: list[tuple[int, int]], n: int, m: int) -> list[tuple[int, int]]:
    """Small bins as one. They are chosen by the rows of both samples: chosen by one, they would favour it."""
    needed = _LEAST * (n + m) / max(1, min(n, m))
    pairs = sorted(pairs, key=sum)
    small = sum(1 for pair in pairs if sum(pair) < needed)
    # A pool that is too small itself takes in the next greater bin.
    small += 0 < sum(map(sum, pairs[:small])) < needed
    if not small:
        return pairs
    return [*pairs[small:], (sum(b for b, _ in pairs[:small]), sum(a for _, a in pairs[:small]))]


def tail(statistic: float, freedom: int) -> float:
    """The chance that a chi-square with `freedom` degrees of freedom exceeds `statistic`."""
    half = statistic / 2
    if half <= 0:
        return 1.0
    first = (freedom % 2) / 2
    terms = (
        math.exp(-half + s * math.log(half) - math.lgamma(s + 1)) for s in (first + i for i in range(freedom // 2))
    )
    return min(1.0, (math.erfc(math.sqrt(half)) if freedom % 2 else 0.0) + math.fsum(terms))
