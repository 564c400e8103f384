"""Tags of the registry are claims: read with bounds, compared with the trail, never evidence against it."""

import pytest

from lab.base.model_versions import ModelVersion
from lab.base.names import GREATEST, in_order, whole_number
from lab.governance.ledger import Entry, Status, seal
from lab.governance.rules.registry_tags import RegistryClaims, named_entries, named_number
from tests.support.contracts import MODEL_NAME

HASH = "a" * 64


def version(seq: str, digest: str = HASH, number: str = "1") -> ModelVersion:
    return ModelVersion(MODEL_NAME, number, 1.0, tags={"decision_seq": seq, "decision_hash": digest})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("007", 7),
        ("0", 0),
        (str(GREATEST), GREATEST),
        (str(GREATEST + 1), None),
        ("9" * 4500, None),
        ("0" * 4500 + "7", 7),
        ("²", None),
        ("٣", None),
        ("-1", None),
        ("1e3", None),
        ("", None),
    ],
    ids=lambda value: str(value)[:15],
)
def test_a_whole_number_is_read_with_bounds(text: str, number: int | None) -> None:
    assert whole_number(text) == number


def test_what_is_no_number_sorts_before_numbers() -> None:
    assert sorted(["10", "9", "9" * 4500, "x"], key=in_order) == ["9" * 4500, "x", "9", "10"]


@pytest.mark.parametrize(
    ("seq", "digest"),
    [("9" * 4500, HASH), ("x", HASH), ("0", HASH), ("", HASH), ("7", ""), ("7", "b")],
    ids=["endless", "no number", "zero", "none", "no hash", "short hash"],
)
def test_a_tag_that_can_name_no_entry_names_none_and_is_shown_short(seq: str, digest: str) -> None:
    [named] = named_entries(version(seq, digest))
    assert named.head is None
    [problem] = RegistryClaims([version(seq, digest)]).problems
    assert "MLflow's tag decision_seq of version 1 of" in problem
    assert len(problem) < 300
    assert named_number(version("9" * 4500), "decision") == 0


def test_claims_are_told_from_what_the_trail_has() -> None:
    first = seal(Entry("a", Status.SUCCESS, "ann", "r", "dev", "t"), None)
    second = seal(Entry("b", Status.SUCCESS, "ann", "r", "dev", "t"), first)
    claims = RegistryClaims([version("2", second.hash), version("1", HASH, "2"), version("9", HASH, "3")])
    for entry in (first, second):
        claims.see(entry)
    assert [(head.seq, head.hash) for head in claims.agreed] == [(2, second.hash)]
    assert [problem.partition(" says")[0] for problem in claims.problems] == [
        "MLflow's tag decision_seq of version 2 of CreditRiskModel",
        "MLflow's tag decision_seq of version 3 of CreditRiskModel",
    ]
