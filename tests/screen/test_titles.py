"""Column titles move with their columns."""

from textual.geometry import Region

from tests.screen import snapshots
from tests.screen.settling import Settling, live_app


async def test_titles_stand_over_their_columns_when_a_lab_recovers() -> None:
    observer = Settling()
    app = live_app(observer)
    async with app.run_test(size=(80, 24)) as pilot:
        for snapshot in (snapshots.STARTING, snapshots.HEALTHY):
            observer.given.put_nowait(snapshot)
            while app.view.snapshot is not snapshot:
                await pilot.pause()
            await pilot.pause()
        assert app.main_screen is not None
        rows = app.main_screen._panels["services"].rows
        painted = rows.render_lines(Region(0, 0, rows.size.width, 1))[0].text
        assert painted == rows.render_line(0).text
