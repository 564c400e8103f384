"""Nothing stands between the start and the first paint that could wait or be left out."""

import pytest
from textual.css.stylesheet import Stylesheet

from lab.observe.polling import Connection
from lab.screen import themes
from lab.screen.app import LabApp
from tests.screen import snapshots
from tests.screen.fakes import Playing


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
