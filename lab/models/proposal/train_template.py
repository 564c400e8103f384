"""The text of a new model's `train.py`: gradient boosting that takes missing cells, with a way in for each kind."""

from collections.abc import Sequence

from lab.models.metrics import Task

_HEAD = '''"""{name}: a baseline to begin with. Gradient boosting on numbers, labels{more}; yours to replace."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

TARGET = {target}
{dates}{texts}

def fit(frame: "pd.DataFrame", parameters: Mapping[str, Any], seed: int) -> "Pipeline":
    """Fits on `frame`: numbers as floats, labels as pandas categories that know every one, the rest as text."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import {estimator}
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import {preprocessing}

    features, target = frame.drop(columns=TARGET), frame[TARGET]{as_object}
    labels = list(features.select_dtypes("category").columns)
    numbers = list(features.select_dtypes("number").columns)
    # Given labels make the columns the same for every sample; a missing one, or one never seen, is none of them.
    known = [list(features[name].cat.categories) for name in labels]
    encoder = OneHotEncoder(categories=known, handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [
            ("numbers", "passthrough", numbers),
            ("labels", encoder, labels),
{parts}        ],
        sparse_threshold=0,
    )
    model = {estimator}(random_state=seed, **parameters)
    return Pipeline([("columns", columns), ("model", model)]).fit(features, target)
'''
_DATES = """DATES = {names}
"""
_TEXTS = """TEXTS = {names}
"""
_DATE_PART = """            ("dates", FunctionTransformer(calendar), DATES),
"""
_TEXT_PART = """            *((f"words {place}", words(), name) for place, name in enumerate(TEXTS)),
"""
_CALENDAR = '''

def calendar(dates: "pd.DataFrame") -> "pd.DataFrame":
    """Dates, which come as text, as days since 1970, and their places in year, month, week and day."""
    import pandas as pd

    first, day = pd.Timestamp(0, tz="UTC").as_unit("us"), pd.Timedelta(days=1).as_unit("us")
    made = {}
    for name in dates.columns:
        # Nanoseconds end in 2262, and 9999 is what many write for "never".
        at = pd.to_datetime(dates[name], format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")
        made[f"{name} day"] = (at - first) / day
        parts = {"month": at.dt.month, "of month": at.dt.day, "of week": at.dt.day_of_week, "hour": at.dt.hour}
        made |= {f"{name} {part}": values.astype("float64") for part, values in parts.items()}
    return pd.DataFrame(made, index=dates.index)
'''
_WORDS = '''

def words() -> "Pipeline":
    """Text as numbers, one for each of the most frequent words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    weights = TfidfVectorizer(analyzer=split, max_features=200)
    return Pipeline([("filled", FunctionTransformer(filled)), ("weights", weights)])


def split(text: str) -> list[str]:
    """The words of a text, whatever their case."""
    return text.casefold().split()


def filled(texts: "pd.Series[str]") -> "pd.Series[str]":
    """A missing text, and one without any word, as a word of its own."""
    missing = texts.isna() | (texts.astype(str).str.strip() == "")
    return texts.astype(object).where(~missing, "(missing)").astype(str)
'''
_TEST = '''"""The model is fitted on its data and does better than a guess: `pytest {folder}`."""

from pathlib import Path

from lab.models.model_folder import Model, read_contract
from lab.training.trying import better_than_guessing

HERE = Path(__file__).resolve().parent


def test_the_model_is_better_than_a_guess() -> None:
    model = Model(HERE, read_contract(HERE / "model.yaml"))
    better, guessed = better_than_guessing(model, {data})
    assert better, f"{{model.contract.decisive}} is no better than {{guessed:g}}, which a guess has"
'''


def code(name: str, target: str, task: Task, dates: Sequence[str], texts: Sequence[str]) -> str:
    """The text of `train.py`."""
    also = [*(["dates"] if dates else []), *(["texts"] if texts else [])]
    preprocessing = ["FunctionTransformer"] if dates else []
    body = _HEAD.format(
        name=name,
        more="".join(f" and {one}" for one in also),
        target=_quoted(target),
        dates=_DATES.format(names=_listed(dates)) if dates else "",
        texts=_TEXTS.format(names=_listed(texts)) if texts else "",
        estimator=f"HistGradientBoosting{'Regressor' if task is Task.REGRESSION else 'Classifier'}",
        preprocessing=", ".join([*preprocessing, "OneHotEncoder"]),
        as_object="" if task is Task.REGRESSION else ".astype(object)",
        parts=(_DATE_PART if dates else "") + (_TEXT_PART if texts else ""),
    )
    return body + (_CALENDAR if dates else "") + (_WORDS if texts else "")


def test_code(folder: str, data: str) -> str:
    """The text of `test_model.py`; `data` is a path, below the project if it is relative."""
    at = f"Path({_quoted(data)})" if data.startswith("/") else f"HERE.parents[1] / {_quoted(data)}"
    return _TEST.format(folder=folder, data=at)


def _quoted(text: str) -> str:
    """As Python and its formatter write it: between double quotes, where those need no more signs before them."""
    plain = repr(text)
    if plain.startswith('"') or ('"' in text and "'" not in text):
        return plain
    inner = plain[1:-1].replace("\\'", "'")
    if text.count('"') > text.count("'"):
        return plain
    return '"' + inner.replace('"', '\\"') + '"'


def _listed(names: Sequence[str]) -> str:
    one_line = f"[{', '.join(map(_quoted, names))}]"
    return one_line if len(one_line) < 110 else "[\n" + "".join(f"    {_quoted(name)},\n" for name in names) + "]"
