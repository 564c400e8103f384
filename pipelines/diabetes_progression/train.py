"""The diabetes model: an explainable boosting machine of InterpretML, from this folder's own packages.

It is as good as boosted trees, and a sum of one curve per column, which a clinician can look at.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

TARGET = "progression"


def fit(frame: "pd.DataFrame", parameters: Mapping[str, Any], seed: int) -> Any:
    """Fits on `frame`, whose features are numbers without missing cells."""
    from interpret.glassbox import ExplainableBoostingRegressor

    model = ExplainableBoostingRegressor(random_state=seed, n_jobs=1, **parameters)
    return model.fit(frame.drop(columns=TARGET), frame[TARGET])
