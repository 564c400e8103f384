"""What may be a name, how anything else is kept and shown, and who counts as one person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.base.names import LONGEST_NAME, name_problem, person, same_person, shown, storable
from lab.governance.ledger import canonical

ANYTHING = st.text(st.characters(), max_size=300)


@pytest.mark.parametrize(
    "name", ["ann", "Ann O'Neil", "Łukasz 山田 🙂", "DOMAIN\\user", "a=b#c ${HOME}", "नेहा", "Élodie", "x" * 200]
)
def test_whatever_people_are_called_is_a_name(name: str) -> None:
    assert name_problem(name) == ""
    assert shown(name) == name


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" \u00a0", "is empty"),
        ("x" * 201, "has 201 characters"),
        (" ann", "blanks"),
        ("ann\n", "blanks"),
        ("a\0b", "U+0000"),
        ("a\x1b[31m", "U+001B"),
        ("\ud800", "U+D800"),
        ("\ue000", "U+E000"),
        ("\u0378", "U+0378"),
        ("\ufffe", "U+FFFE"),
        ("an\u200dn", "U+200D"),
        ("\u202eann", "U+202E"),
        ("an\u00a0n", "U+00A0"),
        ("an\u2028n", "U+2028"),
        ("an\ufe0fn", "U+FE0F"),
        ("an\u3164n", "U+3164"),
        ("an\u2800n", "U+2800"),
        ("e\u0301va", "NFC"),
        ("\u212bsa", "NFC"),
    ],
)
def test_what_cannot_be_kept_shown_and_compared_is_no_name(text: str, problem: str) -> None:
    assert problem in name_problem(text)


@given(ANYTHING)
def test_any_claim_can_be_shown_and_kept(claim: str) -> None:
    text = shown(claim)
    canonical(text)
    assert len(text) <= LONGEST_NAME
    assert not text.strip() or text.strip().isprintable()
    assert shown(text.strip()) == text.strip() or name_problem(claim)


@given(ANYTHING)
def test_what_is_storable_is_text_without_nul(claim: str) -> None:
    assert "\0" not in storable(claim)
    canonical(storable(claim))
    assert storable(storable(claim)) == storable(claim)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Data-Scientist@Example.com", "data-scientist@example.com"),
        ("\uff41lice@example.com", "alice@example.com"),
        ("Straße", "STRASSE"),
        ("E\u0301va", "éVA"),
        ("Ann  Lee", "ann\u00a0lee"),
        ("an\u200bn", "ann"),
        ("ann\ufe0f", "ann"),
        ("ann@example.com.", "ann@example.com"),
        ("bob@xn--bcher-kva.example", "Bob@BÜCHER.example"),
        ("İrem", "irem"),
        ("\ufb01ona", "fiona"),
    ],
)
def test_spellings_of_one_name_are_one_person(one: str, other: str) -> None:
    assert same_person(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ann", "anna"), ("ann@a.example", "ann@b.example"), ("José", "Jose"), ("रमा", "राम"), ("ann@xn--", "ann@")],
)
def test_different_names_are_different_people(one: str, other: str) -> None:
    assert not same_person(one, other)


@given(ANYTHING)
def test_the_form_for_comparing_is_stable(name: str) -> None:
    assert person(person(name)) == person(name)
