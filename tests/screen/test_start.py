"""Nothing stands between the start and the first paint that could wait or be left out."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from textual.css.stylesheet import Stylesheet

from lab.observe.polling import Connection
from lab.screen import themes
from lab.screen.app import LabApp
from lab.screen.widgets import rows
from lab.views.cells import Fitted, Line, Row
from tests.screen import snapshots
from tests.screen.fakes import Playing, app_on


def connect() -> Connection:
    return Connection(Playing(snapshots.HEALTHY), snapshots.WAITING)


async def test_the_theme_of_the_start_is_no_change_of_theme(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = 0
    reparse = Stylesheet.reparse

    def counting(sheet: Stylesheet) -> None:
        nonlocal parsed
        parsed += 1
        reparse(sheet)

    monkeypatch.setattr(Stylesheet, "reparse", counting)
    async with LabApp(connect, theme=themes.CONTRAST.name).run_test() as pilot:
        await pilot.pause()
        app = pilot.app
        assert app.get_css_variables()["background"] == themes.CONTRAST.background
        assert app.screen.styles.background.hex == themes.CONTRAST.background
        assert app.has_class(f"-theme-{themes.CONTRAST.name}")
        assert parsed == 0
        await pilot.press("t")
        await pilot.pause()
        assert parsed == 1


async def test_the_first_paint_is_told_once() -> None:
    told = []
    async with LabApp(connect, painted=lambda: told.append(True)).run_test() as pilot:
        await pilot.pause()
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
    assert told == [True]


async def test_a_snapshot_that_says_the_same_lays_out_no_row_again(monkeypatch: pytest.MonkeyPatch) -> None:
    laid: list[str] = []
    lay_out = rows.lay_out

    def counting(row: Row, fitted: Sequence[Fitted]) -> Line:
        laid.append(row.key)
        return lay_out(row, fitted)

    monkeypatch.setattr(rows, "lay_out", counting)
    observer = Playing(snapshots.HEALTHY)
    app = app_on(observer)
    async with app.run_test(size=(160, 50)) as pilot:
        await observer.ended.wait()
        await pilot.pause()
        laid.clear()
        app._show(replace(app.view, snapshot=replace(snapshots.HEALTHY, taken_at=snapshots.NOW + 2)))
        assert laid == []
        runs = snapshots.HEALTHY.runs.map(lambda v: replace(v, runs=(replace(v.runs[0], owner="eve"), *v.runs[1:])))
        app._show(replace(app.view, snapshot=replace(snapshots.HEALTHY, runs=runs)))
        assert laid == [snapshots.RUNS[0].run_id]
