"""The credit model: logistic regression on scaled numbers and one column per label."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

TARGET = "creditability"


def fit(frame: "pd.DataFrame", parameters: Mapping[str, Any], seed: int) -> "Pipeline":  # noqa: ARG001 - nothing here is left to chance
    """Fits on `frame`: numbers as floats, labels as pandas categories that know every label of the contract."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    features, target = frame.drop(columns=TARGET), frame[TARGET].astype(object)
    labels = list(features.select_dtypes("category").columns)
    numbers = [name for name in features.columns if name not in labels]
    # Given categories make the columns the same for every sample of the data.
    known = [list(features[name].cat.categories) for name in labels]
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), numbers),
            ("labels", OneHotEncoder(categories=known, handle_unknown="ignore"), labels),
        ]
    )
    classifier = LogisticRegression(C=parameters["C"], max_iter=parameters["max_iter"])
    return Pipeline([("columns", columns), ("classifier", classifier)]).fit(features, target)
