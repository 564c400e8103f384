"""What was meant is offered where it is near, and nothing where it isn't."""

import pytest

from lab.base.similar import meant


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("aprove", "Did you mean approve? "),
        ("APPROVE", "Did you mean approve? "),
        ("list", "Did you mean identity-list? "),
        ("x", ""),
        ("", ""),
        ("weather", ""),
    ],
)
def test_what_may_be_meant(word: str, said: str) -> None:
    assert meant(word, ["approve", "identity-list", "verify-governance"]) == said
