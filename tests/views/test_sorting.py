"""Rows in the order that a person asks for."""

import pytest

from lab.views import PARTS, View
from lab.views.cells import Cell, Column, Row, Span, cell
from lab.views.sorting import Order, in_order, next_order, sort_key
from tests.screen import snapshots


def rows(*texts: str) -> tuple[Row, ...]:
    return tuple(Row(text, {"value": cell(text)}) for text in texts)


@pytest.mark.parametrize(
    "texts",
    [
        ("4ms", "340ms", "0.9s", "2.1s"),
        ("now", "8s", "5m", "3h", "12d"),
        ("0.4s", "12s", "3m05s", "2h10m", "4d03h"),
        ("812K", "41M", "1.2G"),
        ("▼ -0.010", "= 0.000", "▲ +0.002", "▲ +0.120"),
        ("2", "11", "1,000"),
        ("○ absent", "▲ Degraded", "● up"),
    ],
    ids=" ".join,
)
def test_figures_sort_by_value_and_words_by_letters(texts: tuple[str, ...]) -> None:
    shuffled = rows(*texts[::-1])
    assert [row.key for row in in_order(shuffled, Order("value"))] == list(texts)
    assert [row.key for row in in_order(shuffled, Order("value", down=True))] == list(texts[::-1])


@pytest.mark.parametrize("down", [False, True])
def test_rows_without_a_value_come_last_and_pinned_ones_first(down: bool) -> None:
    given = (*rows("–", "5", "7"), Row("none", {}), Row("alert", {"value": cell("6")}, pinned=True))
    found = [row.key for row in in_order(given, Order("value", down))]
    assert found[0] == "alert"
    assert set(found[-2:]) == {"–", "none"}


def test_equal_rows_keep_their_order() -> None:
    given = tuple(Row(key, {"value": cell("same")}) for key in "abc")
    assert [row.key for row in in_order(given, Order("value"))] == ["a", "b", "c"]
    assert in_order(given, None) == given


def test_bars_sort_by_how_full_they_are_and_cells_by_what_they_are_told() -> None:
    full = Cell((Span(""),), fill=0.9)
    assert sort_key(full) == (0, 0.9, "")
    assert sort_key(Cell((Span("Nov 23"),), order=17.0)) == (0, 17.0, "")


COLUMNS = (Column("name", "name"), Column("empty", "empty"), Column("size", "size", right=True))


def test_the_key_walks_through_the_columns_that_can_be_compared_and_back_to_none() -> None:
    given = (Row("a", {"name": cell("a"), "size": cell("1")}),)
    first = next_order(None, COLUMNS, given)
    assert first == Order("name", down=False)
    second = next_order(first, COLUMNS, given)
    assert second == Order("size", down=True)
    assert next_order(second, COLUMNS, given) is None
    assert next_order(Order("gone"), COLUMNS, given) == first


@pytest.mark.parametrize("part", PARTS)
def test_every_column_of_every_panel_sorts_and_loses_no_row(part: str) -> None:
    panel = PARTS[part].panel(View(snapshots.DRIFTED, snapshots.CLOCK))
    for column in panel.columns:
        for down in (False, True):
            found = in_order(panel.rows, Order(column.key, down))
            assert sorted(row.key for row in found) == sorted(row.key for row in panel.rows)


def test_times_of_the_audit_trail_sort_across_midnight() -> None:
    panel = PARTS["audit"].panel(View(snapshots.DRIFTED, snapshots.CLOCK))
    found = [int(row.key) for row in in_order([row for row in panel.rows if not row.heading], Order("time"))]
    assert found == sorted(found)
