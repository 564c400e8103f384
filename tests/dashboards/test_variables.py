import asyncio
from typing import Any

import pytest

from lab.dashboards.asking import Asking, span_for
from lab.dashboards.model import ALL, Choice, Variable
from lab.dashboards.variables import Resolved, Scope, Span, choose, filtered, written_as
from tests.dashboards.boards import NOW, Played, board, panel

SPAN = Span(NOW - 3600, NOW, 30.0)


def resolved(name: str, *values: str, **more: Any) -> dict[str, Resolved]:
    variable = Variable(name, "query", **more)
    return {name: Resolved(variable, tuple(Choice(value, value) for value in values), values[:1])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('up{job="$job"}', 'up{job="a.b"}'),
        ('up{job="${job}"}', 'up{job="a.b"}'),
        ('up{job="[[job]]"}', 'up{job="a.b"}'),
        ('up{job=~"${job:regex}"}', 'up{job=~"a\\.b"}'),
        ("rate(x[$__rate_interval])", "rate(x[35s])"),
        ("rate(x[$__interval])", "rate(x[30s])"),
        ("increase(x[$__range])", "increase(x[1h])"),
        ("x[${__range_s}s]", "x[3600s]"),
        ("$unknown and $$ and ${", "$unknown and $$ and ${"),
        ("$jobs", "$jobs"),
    ],
)
def test_a_variable_is_written_into_a_query(text: str, expected: str) -> None:
    assert Scope(resolved("job", "a.b"), SPAN).in_query(text) == expected


def test_several_values_become_an_expression_that_matches_each() -> None:
    jobs = resolved("job", "a.b", 'c"d', multi=True)
    both = {"job": Resolved(jobs["job"].variable, jobs["job"].choices, ("a.b", 'c"d'))}
    assert Scope(both, SPAN).in_query('{job=~"$job"}') == '{job=~"(a\\\\.b|c\\"d)"}'
    assert Scope(both, SPAN).in_text("$job") == 'a.b + c"d'


def test_all_is_every_value_or_what_the_file_says() -> None:
    variable = Variable("job", "query", include_all=True)
    choices = (Choice("a", "a"), Choice("b", "b"))
    assert Scope({"job": Resolved(variable, choices, (ALL,))}).in_query("$job") == "(a|b)"
    own = Variable("job", "query", include_all=True, all_value=".*")
    assert Scope({"job": Resolved(own, choices, (ALL,))}).in_query("$job") == ".*"
    assert Scope({"job": Resolved(own, choices, (ALL,))}).in_text("$job") == "All"


def test_a_value_cannot_end_the_string_that_it_stands_in() -> None:
    scope = Scope(resolved("job", 'x"} or up{job="y\\'))
    assert scope.in_query('up{job="$job"}') == 'up{job="x\\"} or up{job=\\"y\\\\"}'


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("csv", "a,b/c"),
        ("pipe", "a|b/c"),
        ("json", '["a", "b/c"]'),
        ("glob", "{a,b/c}"),
        ("regex", "(a|b\\/c)"),
        ("doublequote", '"a","b/c"'),
        ("singlequote", "'a','b/c'"),
        ("percentencode", "a%2Cb%2Fc"),
        ("nonsense", "{a,b/c}"),
    ],
)
def test_each_form(form: str, expected: str) -> None:
    assert written_as(("a", "b/c"), form) == expected


def test_choices_are_cut_filtered_and_sorted() -> None:
    assert [one.value for one in filtered(["b:1", "a:2", "c"], "/(.*):/", 1)] == ["a", "b"]
    assert [one.value for one in filtered(["v10", "v9"], "", 3)] == ["v9", "v10"]
    assert [one.value for one in filtered(["v10", "v9"], "", 8)] == ["v10", "v9"]
    named = filtered(["host=a,ip=1"], "/host=(?<text>\\w+),ip=(?<value>\\d+)/", 0)
    assert named == (Choice("a", "1"),)
    assert filtered(["x"], "(a+)+", 0) == ()


def test_what_is_chosen_is_the_persons_then_the_files_then_the_first() -> None:
    choices = (Choice("A", "a"), Choice("B", "b"))
    variable = Variable("x", "custom", current=("b",))
    assert choose(variable, choices, ["A"]).chosen == ("a",)
    assert choose(variable, choices).chosen == ("b",)
    assert choose(Variable("x", "custom", current=("gone",)), choices).chosen == ("a",)
    assert choose(Variable("x", "query", include_all=True), choices).chosen == (ALL,)
    assert choose(variable, choices, ["not listed"]).chosen == ("not listed",)


FILE = {
    "templating": {
        "list": [
            {"name": "DS", "type": "datasource", "query": "prometheus"},
            {"name": "job", "type": "query", "query": {"query": "label_values(up, job)"}},
            {"name": "inst", "type": "query", "query": 'label_values(up{job="$job"}, instance)', "includeAll": True},
            {"name": "any", "type": "query", "query": "label_values(job)"},
            {"name": "res", "type": "query", "query": "query_result(topk(1, up))", "regex": '/job="([^"]+)"/'},
            {"name": "met", "type": "query", "query": "metrics(mlf.*)"},
            {"name": "labels", "type": "query", "query": "label_names()"},
            {"name": "own", "type": "custom", "query": "1m, five : 5m"},
            {"name": "const", "type": "constant", "query": "c"},
            {"name": "adhoc", "type": "adhoc"},
        ]
    }
}


def test_variables_are_asked_for_in_order_and_each_knows_those_before_it() -> None:
    source = Played()
    found = asyncio.run(Asking(source).variables(board(panel("stat"), **FILE).variables, {"job": ["dagster"]}, SPAN))
    assert 'instance of up{job="dagster"}' in source.asked
    assert {name: one.values for name, one in found.items()} == {
        "DS": ("prometheus",),
        "job": ("dagster",),
        "inst": ("mlflow", "dagster"),
        "any": ("mlflow",),
        "res": ("mlflow",),
        "met": ("mlflow",),
        "labels": ("job",),
        "own": ("1m",),
        "const": ("c",),
        "adhoc": (),
    }


def test_a_variable_that_cannot_be_asked_for_says_why_and_the_others_go_on() -> None:
    source = Played(faults={"instance": "no."})
    found = asyncio.run(Asking(source).variables(board(panel("stat"), **FILE).variables, {}, SPAN))
    assert found["inst"].trouble == "no."
    assert found["any"].values


def test_a_query_with_a_variable_that_is_not_there_is_not_asked() -> None:
    source = Played()
    (one,) = board(panel("timeseries", 'up{job="$nothing"}')).panels
    data = asyncio.run(Asking(source).panel(one, Scope(), 100, NOW - 3600, NOW))
    assert source.asked == []
    assert "nothing" in data.troubles[0]


@pytest.mark.parametrize(
    ("length", "columns", "least", "step"),
    [(3600, 100, "", 60), (300, 200, "", 5), (3600, 100, "5m", 300), (86_400 * 365, 20, "1s", 2_592_000)],
)
def test_steps_follow_the_width_and_the_files_least(length: float, columns: int, least: str, step: float) -> None:
    assert span_for(NOW - length, NOW, columns, least).step_s == step


def test_a_variable_without_values_is_empty_and_said_where_nothing_came() -> None:
    source = Played(jobs=())
    read = board(
        panel("timeseries", 'up{cluster=~"$cluster"}'),
        templating={
            "list": [{"name": "cluster", "type": "query", "query": "label_values(cluster)", "includeAll": True}]
        },
    )
    asking = Asking(source)
    scope = Scope(asyncio.run(asking.variables(read.variables, {}, SPAN)), SPAN)
    data = asyncio.run(asking.panel(read.panels[0], scope, 100, NOW - 3600, NOW))
    assert 'up{cluster=~""}' in source.asked
    assert "cluster" in data.answers[0].warnings[0]


def test_a_query_is_not_asked_when_its_variable_could_not_be() -> None:
    source = Played(faults={"cluster": "Prometheus is away."})
    read = board(
        panel("timeseries", 'up{c="$c"}'),
        templating={"list": [{"name": "c", "type": "query", "query": "label_values(cluster)"}]},
    )
    asking = Asking(source)
    scope = Scope(asyncio.run(asking.variables(read.variables, {}, SPAN)), SPAN)
    data = asyncio.run(asking.panel(read.panels[0], scope, 100, NOW - 3600, NOW))
    assert "Prometheus is away." in data.troubles[0]
