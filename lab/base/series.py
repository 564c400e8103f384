"""Samples over time, as Prometheus answers a query."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Series:
    """One series: epoch seconds, and a value for each. A value may be no number or infinite."""

    labels: Mapping[str, str] = field(default_factory=dict)
    times: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
