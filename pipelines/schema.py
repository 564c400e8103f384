"""What a credit application may look like: allowed values of every column, as a pandera schema over text cells."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.base.dataset import BAD, CATEGORICAL, GOOD, NUMERIC, TARGET

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

# Lowest and highest plausible value; wider than the data seen so far, so that a drift is found as drift.
RANGES: dict[str, tuple[float, float]] = {
    "duration_in_month": (1, 120),
    "credit_amount": (1, 1_000_000),
    "installment_rate_in_percentage_of_disposable_income": (1, 4),
    "present_residence_since": (1, 4),
    "age_in_years": (18, 120),
    "number_of_existing_credits_at_this_bank": (0, 20),
    "number_of_people_being_liable_to_provide_maintenance_for": (0, 20),
}
CATEGORIES: dict[str, tuple[str, ...]] = {
    "status_of_existing_checking_account": (
        "... < 0 DM",
        "... >= 200 DM / salary assignments for at least 1 year",
        "0 <= ... < 200 DM",
        "no checking account",
    ),
    "credit_history": (
        "all credits at this bank paid back duly",
        "critical account/ other credits existing (not at this bank)",
        "delay in paying off in the past",
        "existing credits paid back duly till now",
        "no credits taken/ all credits paid back duly",
    ),
    # The last label has no row in the sample, but the data set's description has it.
    "purpose": (
        "business",
        "car (new)",
        "car (used)",
        "domestic appliances",
        "education",
        "furniture/equipment",
        "others",
        "radio/television",
        "repairs",
        "retraining",
        "vacation",
    ),
    "savings_account_and_bonds": (
        "... < 100 DM",
        "... >= 1000 DM",
        "100 <= ... < 500 DM",
        "500 <= ... < 1000 DM",
        "unknown/ no savings account",
    ),
    "present_employment_since": (
        "... < 1 year",
        "... >= 7 years",
        "1 <= ... < 4 years",
        "4 <= ... < 7 years",
        "unemployed",
    ),
    "personal_status_and_sex": (
        "female : divorced/separated/married",
        "female : single",
        "male : divorced/separated",
        "male : married/widowed",
        "male : single",
    ),
    "other_debtors_or_guarantors": ("co-applicant", "guarantor", "none"),
    "property": (
        "building society savings agreement/ life insurance",
        "car or other, not in attribute Savings account/bonds",
        "real estate",
        "unknown / no property",
    ),
    "other_installment_plans": ("bank", "none", "stores"),
    "housing": ("for free", "own", "rent"),
    "job": (
        "management/ self-employed/ highly qualified employee/ officer",
        "skilled employee / official",
        "unemployed/ unskilled - non-resident",
        "unskilled - resident",
    ),
    "telephone": ("none", "yes, registered under the customers name"),
    "foreign_worker": ("no", "yes"),
}
NUMBER = "is a number"


def applications_schema() -> "pa.DataFrameSchema":
    """The schema. It reads cells as text, so that a value of the wrong type is a violation and never a crash."""
    import pandera.pandas as pa

    columns = {name: _numeric(*RANGES[name]) for name in NUMERIC}
    columns |= {name: _one_of(CATEGORIES[name]) for name in CATEGORICAL}
    columns[TARGET] = _one_of((GOOD, BAD))
    return pa.DataFrameSchema(columns, strict="filter")


def _numeric(low: float, high: float) -> "pa.Column":
    import pandera.pandas as pa

    number = pa.Check(lambda cells: numbers_of(cells).notna(), error=NUMBER)
    return pa.Column(
        nullable=False, checks=[number, pa.Check(_within(low, high), error=f"lies in {low:g} to {high:g}")]
    )


def _one_of(labels: tuple[str, ...]) -> "pa.Column":
    import pandera.pandas as pa

    return pa.Column(nullable=False, checks=[pa.Check.isin(labels, error="is a known category")])


def _within(low: float, high: float) -> "Callable[[pd.Series[str]], pd.Series[bool]]":
    def check(cells: "pd.Series[str]") -> "pd.Series[bool]":
        numbers = numbers_of(cells)
        # What isn't a number at all has broken the other rule already.
        return numbers.isna() | numbers.between(low, high)

    return check


def numbers_of(cells: "pd.Series[str]") -> "pd.Series[float]":
    """Text as numbers, NaN where it is none."""
    import pandas as pd

    return pd.to_numeric(cells, errors="coerce").astype("float64")
