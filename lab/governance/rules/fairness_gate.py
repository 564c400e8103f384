"""Whether what training audited of groups of people keeps the measure and the margin in force.

A difference counts as far as chance doesn't explain it: by the end of its 95 % interval that is nearest to none. Groups
with too few rows aren't judged, and that is said. What was judged of the champion must be judged of what follows it:
fewer held-out rows are no way around the gate.
"""

import math
from collections.abc import Iterator

from lab.governance.rules.criteria import Criteria, Fairness, allowance
from lab.governance.rules.policy import Policy
from lab.governance.rules.version_records import History, Record
from lab.models.groups import NONE, Comparison, Measured, counted_rows

_EARLIER = "it was registered before groups of people were judged"
_MISSING = "its registration names no measure for groups of people"


def fairness_of(
    record: Record, champion: Record | None, force: Criteria, history: History, policy: Policy
) -> tuple[bool, str]:
    """Whether the gate is open, and what it compared; `force` is what the version is judged by."""
    asked = record.criteria.fairness if record.criteria else None
    if asked is None:
        return _without_measure(record, history)
    protected = {*(record.criteria.protected if record.criteria else ()), *force.protected}
    if not protected:
        return True, "no column is protected, so there are no groups to compare"
    if force.fairness is None or force.fairness.measure == NONE:
        said = "groups of people aren't judged, and "
        return force.fairness is not None, said + (
            "nobody" if force.fairness is None else "somebody"
        ) + " signed for that"
    if problem := _measured_otherwise(record.measured, force.fairness):
        return False, f"{problem}: train again"
    found, measure = record.measured, force.fairness.measure
    # Where the policy says nothing of groups, a contract that does asks for more.
    margin = force.fairness.margin or ("" if policy.fairness else asked.margin)
    if found is None or not margin:
        silent = not policy.fairness
        what = f"there is no margin for {measure}, neither in the policy nor in signed criteria"
        return silent, f"{what}, so groups aren't judged" if silent else what
    return _judged(found, champion.measured if champion else None, protected, Fairness(measure, found.least, margin))


def _without_measure(record: Record, history: History) -> tuple[bool, str]:
    """One of the time before counts as it did; where one before it had a measure, the pipeline leaves none out."""
    before = history.before(record.model, record.registered.seq)
    judged = any(one.criteria and one.criteria.fairness for one in before)
    return not judged, _MISSING if judged else _EARLIER


def _measured_otherwise(found: Measured | None, force: Fairness) -> str:
    if found is None:
        return "training audited nothing of groups of people"
    if found.measure != force.measure:
        return f"training compared groups by {found.measure}, in force is {force.measure}"
    if found.least > force.least:
        return f"training compared groups of {found.least} rows and more, in force are {force.least}"
    return ""


def _judged(found: Measured, before: Measured | None, protected: set[str], force: Fairness) -> tuple[bool, str]:
    told = [_column(one, force) for one in found.columns if one.column in protected]
    told += [(True, f"{name} wasn't compared") for name in sorted(protected - {one.column for one in found.columns})]
    told += [(False, text) for text in _lost(found, before, protected, force)]
    problems = [text for good, text in told if not good]
    detail = "; ".join(problems or [text for _, text in told])
    return not problems, f"{force.measure}, at most {force.margin}: {detail}"


def _column(one: Comparison, force: Fairness) -> tuple[bool, str]:
    most = one.furthest(force.least)
    what = f"{one.column} ({one.rate})" if force.measure == "equalized_odds_difference" else one.column
    if most is None:
        return True, f"{what} not judged, fewer than two groups have {force.least} {counted_rows(one.rate)}"
    allowed, relative = allowance(force.margin) or (0, False)
    limit = float(allowed) * (one.scale if relative else 1.0)
    few = len(one.groups) - len(one.compared(force.least)) + one.few
    left = f", {few} too small to judge" if few else ""
    said = (
        f"{what} {most.difference:.3g} apart ({most.more} above {most.less}), at least {max(0.0, most.least):.3g}{left}"
    )
    # What is equal but for the last digit of a float is equal.
    within = most.least <= limit or math.isclose(most.least, limit, rel_tol=1e-9)
    return within, said + ("" if within else f", which is more than {limit:.3g}")


def _lost(found: Measured, before: Measured | None, protected: set[str], force: Fairness) -> Iterator[str]:
    """What can't be judged any more and could of the champion."""
    if before is None or before.measure != force.measure:
        return
    now = {(one.column, one.rate) for one in found.columns if one.compared(force.least)}
    for one in before.columns:
        if one.column in protected and one.compared(force.least) and (one.column, one.rate) not in now:
            yield (
                f"{one.column} was judged of the champion and can't be of this version, of which fewer than two groups "
                f"have {force.least} {counted_rows(one.rate)}: hold out more rows, or train on more"
            )
