"""Bars in the picture of a dashboard: each value stands beside its own bar, inside the panel."""

from typing import Any

import pytest

from lab.base.monitoring import Series
from lab.commands.dash_picture import _bars, _states, _tiles
from lab.dashboards.answers import Drawn
from lab.dashboards.drawing.draw_lines import View
from lab.dashboards.model import Field, ValueText
from tests.dashboards.boards import NOW, board, panel

figures = pytest.importorskip("matplotlib.figure")


@pytest.mark.parametrize("most", [0.5, None])
def test_the_value_of_a_bar_stays_in_its_panel(most: float | None) -> None:
    field = Field(maximum=most)
    drawn = [Drawn(name, field, Series({}, (NOW,), (value,))) for name, value in (("a", 2.5), ("b", 0.5), ("c", -0.1))]
    (one,) = board(panel("bargauge")).panels
    figure = figures.Figure(figsize=(6, 3))
    axes = figure.add_axes((0.2, 0.1, 0.7, 0.8))
    _bars(axes, one, drawn, View(80, 20, NOW - 60, NOW))
    figure.draw_without_rendering()
    for text in axes.texts:
        assert text.get_window_extent().x1 <= axes.get_window_extent().x1, text.get_text()
        assert text.get_window_extent().x0 >= axes.get_window_extent().x0 - 1, text.get_text()


LONG = "number_of_existing_credits_at_this_bank"


def _drawn(kind: str, names: dict[str, float], width_in: float = 6) -> Any:
    """The axes on which a panel's picture is drawn."""
    drawn = [Drawn(name, Field(), Series({}, (NOW,), (value,))) for name, value in names.items()]
    (one,) = board(panel(kind)).panels
    figure = figures.Figure(figsize=(width_in, 3))
    axes = figure.add_axes((0.2, 0.1, 0.7, 0.8))
    {"bargauge": _bars, "stat": _tiles, "state-timeline": _states}[kind](axes, one, drawn, View(80, 20, NOW - 60, NOW))
    figure.draw_without_rendering()
    return axes


@pytest.mark.parametrize("kind", ["bargauge", "stat", "state-timeline"])
def test_a_name_that_is_cut_says_so(kind: str) -> None:
    axes = _drawn(kind, {LONG: 1.0, "age": 0.5})
    said = [text.get_text() for text in (*axes.texts, *axes.get_yticklabels())]
    assert "age" in said
    (cut,) = [text for text in said if text.startswith("number_of")]
    assert cut == LONG or cut.endswith("…")


def test_values_beside_each_other_have_room_of_their_own() -> None:
    drawn = [
        Drawn(name, Field(mappings=(ValueText(text=text, value=str(number)),)), Series({}, (NOW,), (float(number),)))
        for number, (name, text) in enumerate((("a", "differs from the baseline"), ("b", "is the baseline")))
    ]
    (one,) = board(panel("stat")).panels
    figure = figures.Figure(figsize=(2.6, 1))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    _tiles(axes, one, drawn, View(28, 6, NOW - 60, NOW))
    figure.draw_without_rendering()
    left, right = (text.get_window_extent() for text in axes.texts if "baseline" in text.get_text())
    assert left.x1 <= right.x0
    assert left.x0 >= 0
    # In two lines rather than too small to read.
    assert min(text.get_fontsize() for text in axes.texts if "baseline" in text.get_text()) > 6
    assert right.x1 <= axes.get_window_extent().x1
