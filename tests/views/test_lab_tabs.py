"""The line of several labs in any width: the one that is shown is always there, and nothing is wider than the line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.views.cells import Tone, width_of
from lab.views.lab_tabs import LabTab, tab_line, tab_of
from lab.views.view import View
from tests.screen import snapshots

TABS = [LabTab(name, "●", Tone.OK, needs) for name, needs in (("prod", 0), ("staging", 12), ("a" * 40, 0), ("dev", 3))]


def text(tabs: list[LabTab], current: int, width: int) -> str:
    return "".join(span.text for span in tab_line(tabs, current, width)[0])


def test_with_room_every_tab_is_there() -> None:
    assert text(TABS, 1, 120) == f" ● prod [● staging 12] ● {'a' * 40}  ● dev 3 "


def test_with_less_room_names_are_cut_and_then_tabs_left_out() -> None:
    assert text(TABS, 1, 50) == " ● prod [● staging 12] ● aaaaaaaaaaaaaa…  ● dev 3 "
    assert text(TABS, 0, 24) == "[● prod] ● stagi… 12 ›"
    assert text(TABS, 3, 16) == "‹[● dev 3]"


@given(st.integers(0, 3), st.integers(9, 100))
def test_the_one_that_is_shown_is_there_in_any_width(current: int, width: int) -> None:
    line, places = tab_line(TABS, current, width)
    assert width_of(line) <= width
    assert current in [number for _, _, number in places]
    assert all(begin < end for begin, end, _ in places)


@pytest.mark.parametrize(("name", "glyph"), [("healthy", "▲"), ("down", "✗"), ("waiting", "◐"), ("empty", "●")])
def test_a_tab_says_how_its_lab_is(name: str, glyph: str) -> None:
    tab = tab_of("x", View(snapshots.ALL[name], snapshots.CLOCK))
    assert tab.glyph == glyph


def test_a_name_from_outside_steers_nothing() -> None:
    assert "\x1b" not in tab_of("\x1b[2J", View(snapshots.HEALTHY, snapshots.CLOCK)).name
