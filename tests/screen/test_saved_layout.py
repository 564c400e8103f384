"""The screen is found again as it was left; a file that is broken is no obstacle."""

import json
from pathlib import Path

import pytest

from lab.screen import themes
from lab.screen.saved_layout import Layout, SavedLayout
from lab.screen.screens.main_screen import MainScreen
from lab.views.sorting import Order
from tests.screen.doing import Scripted, doing


@pytest.fixture
def memory(tmp_path: Path) -> SavedLayout:
    return SavedLayout(tmp_path / "state" / "screen.json")


async def test_panel_order_and_theme_are_as_they_were_left(memory: SavedLayout) -> None:
    async with doing(Scripted(), memory=memory) as (app, pilot):
        await pilot.press("t", "2", "s", "s", "S", "q")
    async with doing(Scripted(), memory=memory) as (app, pilot):
        main = app.screen
        assert isinstance(main, MainScreen)
        assert app.theme == themes.CYCLE[1]
        assert main.panel_name == "runs"
        assert main.orders == {"runs": Order("status", down=True)}
        panel = main.focused_panel
        assert panel is not None
        assert "▾ status" in str(panel.border_title)


async def test_a_new_order_is_written_down_at_once(memory: SavedLayout) -> None:
    async with doing(Scripted(), memory=memory) as (_, pilot):
        await pilot.press("4", "s")
        await pilot.pause()
        assert memory.load() == (Layout(themes.DARK.name, "audit", {"audit": Order("seq", down=True)}), "")


async def test_filters_are_not_remembered(memory: SavedLayout) -> None:
    async with doing(Scripted(), memory=memory) as (_, pilot):
        await pilot.press("1", "slash", *"mlflow", "enter", "q")
    async with doing(Scripted(), memory=memory) as (app, _):
        main = app.screen
        assert isinstance(main, MainScreen)
        assert main.focused_panel is not None
        assert "of 12" not in str(main.focused_panel.border_subtitle)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": 2}', b'{"schema": 1, "theme": "nord", "panel": "x", "orders": []}'],
)
async def test_a_broken_file_is_ignored_with_a_word(memory: SavedLayout, content: bytes) -> None:
    memory.path.parent.mkdir()
    memory.path.write_bytes(content)
    async with doing(Scripted(), memory=memory) as (app, pilot):
        assert app.theme == themes.DARK.name
        assert any("can't be read" in notice.message for notice in app._notifications)
        await pilot.press("q")
    assert memory.load()[1] == ""


async def test_names_that_are_no_more_are_ignored(memory: SavedLayout) -> None:
    memory.save(Layout("no-such-theme", "no-such-panel", {"runs": Order("no-such-column"), "gone": Order("x")}))
    async with doing(Scripted(), memory=memory) as (app, _):
        assert app.theme == themes.DARK.name
        assert isinstance(app.screen, MainScreen)
        assert app.screen.panel_name == "services"


async def test_a_folder_that_cannot_be_written_is_said_once_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = SavedLayout(tmp_path / "file" / "screen.json")
    async with doing(Scripted(), memory=memory) as (app, pilot):
        await pilot.press("1", "s", "s", "s")
        await pilot.pause()
        said = [notice.message for notice in app._notifications if "can't be" in notice.message]
        assert len(said) == 1


def test_nothing_but_the_whole_file_is_ever_there(memory: SavedLayout) -> None:
    assert memory.save(Layout("nord")) == ""
    assert memory.save(Layout("gruvbox", "runs", {"runs": Order("took")})) == ""
    assert [path.name for path in memory.path.parent.iterdir()] == ["screen.json"]
    assert json.loads(memory.path.read_text())["theme"] == "gruvbox"


def test_the_file_lies_in_the_users_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert SavedLayout.of_user({"XDG_STATE_HOME": "/var/state"}).path == Path("/var/state/mlops-lab/screen.json")
    default = tmp_path / ".local" / "state" / "mlops-lab" / "screen.json"
    assert SavedLayout.of_user({}).path == default
    assert SavedLayout.of_user({"XDG_STATE_HOME": "relative"}).path == default
