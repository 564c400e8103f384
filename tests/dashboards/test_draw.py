"""Panels as text: what is read off them, and that each has exactly the room that it was given."""

import asyncio
from math import nan
from typing import Any

import pytest

from lab.base.monitoring import Series
from lab.dashboards.answers import Answer, PanelData, named
from lab.dashboards.asking import Asking
from lab.dashboards.drawing.draw import draw
from lab.dashboards.drawing.draw_lines import View
from lab.dashboards.drawing.draw_states import apart
from lab.dashboards.drawing.ink import Lines, width_of
from lab.dashboards.grid import bottom_of, lay_out, repeated
from lab.dashboards.model import Panel, Target
from lab.dashboards.variables import Scope, Span
from tests.dashboards.boards import NOW, Played, at, board, panel

ROOM = View(60, 12, NOW - 3600, NOW)
SIZES = [(1, 1), (2, 2), (7, 3), (16, 4), (40, 8), (120, 40)]


def text(lines: Lines) -> str:
    return "\n".join("".join(ink.text for ink in line).rstrip() for line in lines)


def told(one: Panel, *series: Series, **more: Any) -> PanelData:
    return PanelData(tuple(Answer(target, series) for target in one.targets), NOW, **more)


def values(*pairs: tuple[str, float]) -> list[Series]:
    return [Series({"job": job}, (NOW,), (value,)) for job, value in pairs]


def picture(kind: str, *series: Series, view: View = ROOM, **more: Any) -> str:
    (one,) = board(panel(kind, **more)).panels
    return text(draw(one, told(one, *series), Scope(), view))


KINDS = ["timeseries", "stat", "gauge", "bargauge", "table", "state-timeline", "heatmap", "text", "geomap"]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_panel_fills_its_room_exactly(kind: str, size: tuple[int, int]) -> None:
    (one,) = board(panel(kind, options={"content": "# Title\n\ntext 漢字 " * 9})).panels
    wide = Series({"job": "漢字 [red]"}, *zip(*((NOW - 60 * n, float(n)) for n in range(50, 0, -1)), strict=True))
    odd = Series({"job": "odd"}, (NOW - 20, NOW - 10, NOW), (nan, float("inf"), -1.0))
    for given in ((wide, odd), (wide,), (), (odd,)):
        for data in (told(one, *given), PanelData((Answer(Target("A", "up"), trouble="broken " * 30),), NOW), None):
            lines = draw(one, data, Scope(), View(*size, NOW - 3600, NOW))
            assert [width_of(line) for line in lines] == [size[0]] * size[1], kind


def test_a_line_has_axes_with_units_and_a_legend_with_the_newest_values() -> None:
    one = asyncio.run(Played(["mlflow"]).query_range("up", NOW - 3600, NOW, 60))[0][0]
    shown = picture("timeseries", one, fieldConfig={"defaults": {"unit": "percent", "min": 0, "max": 100}})
    assert "100%┤" in shown
    assert "━ mlflow " in shown
    assert ":00" in shown  # a time on the axis
    assert any("\u2801" <= char <= "\u28ff" for char in shown)


def test_no_line_joins_points_with_a_gap_between() -> None:
    times = tuple(NOW - 3600 + 60 * n for n in range(60) if not 20 < n < 40)
    shown = picture("timeseries", Series({}, times, tuple(1.0 for _ in times)))
    line = max(shown.splitlines(), key=lambda one: sum(char >= "\u2801" for char in one))
    assert "   " in line.strip()


def test_a_stat_shows_the_text_in_place_of_its_value() -> None:
    mapped = {"defaults": {"mappings": [{"type": "value", "options": {"0": {"text": "down"}}}]}}
    assert "down" in picture("stat", *values(("a", 0.0)), fieldConfig=mapped)


def test_the_colour_follows_the_thresholds() -> None:
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 80}]
    (one,) = board(
        panel("stat", fieldConfig={"defaults": {"thresholds": {"steps": steps}, "color": {"mode": "thresholds"}}})
    ).panels
    looks = {ink.look for line in draw(one, told(one, *values(("a", 90.0))), Scope(), ROOM) for ink in line}
    assert any("#F2495C" in look for look in looks)


def test_bars_are_named_and_measured_against_each_other() -> None:
    shown = picture("bargauge", *values(("a", 50.0), ("b", 100.0)))
    first, second = (line for line in shown.splitlines() if "█" in line)
    assert first.startswith("a ")
    assert second.count("█") == pytest.approx(2 * first.count("█"), abs=2)


def test_a_table_is_organised_as_the_file_says() -> None:
    steps = [
        {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True},
                "renameByName": {"job": "service"},
                "indexByName": {"Value": 0, "job": 1},
            },
        },
        {"id": "nobodysTransformation", "options": {}},
    ]
    targets = [{"refId": "A", "expr": "up", "format": "table", "instant": True}]
    (one,) = board(panel("table", targets=targets, transformations=steps)).panels
    shown = text(draw(one, told(one, *values(("a", 1.0))), Scope(), ROOM)).splitlines()
    assert shown[0].split() == ["Value", "service"]
    assert shown[1].split() == ["1", "a"]


def test_states_have_their_colours_and_their_words() -> None:
    series = Series(
        {"job": "mlflow"}, tuple(NOW - 3600 + 60 * n for n in range(61)), tuple(float(n > 30) for n in range(61))
    )
    mapped = {"defaults": {"mappings": [{"type": "value", "options": {"0": {"text": "down"}, "1": {"text": "up"}}}]}}
    shown = picture("state-timeline", series, fieldConfig=mapped)
    assert "█ down" in shown
    assert "█ up" in shown


def test_a_heat_map_has_its_lowest_bucket_at_the_bottom() -> None:
    buckets = [Series({"le": bound}, (NOW - 60, NOW), (1.0, 2.0)) for bound in ("+Inf", "0.1", "10")]
    targets = [{"refId": "A", "expr": "x", "legendFormat": "{{le}}", "format": "heatmap"}]
    lines = picture("heatmap", *buckets, targets=targets).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["+Inf", "10", "0.1"]


def test_buckets_of_prometheus_are_taken_apart() -> None:
    targets = [{"refId": "A", "expr": "x", "legendFormat": "{{le}}", "format": "heatmap"}]
    (one,) = board(panel("heatmap", targets=targets)).panels
    buckets = [Series({"le": bound}, (NOW,), (value,)) for bound, value in (("+Inf", 9.0), ("10", 9.0), ("0.1", 4.0))]
    found = apart(named(one, told(one, *buckets).answers))
    assert [(each.name, each.series.values) for each in found] == [("0.1", (4.0,)), ("10", (5.0,)), ("+Inf", (0.0,))]


@pytest.mark.parametrize(
    ("data", "words"),
    [(None, "waiting"), (PanelData(asked_at=NOW), "no data")],
)
def test_not_yet_and_nothing_look_different(data: PanelData | None, words: str) -> None:
    (one,) = board(panel("timeseries")).panels
    assert words in text(draw(one, data, Scope(), ROOM))


def test_an_error_of_a_query_stands_in_its_panel() -> None:
    (one,) = board(panel("timeseries", "bad(")).panels
    data = asyncio.run(
        Asking(Played(faults={"bad": "Prometheus: parse error."})).panel(one, Scope(), 50, NOW - 60, NOW)
    )
    assert "Prometheus: parse error." in text(draw(one, data, Scope(), ROOM))


def test_a_query_that_fails_beside_one_that_does_not_is_a_note() -> None:
    targets = [{"refId": "A", "expr": "good"}, {"refId": "B", "expr": "bad"}]
    (one,) = board(panel("timeseries", targets=targets)).panels
    data = asyncio.run(Asking(Played(faults={"bad": "no."})).panel(one, Scope(), 50, NOW - 3600, NOW))
    shown = text(draw(one, data, Scope(), ROOM))
    assert "! no." in shown
    assert "━" in shown


def test_markup_in_a_text_panel_is_text_and_tags_are_gone() -> None:
    shown = picture(
        "text", options={"mode": "markdown", "content": "**bold** [red]x[/] <script>alert(1)</script>[go](http://x)"}
    )
    assert "[red]x[/]" in shown
    assert "alert" not in shown
    assert "go" in shown


@pytest.mark.parametrize("kind", [*KINDS, "stat"])
def test_what_prometheus_says_cannot_steer_the_terminal_either(kind: str) -> None:
    told_names = ("a\x1b[31m", "b\u202e\n")
    targets = [{"refId": "A", "expr": "up", "format": "table", "instant": True}, {"refId": "B", "expr": "bad"}]
    (one,) = board(panel(kind, title="$job", targets=targets)).panels
    source = Played(told_names, faults={"bad": "Prometheus: \x1b[2J gone."})
    read = board(panel(kind), templating={"list": [{"name": "job", "type": "query", "query": "label_values(job)"}]})
    asking = Asking(source)
    span = Span(NOW - 3600, NOW)
    scope = Scope(asyncio.run(asking.variables(read.variables, {}, span)), span)
    data = asyncio.run(asking.panel(one, scope, 50, NOW - 3600, NOW))
    shown = text(draw(one, data, scope, ROOM)) + scope.in_text("$job") + scope.variables["job"].shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


# --- where panels stand ---

BOARD = board(
    panel("stat", **at(0, 0, 6, 4)),
    panel("stat", **at(6, 0, 6, 4)),
    panel("graph", **at(12, 0, 12, 8)),
    panel("stat", **at(0, 4, 12, 4)),
    {
        "type": "row",
        "title": "shut",
        "collapsed": True,
        "panels": [panel("graph", **at(0, 10, 24, 8))],
        **at(0, 9, 24, 1),
    },
)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200, 400])
def test_panels_stay_within_the_width_and_do_not_overlap(width: int) -> None:
    placed = lay_out(BOARD.panels, width, {"p4"})
    cells = [
        (x, y) for one in placed for x in range(one.x, one.x + one.width) for y in range(one.y, one.y + one.height)
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < width
    assert len(placed) == 6


def test_a_wide_terminal_shows_the_grid_and_a_narrow_one_stacks() -> None:
    wide = lay_out(BOARD.panels, 200)
    assert [(one.x, one.y) for one in wide[:4]] == [(0, 0), (50, 0), (100, 0), (0, 6)]
    narrow = lay_out(BOARD.panels, 40)
    assert {one.x for one in narrow if one.panel.kind == "timeseries"} == {0}


def test_a_closed_row_takes_one_line_until_it_is_opened() -> None:
    shut = lay_out(BOARD.panels, 100)
    assert (shut[-1].height, shut[-1].open) == (1, False)
    assert bottom_of(lay_out(BOARD.panels, 100, {shut[-1].panel.key})) > bottom_of(shut)


def test_a_panel_is_repeated_for_each_value() -> None:
    (row,) = board(
        {
            "type": "row",
            "title": "$job",
            "repeat": "job",
            "panels": [panel("stat", **at(0, 1, 6, 4))],
            "collapsed": True,
            **at(0, 0, 24, 1),
        }
    ).panels
    found = repeated([row], {"job": ("a", "b")})
    assert [one.scope for one in found] == [{"job": "a"}, {"job": "b"}]
    assert [Scope().within(one.panels[0].scope).in_query("$job") for one in found] == ["a", "b"]
    assert len({one.key for one in found} | {one.panels[0].key for one in found}) == 4
    side = repeated(board(panel("stat", repeat="job")).panels, {"job": ("a", "b", "c")})
    assert len({(one.grid.x, one.grid.y) for one in side}) == 3


def test_cells_of_a_table_have_colours_only_where_the_file_says_so() -> None:
    steps = {"steps": [{"color": "red", "value": None}]}
    targets = [{"refId": "A", "expr": "up", "format": "table", "instant": True}]
    for options, colours in (({}, set()), ({"cellOptions": {"type": "color-text"}}, {"#F2495C"})):
        defaults = {"thresholds": steps, "color": {"mode": "thresholds"}, "custom": options}
        (one,) = board(panel("table", targets=targets, fieldConfig={"defaults": defaults})).panels
        looks = {ink.look for line in draw(one, told(one, *values(("a", 1.0))), Scope(), ROOM) for ink in line}
        assert {look for look in looks if look.startswith("#")} == colours
