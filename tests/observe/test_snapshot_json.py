"""A snapshot as JSON: its schema, and the way there and back."""

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from docs import schema
from lab.governance.ledger import Entry
from lab.observe.snapshot import SCHEMA_VERSION, Slice, Snapshot
from lab.observe.snapshot_decode import SnapshotInvalid, field_types, snapshot_from_json
from lab.observe.snapshot_json import snapshot_json
from lab.observe.snapshot_schema import snapshot_schema
from tests.screen import snapshots

VALIDATOR = Draft202012Validator(snapshot_schema())
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that snapshots are made of."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return _JSON
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(st.text(max_size=5), values(arguments[1]), max_size=2)
    if type(None) in arguments:
        return st.none() | values(arguments[0])
    if origin is Slice:
        part = st.fixed_dictionaries({name: values(hint) for name, hint in slice_types(kind).items()})
        return part.map(lambda given: Slice(**given))
    if hasattr(kind, "__dataclass_fields__"):
        return st.builds(kind, **{name: values(hint) for name, hint in field_types(kind, {}).items()})
    return st.from_type(kind)


def slice_types(kind: Any) -> dict[str, Any]:
    return field_types(Slice, dict(zip(Slice.__parameters__, get_args(kind), strict=True)))  # type: ignore[attr-defined]


def through_json(snapshot: Snapshot) -> Any:
    return json.loads(json.dumps(snapshot_json(snapshot), allow_nan=False))


@given(values(Snapshot))
def test_any_snapshot_survives_the_way_there_and_back(snapshot: Snapshot) -> None:
    document = through_json(snapshot)
    VALIDATOR.validate(document)
    assert snapshot_from_json(document) == snapshot


@pytest.mark.parametrize("state", snapshots.ALL)
def test_a_lab_in_every_state_fits_the_schema(state: str) -> None:
    document = through_json(snapshots.ALL[state])
    VALIDATOR.validate(document)
    assert snapshot_from_json(document) == snapshots.ALL[state]


def test_the_schema_in_docs_is_the_one_that_is_written() -> None:
    path = schema.ROOT / "docs" / "snapshot-schema.json"
    assert path.read_text() == schema.text(path.name), "type `python docs/schema.py`"
    Draft202012Validator.check_schema(snapshot_schema())


def test_every_field_is_described_by_the_schema_and_every_object_by_words() -> None:
    document = snapshot_schema()
    assert set(document["required"]) == {"schema", "overall"} | {f.name for f in fields(Snapshot)}
    assert set(document["$defs"]["Entry"]["properties"]) == {f.name for f in fields(Entry)}
    assert all(kind["description"] for kind in document["$defs"].values())


def test_a_number_that_is_not_finite_comes_back_as_no_number() -> None:
    version = replace(snapshots.MODELS[0], metrics={"auc": math.inf})
    odd = replace(snapshots.HEALTHY, models=Slice((version,), snapshots.NOW))
    document = through_json(odd)
    VALIDATOR.validate(document)
    (found,) = snapshot_from_json(document).models.value or ()
    assert math.isnan(found.metrics["auc"])


def test_what_a_later_version_of_the_schema_adds_is_left_out() -> None:
    document = through_json(snapshots.HEALTHY) | {"weather": "fine"}
    document["services"]["value"][0]["mood"] = {"now": "good"}
    VALIDATOR.validate(document)
    assert snapshot_from_json(document) == snapshots.HEALTHY


def test_what_an_earlier_writer_did_not_know_has_its_default() -> None:
    document = through_json(snapshots.HEALTHY)
    del document["services"]["value"][0]["pid"]
    first = (snapshot_from_json(document).services.value or ())[0]
    assert first == replace(snapshots.SERVICES[0], pid=None)


WRONG: dict[str, tuple[Any, str]] = {
    "no object": ([], "This is no snapshot of a lab."),
    "no schema": ({"taken_at": 1.0}, "This is no snapshot of a lab."),
    "another document with a schema": ({"schema": 1}, "This is no snapshot of a lab."),
    "a newer schema": ({"schema": SCHEMA_VERSION + 1, "taken_at": 1.0}, "newer than"),
    "an older schema": ({"schema": 0, "taken_at": 1.0}, "older than"),
    "a missing part": ({"schema": SCHEMA_VERSION, "taken_at": 1.0}, "the document has no lab"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_document_that_is_no_snapshot_is_refused(name: str) -> None:
    document, reason = WRONG[name]
    with pytest.raises(SnapshotInvalid, match=reason):
        snapshot_from_json(document)


SPOILT: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "text for a number": (("taken_at",), "now", "taken_at is no number"),
    "a boolean for a number": (
        ("services", "value", 0, "latency_s"),
        True,
        r"services.value\[0\].latency_s is no number",
    ),
    "a number for text": (("lab", "name"), 7, "lab.name is no text"),
    "a fraction for an integer": (("audit", "value", "length"), 1.5, "audit.value.length is no integer"),
    "an integer for a boolean": (("services", "value", 0, "optional"), 0, "optional is no boolean"),
    "an unknown word": (
        ("services", "value", 1, "health"),
        "fine",
        r"services.value\[1\].health is 'fine', none of up,",
    ),
    "an object for a list": (("services", "value"), {}, "services.value is no list"),
    "a list for an object": (("runs", "value"), [], "runs.value is no object"),
    "text for tags": (("models", "value", 0, "tags"), "", r"models.value\[0\].tags is no object"),
    "a number beyond measure": (("taken_at",), 10**400, "taken_at is too great a number"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_wrong_type_is_refused_with_its_place(name: str) -> None:
    steps, value, reason = SPOILT[name]
    document = place = through_json(snapshots.HEALTHY)
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = value
    with pytest.raises(SnapshotInvalid, match=reason):
        snapshot_from_json(document)


def test_new_fields_have_defaults_so_that_older_documents_can_be_read() -> None:
    """What schema 1 began with may be required; whatever was added since must not be."""
    needed = {
        kind.__name__: {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
        for kind in (Snapshot, *(type(v[0]) for v in (snapshots.SERVICES, snapshots.MODELS, snapshots.RUNS)))
    }
    assert needed == {
        "Snapshot": {"taken_at", "lab"},
        "ServiceState": {"name", "title", "health"},
        "ModelVersion": {"name", "version", "created_at"},
        "Run": {"run_id", "job", "status"},
    }


def test_a_document_of_the_first_schema_is_read_though_its_drift_was_one_report() -> None:
    document = through_json(snapshots.DRIFTED)
    document["drift"]["value"] = document["drift"]["value"][0]
    assert snapshot_from_json(document | {"schema": 1}) == snapshots.DRIFTED
    waiting = through_json(snapshots.WAITING) | {"schema": 1}
    assert snapshot_from_json(waiting) == snapshots.WAITING
