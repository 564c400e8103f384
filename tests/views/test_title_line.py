"""The title line."""

from datetime import timedelta

import pytest

from lab.views import title_line
from lab.views.cells import width_of
from tests.screen import snapshots
from tests.views.panels import text, view_of


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
def test_title_line_fits_and_drops_the_least_important_first(width: int) -> None:
    line = title_line(view_of(snapshots.HEALTHY), width)
    assert width_of(line) <= width
    assert "mlops-lab" in text(line)
    assert ("ada.lovelace" in text(line)) is (width >= 120)


def test_title_line_says_when_the_data_is_old() -> None:
    later = view_of(snapshots.HEALTHY, now=snapshots.CLOCK + timedelta(seconds=40))
    assert "▲ data 41s old" in text(title_line(later, 120))
    assert "read-only" in text(title_line(view_of(snapshots.HEALTHY, readonly=True), 120))
