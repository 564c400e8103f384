"""A snapshot as JSON: the versioned form that `mlops-lab --once --json` prints."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from lab.base.drift_report import DriftReport, FeatureDrift
from lab.base.model_versions import ModelVersion
from lab.base.runs import Run, Step
from lab.governance.ledger import AuditView
from lab.observe.snapshot import SCHEMA_VERSION, Slice, Snapshot

# Derived facts that a reader of the JSON would otherwise have to compute again.
DERIVED: dict[type, tuple[str, ...]] = {
    Run: ("seconds",),
    Step: ("seconds",),
    ModelVersion: ("missing_tags",),
    AuditView: ("intact",),
    DriftReport: ("detected", "drifted"),
    FeatureDrift: ("state",),
    Slice: ("state",),
}
_AS_IT_IS = frozenset({str, int, bool})


def snapshot_json(snapshot: Snapshot) -> dict[str, Any]:
    """Plain JSON values, with `schema` in front; times are epoch seconds, a number that isn't finite becomes null."""
    body: dict[str, Any] = plain(snapshot, derived=True)
    return {"schema": SCHEMA_VERSION, "overall": snapshot.overall.value, **body}


def plain(value: Any, derived: bool = False) -> Any:
    """`value` as plain JSON values; `derived` adds what follows from the rest."""
    if value is None or type(value) in _AS_IT_IS:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.decode()
    if is_dataclass(value) and not isinstance(value, type):
        names = _names(type(value), derived)
        return {name: plain(getattr(value, name), derived) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(item, derived) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, derived) for item in value]
    return value


@cache
def _names(kind: Any, derived: bool) -> tuple[str, ...]:
    return (*(field.name for field in fields(kind)), *(DERIVED.get(kind, ()) if derived else ()))
