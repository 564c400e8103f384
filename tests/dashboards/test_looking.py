"""What a person types to see a dashboard: a range of time, and values of its variables."""

import pytest

from lab.base.errors import UsageError
from lab.dashboards.looking import Times, read_times, read_values
from lab.dashboards.model import Dashboard, Variable

BOARD = Dashboard("Drift", variables=(Variable("model", "query"), Variable("job", "query")))


def test_a_range_is_a_length_or_two_ends() -> None:
    assert read_times("90m") == Times("now-90m", "now")
    assert read_times("now-6h..now-1h") == Times("now-6h", "now-1h")


@pytest.mark.parametrize("text", ["", "abc", "0m", "-5m", "400d", "2000y", "now..now-1h", "5s"])
def test_what_is_no_range_is_told_with_the_limits(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no range between 10 s and a year\..*Type it as 15m"):
        read_times(text)


def test_values_belong_to_variables_of_the_dashboard() -> None:
    assert read_values(["model=A", "job=b=c", " model =B"], BOARD) == {"model": ["A", "B"], "job": ["b=c"]}
    with pytest.raises(UsageError, match=r"Drift has no variable 'modle'\..*Did you mean model\? It has model, job\."):
        read_values(["modle=A"], BOARD)
    with pytest.raises(UsageError, match=r"'x'\..*It has none\."):
        read_values(["x=1"], Dashboard("Empty"))
    with pytest.raises(UsageError, match="isn't NAME=VALUE"):
        read_values(["model"], BOARD)
