"""A drift as it happens: the same bank in a downturn, made from the baseline's own rows."""

import csv
import io
import random
from collections.abc import Iterable, Mapping, Sequence

from lab.base.dataset import BAD, COLUMNS, TARGET

_SEED = 1931


def downturn(rows: Iterable[Mapping[str, str]]) -> bytes:
    """A CSV of as many applications, drawn anew: more bad ones, larger and longer loans, thinner accounts.

    Deterministic; every value stays within what the schema allows.
    """
    chance = random.Random(_SEED)
    population = list(rows)
    weights = [3.0 if row[TARGET] == BAD else 1.0 for row in population]
    drawn = chance.choices(population, weights=weights, k=len(population))
    return _csv([_strained(row, chance) for row in drawn])


def _strained(row: Mapping[str, str], chance: random.Random) -> dict[str, str]:
    changed = {name: row[name] for name in COLUMNS}
    changed["credit_amount"] = str(min(20_000, round(float(row["credit_amount"]) * chance.uniform(1.2, 2.2))))
    changed["duration_in_month"] = str(min(72, round(float(row["duration_in_month"]) * chance.uniform(1.0, 1.8))))
    if chance.random() < 0.45:
        changed["status_of_existing_checking_account"] = "... < 0 DM"
    if chance.random() < 0.5:
        changed["savings_account_and_bonds"] = "... < 100 DM"
    if chance.random() < 0.3:
        changed["present_employment_since"] = "unemployed"
    return changed


def _csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
