"""Bars in the picture of a dashboard: each value stands beside its own bar, inside the panel."""

import pytest

from lab.base.monitoring import Series
from lab.commands.dash_picture import _bars
from lab.dashboards.answers import Drawn
from lab.dashboards.drawing.draw_lines import View
from lab.dashboards.model import Field
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
