"""Data sets of many kinds, made up: what `new-model` and training meet."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

_WORDS = {"yes": ["cancel", "slow", "broken", "refund"], "no": ["thanks", "great", "fast", "love"]}


def churn(rows: int = 600) -> pd.DataFrame:
    """Binary, with text, an id, a constant, missing values, and columns of people."""
    chance = np.random.default_rng(1)
    left = chance.choice(["no", "yes"], rows, p=[0.7, 0.3])
    spoken = [" ".join(chance.choice([*_WORDS[one], "the", "a", "phone", "bill"], 5)) for one in left]
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{number:06d}" for number in range(rows)],
            "months": chance.integers(1, 72, rows) - 10 * (left == "yes") + 10,
            "monthly": chance.normal(60, 15, rows).round(2) + 8 * (left == "yes"),
            "plan": chance.choice(["basic", "plus", "max"], rows),
            "gender": chance.choice(["f", "m"], rows),
            "age": chance.integers(18, 90, rows),
            "country": "NL",
            "last call": [f"{text} {number}" for number, text in enumerate(spoken)],
            "left": left,
        }
    )
    for name in ("monthly", "plan", "last call"):
        frame[name] = frame[name].astype(object).mask(chance.random(rows) < 0.1)
    return frame


def five_classes(rows: int = 700) -> pd.DataFrame:
    """Five classes, told by two of three numbers; the target is called `class`."""
    chance = np.random.default_rng(2)
    kind = chance.integers(0, 5, rows)
    return pd.DataFrame(
        {
            "width": kind + chance.normal(0, 0.8, rows),
            "height": (kind * 2 % 5) + chance.normal(0, 0.8, rows),
            "noise": chance.normal(0, 1, rows),
            "class": [f"kind {number}" for number in kind],
        }
    )


def sales(rows: int = 600) -> pd.DataFrame:
    """A number, by date, store and temperature."""
    chance = np.random.default_rng(3)
    days = [datetime(2024, 1, 1) + timedelta(days=int(day)) for day in np.sort(chance.integers(0, 700, rows))]
    warm = np.array([10 - 12 * np.cos(day.timetuple().tm_yday / 58.1) for day in days]) + chance.normal(0, 3, rows)
    weekend = np.array([day.weekday() >= 5 for day in days])
    store = chance.choice(["north", "south", "west"], rows)
    amount = 200 + 8 * warm + 90 * weekend + 40 * (store == "west") + chance.normal(0, 15, rows)
    return pd.DataFrame(
        {
            "day": [f"{day:%Y-%m-%d}" for day in days],
            "store": store,
            "celsius": warm.round(1),
            "amount": amount.round(2),
        }
    )


def wide(rows: int = 400) -> pd.DataFrame:
    """Three hundred columns, of which three tell."""
    chance = np.random.default_rng(4)
    cells = chance.normal(0, 1, (rows, 299))
    told = cells[:, 0] + cells[:, 7] - cells[:, 100] + chance.normal(0, 0.5, rows) > 0
    frame = pd.DataFrame(cells.round(4), columns=[f"x{number}" for number in range(299)])
    return frame.assign(y=np.where(told, "pos", "neg"))


def nullable(rows: int = 500) -> pd.DataFrame:
    """For Parquet: nullable integers, a boolean, a timestamp, a category; a boolean target."""
    chance = np.random.default_rng(5)
    visits = chance.integers(0, 40, rows)
    frame = pd.DataFrame(
        {
            "visits": pd.array(visits, dtype="Int64"),
            "member": pd.array(chance.random(rows) < 0.5, dtype="boolean"),
            "since": pd.to_datetime("2020-01-01") + pd.to_timedelta(chance.integers(0, 1500, rows), unit="D"),
            "tier": pd.Categorical(chance.choice(["a", "b"], rows)),
            "bought": visits + chance.normal(0, 6, rows) > 20,
        }
    )
    frame.loc[chance.random(rows) < 0.15, ["visits", "member"]] = pd.NA
    return frame


def odd_names(rows: int = 400) -> pd.DataFrame:
    """Columns with spaces, Unicode, quotes, brackets and line ends in their names."""
    chance = np.random.default_rng(6)
    size = chance.normal(0, 1, rows)
    return pd.DataFrame(
        {
            "größe in cm": size.round(4),
            'it\'s "quoted": {really}': chance.choice(["ja", "näin, on", 'say "so"'], rows),
            "价格": chance.normal(5, 1, rows).round(3),
            "- a, b #c": chance.choice(["true", "false"], rows),
            "two\nlines": chance.normal(0, 1, rows).round(3),
            "Ergebnis (ja/nein)?": np.where(size + chance.normal(0, 0.4, rows) > 0, "ja", "nein"),
        }
    )


CSVS: Mapping[str, tuple[pd.DataFrame, str]] = {
    "Churn": (churn(), "left"),
    "FiveKinds": (five_classes(), "class"),
    "Sales": (sales(), "amount"),
    "Wide": (wide(), "y"),
    "OddNames": (odd_names(), "Ergebnis (ja/nein)?"),
}


def written(name: str, folder: Path) -> tuple[Path, str]:
    """The file of a data set, and its target."""
    if name == "Nullable":
        nullable().to_parquet(folder / "n.parquet")
        return folder / "n.parquet", "bought"
    frame, target = CSVS[name]
    frame.to_csv(folder / f"{name}.csv", index=False)
    return folder / f"{name}.csv", target


NAMES = (*CSVS, "Nullable")
