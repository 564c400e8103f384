"""Fitting text and columns into terminal cells."""

import pytest

from lab.views.cells import Cell, Column, Line, Row, Span, Tone, bar, cell, clip, fit, headings, lay_out, pad, width_of
from lab.views.feed import select

COLUMNS = (
    Column("name", "name", 1, 6, 10),
    Column("bar", "", 3, 4, 12, grow=True),
    Column("size", "size", 2, 5, right=True),
)
ROWS = (
    Row("a", {"name": cell("alpha"), "bar": Cell((Span("", Tone.OK),), fill=0.5), "size": cell("12")}),
    Row(
        "b", {"name": cell("日本語のとても長い名前"), "bar": Cell((Span("", Tone.BAD),), fill=2.0), "size": cell("345")}
    ),
)


def text(line: Line) -> str:
    return "".join(span.text for span in line)


@pytest.mark.parametrize("width", range(1, 80))
def test_every_line_is_exactly_as_wide_as_its_columns(width: int) -> None:
    fitted = fit(COLUMNS, ROWS, width)
    widths = {width_of(line) for line in (headings(fitted), *(lay_out(row, fitted) for row in ROWS))}
    assert len(widths) == 1
    assert widths.pop() <= width


def test_columns_of_greater_rank_are_dropped_first() -> None:
    assert [f.column.key for f in fit(COLUMNS, ROWS, 40)] == ["name", "bar", "size"]
    assert [f.column.key for f in fit(COLUMNS, ROWS, 17)] == ["name", "size"]
    assert [f.column.key for f in fit(COLUMNS, ROWS, 8)] == ["name"]


def test_room_goes_to_text_then_to_the_growing_column_then_to_what_was_capped() -> None:
    assert [f.width for f in fit(COLUMNS, ROWS, 21)] == [9, 4, 5]
    assert [f.width for f in fit(COLUMNS, ROWS, 30)] == [10, 12, 5]
    assert [f.width for f in fit(COLUMNS, ROWS, 60)] == [22, 12, 5]


def test_a_spilling_cell_takes_the_rest_of_the_line() -> None:
    row = Row("a", {"name": cell("alpha")}, spill=("bar", cell("a long reason indeed")))
    assert text(lay_out(row, fit(COLUMNS, (row,), 25))) == "alpha   a long reason in…"


def test_clip_marks_what_is_missing_and_never_halves_a_wide_character() -> None:
    assert text(clip((Span("abc"), Span("def")), 6)) == "abcdef"
    assert text(clip((Span("abc"), Span("def")), 5)) == "abcd…"
    assert text(clip((Span("日本語"),), 4)) == "日…"
    assert width_of(pad((Span("日本語"),), 4)) == 4
    assert clip((Span("abc"),), 0) == ()


def test_right_aligned_text_is_padded_in_front() -> None:
    assert text(pad((Span("7"),), 3, right=True)) == "  7"


@pytest.mark.parametrize(
    ("fill", "drawn"), [(0.0, "────"), (0.5, "━━──"), (0.6, "━━╸─"), (1.0, "━━━━"), (7.0, "━━━━"), (-1, "────")]
)
def test_bar(fill: float, drawn: str) -> None:
    assert text(bar(fill, 4, Tone.OK)) == drawn


@pytest.mark.parametrize(("fill", "drawn"), [(0.0, "──┼─"), (0.5, "━━┼─"), (0.75, "━━╂─"), (1.0, "━━╂━")])
def test_a_bar_has_its_threshold(fill: float, drawn: str) -> None:
    assert text(bar(fill, 4, Tone.OK, 0.5)) == drawn


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("", "ab"),
        ("ALPHA", "a"),
        ("^alp.a", "a"),
        ("!alpha", "b"),
        ("!", "ab"),
        ("[", "ab"),
        ("alpha(", "a"),
        ("alp[", "a"),
        ("!alpha(", "b"),
        ("345|12", "ab"),
        ("本語", "b"),
    ],
)
def test_filter(pattern: str, keys: str) -> None:
    assert "".join(row.key for row in select(ROWS, pattern)) == keys


def test_filter_looks_at_reasons_too() -> None:
    row = Row("a", {"name": cell("alpha")}, spill=("bar", cell("refused")))
    assert select((row,), "refused") == (row,)


def test_a_value_that_is_no_number_fills_nothing() -> None:
    assert bar(float("nan"), 4, Tone.PLAIN) == bar(0.0, 4, Tone.PLAIN)
