"""Whether a version is as good as the champion: the metrics that training audited, each with the margin in force."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from lab.base.model_versions import ModelVersion
from lab.governance.rules.criteria import allowance
from lab.governance.rules.policy import METRICS
from lab.governance.rules.version_records import Record


def metrics_of(
    record: Record,
    found: ModelVersion | None,
    champion: Record | None,
    theirs: ModelVersion | None,
    margins: Mapping[str, str],
) -> tuple[bool, str]:
    """Whether the gate is open, and the values compared; `found` and `theirs` are version and champion in MLflow."""
    if altered := _altered(record, found):
        return False, "; ".join(altered)
    judged = _judged(record, champion, margins)
    if champion is None:
        ours = ", ".join(f"{name} {record.metrics.get(name, '?')}" for name in judged)
        return True, f"{ours or 'no metric is compared'}; there is no champion yet"
    if altered := _altered(champion, theirs):
        return False, f"champion {champion.version}: {'; '.join(altered)}"
    compared = [_compare(name, margin, record, champion) for name, margin in judged.items()]
    detail = "; ".join(text for _, text in compared) or "the policy compares no metric"
    return all(good for good, _ in compared), detail


def _judged(record: Record, champion: Record | None, margins: Mapping[str, str]) -> Mapping[str, str]:
    """Of the metrics that either version has; of one that no margin speaks of, the decisive metric may not be worse."""
    known = {*record.metrics, *(champion.metrics if champion else ())}
    found = {name: margin for name, margin in margins.items() if name in known}
    return found or ({record.primary: "0"} if record.primary else {})


def _altered(record: Record, found: ModelVersion | None) -> Sequence[str]:
    """Metrics of MLflow that are no longer those that training audited."""
    if found is None:
        return [f"version {record.name} isn't in the registry"]
    return [
        f"{name} is {found.metrics[name]!r} in MLflow, audited {record.metrics[name]}"
        for name in METRICS
        if name in found.metrics and name in record.metrics and str(found.metrics[name]) != record.metrics[name]
    ]


def _compare(name: str, margin: str, ours: Record, champion: Record) -> tuple[bool, str]:
    try:
        mine, theirs = Decimal(ours.metrics[name]), Decimal(champion.metrics[name])
    except (KeyError, InvalidOperation):
        mine = theirs = Decimal("NaN")
    if not (mine.is_finite() and theirs.is_finite()):
        return False, f"{name} isn't audited for both this version and champion {champion.version}"
    worse = theirs - mine if METRICS.get(name, True) else mine - theirs
    text = f"{name} {mine} against {theirs} of champion {champion.version}"
    allowed, relative = allowance(margin) or (Decimal(0), False)
    most = allowed * abs(theirs) if relative else allowed
    return worse <= most, f"{text}: {_by(worse)}, at most {margin} worse is allowed"


def _by(worse: Decimal) -> str:
    if not worse:
        return "equal"
    return f"{abs(worse)} {'worse' if worse > 0 else 'better'}"
