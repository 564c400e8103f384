"""What a check of the data found, as values: its mathematics, in `lab.base.drift`, are imported by those who check."""

from dataclasses import dataclass, replace

# Siddiqi's rule of thumb: below 0.1 stable, up to 0.25 worth a look, above it the population has shifted.
MODERATE = 0.1
DRIFTED = 0.25
# The share of checks of unchanged data that may alarm, all features of a check taken together.
FALSE_ALARMS = 0.01
# The test's limit is good for many rows; in small tables it alarms up to twice as often as it says, so half is asked.
SIGNIFICANT = FALSE_ALARMS / 2


@dataclass(frozen=True)
class FeatureDrift:
    """PSI of one feature; `state` is `stable`, `moderate` or `drifted`.

    `p_value`: how often chance alone makes any of a check's features differ as much (Bonferroni's bound); 0 in what
    was recorded without it. `limit`: the PSI above which it has drifted.
    """

    name: str
    psi: float
    p_value: float = 0.0
    limit: float = DRIFTED

    @property
    def state(self) -> str:
        if self.p_value > SIGNIFICANT:
            return "stable"
        return "drifted" if self.psi > self.limit else "moderate" if self.psi > MODERATE else "stable"


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
    def limit(self) -> float:
        """The PSI above which a feature has drifted."""
        return self.features[0].limit if self.features else DRIFTED

    def limited(self, limit: float) -> "DriftReport":
        """The same, judged by another limit."""
        return replace(self, features=tuple(replace(one, limit=limit) for one in self.features))

    @property
    def detected(self) -> bool:
        return any(feature.state == "drifted" for feature in self.features)

    @property
    def drifted(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features if feature.state == "drifted")
