"""Every rule a data set must keep, applied in pieces so that memory doesn't grow with the file."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.progress import unheard
from lab.models.contract import MIN_PER_CLASS, MIN_ROWS, Contract
from lab.models.csv_text import COLUMNS_RULE, READABLE, VALUES_RULE, Violation, inspect
from lab.training.frames import frames
from lab.training.schema import NUMBER, schema_of

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

SIZE_RULE = "has_enough_rows"
# In the order they are applied: a data set that breaks one isn't asked the next.
CHECKS = (READABLE, COLUMNS_RULE, VALUES_RULE, SIZE_RULE)
_PIECE = 50_000
_PROBLEMS = {"not_nullable": "no value"}
_DECIMAL_COMMA = re.compile(r"[-+]?[\d. '\u00a0\u202f]*,\d+(\.\d*)?")


@dataclass(frozen=True)
class Validation:
    """The outcome for one data set: rows in all and by label of the target. `checked` names the checks that were
    applied, in order; a regression has no labels.
    """

    rows: int
    classes: Mapping[str, int]
    checked: tuple[str, ...]
    violations: tuple[Violation, ...] = ()
    extra_columns: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        return not self.violations

    def of(self, check: str) -> tuple[Violation, ...]:
        """The violations that belong to one check."""
        return tuple(violation for violation in self.violations if violation.check == check)


def check_file(path: Path, contract: Contract, say: Callable[[int], object] = unheard) -> Validation:
    """Applies every rule that can be applied; columns that aren't known are ignored. Raises OSError.

    `say` is told how many rows were checked, from time to time.
    """
    shape = inspect(path, tuple(contract.columns))
    if shape.violations:
        applied = CHECKS[:1] if any(v.check == READABLE for v in shape.violations) else CHECKS[:2]
        return Validation(0, dict.fromkeys(contract.classes, 0), applied, shape.violations, shape.extra)
    broken: dict[tuple[str, str], tuple[int, str]] = {}
    rows, classes, schema = 0, Counter[str](), schema_of(contract)
    for piece in frames(path, tuple(contract.used), _PIECE):
        rows += len(piece)
        say(rows)
        if contract.classes:
            classes.update({str(label): int(times) for label, times in piece[contract.target].value_counts().items()})
        for place, count, example in _broken(schema, piece):
            seen, first = broken.get(place, (0, example))
            broken[place] = (seen + count, first)
    violations = [Violation(VALUES_RULE, *place, count, example) for place, (count, example) in broken.items()]
    violations += _size(rows, classes, contract)
    return Validation(
        rows, {label: classes[label] for label in contract.classes}, CHECKS, tuple(violations), shape.extra
    )


def _broken(schema: "pa.DataFrameSchema", piece: "pd.DataFrame") -> Iterator[tuple[tuple[str, str], int, str]]:
    """((column, problem), cells, an example) for every rule the piece breaks."""
    import pandera.pandas as pa

    try:
        schema.validate(piece, lazy=True)
    except pa.errors.SchemaErrors as err:
        for (column, check), cases in err.failure_cases.groupby(["column", "check"], sort=False):
            first = cases["failure_case"].iloc[0]
            example = "" if check == "not_nullable" else repr(str(first)[:80])
            problem = _PROBLEMS.get(str(check), str(check))
            if check == NUMBER and _DECIMAL_COMMA.fullmatch(str(first)):
                problem += " with a point for the fraction and nothing between thousands"
            yield (str(column), problem), len(cases), example


def _size(rows: int, classes: Counter[str], contract: Contract) -> Iterator[Violation]:
    if rows < MIN_ROWS:
        yield Violation(SIZE_RULE, "", f"fewer than {MIN_ROWS} rows", rows)
    for label in contract.classes:
        if classes[label] < MIN_PER_CLASS:
            problem = f"fewer than {MIN_PER_CLASS} rows with {label!r}"
            yield Violation(SIZE_RULE, contract.target, problem, classes[label])
