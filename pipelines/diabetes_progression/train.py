"""The diabetes model: ridge regression on scaled numbers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

TARGET = "progression"


def fit(frame: "pd.DataFrame", parameters: Mapping[str, Any], seed: int) -> "Pipeline":  # noqa: ARG001 - nothing here is left to chance
    """Fits on `frame`, whose features are numbers without missing cells."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    model = Pipeline([("scaled", StandardScaler()), ("ridge", Ridge(alpha=parameters["alpha"]))])
    return model.fit(frame.drop(columns=TARGET), frame[TARGET])
