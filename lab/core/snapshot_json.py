"""A snapshot as JSON: the versioned form that `mlops-lab --once --json` prints."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from lab.core.drift import DriftReport, FeatureDrift
from lab.core.models import ModelVersion
from lab.core.runs import Run, Step
from lab.core.snapshot import SCHEMA_VERSION, AuditView, Slice, Snapshot

# Derived facts that a reader of the JSON would otherwise have to compute again.
_DERIVED: dict[type, tuple[str, ...]] = {
    Run: ("seconds",),
    Step: ("seconds",),
    ModelVersion: ("missing_tags",),
    AuditView: ("intact",),
    DriftReport: ("detected", "drifted"),
    FeatureDrift: ("state",),
    Slice: ("state",),
}


def snapshot_json(snapshot: Snapshot) -> dict[str, Any]:
    """Plain JSON values, with `schema` in front; times are epoch seconds, a number that isn't finite becomes null."""
    body: dict[str, Any] = _plain(snapshot)
    return {"schema": SCHEMA_VERSION, "overall": snapshot.overall.value, **body}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)] + list(_DERIVED.get(type(value), ()))
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
