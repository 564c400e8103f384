"""What `?` lists: nothing but keys that work where the person is, and all of them."""

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Static

from lab.screen.app import LabApp
from lab.screen.key_spelling import spell
from lab.screen.screens.help_screen import HelpScreen, bindings_of, groups_for
from lab.screen.screens.main_screen import MainScreen
from lab.views import PARTS
from lab.views.jobs import ActionResult
from tests.screen import snapshots
from tests.screen.doing import Scripted, doing

SIZE = (120, 24)
# Where a key would change nothing: what to press first, so that it can.
PREPARED = {"escape": "slash 1 enter", "S": "s"} | dict.fromkeys(
    ("end", "G", "j", "down", "pagedown", "ctrl+f"), "home"
)


LEAVING = {"q", "ctrl+c", "ctrl+z"}


def state_of(app: LabApp) -> tuple[object, ...]:
    """Everything that a key could change."""
    main = app.main_screen
    if main is None:
        return ("gone",)
    panel = main.focused_panel
    rows = panel.rows if panel else None
    return (
        app.is_running,
        [type(screen).__name__ for screen in app.screen_stack],
        panel.id if panel else None,
        type(main.focused).__name__,
        rows.cursor if rows else None,
        len(rows._rows) if rows else None,
        str(panel.border_title) if panel else None,
        str(panel.border_subtitle) if panel else None,
        app.theme,
        main.has_class("-zoomed"),
        app.view.model,
        app.clipboard,
        len(app._notifications),
        len(app.view.jobs.all),
        app.asked(),  # type: ignore[attr-defined]
    )


def listed(app: LabApp) -> list[str]:
    """The keys of what has the focus, of the screen and of the app, as the bindings spell them."""
    main = app.main_screen
    assert main is not None
    panel = main.focused_panel
    assert panel is not None
    keys = [key for node in (panel, panel.rows, main, app) for one in bindings_of(node) for key in one.key.split(",")]
    return [*keys, "tab", "shift+tab"]


async def anew(app: LabApp, pilot: Pilot[None], number: int) -> None:
    """Panel `number` as it is at first, not on its first row, so that the cursor can go both ways."""
    app.go_to("services")
    await pilot.pause()
    await pilot.press(str(number), "escape", "home")
    assert app.main_screen is not None
    panel = app.main_screen.focused_panel
    assert panel is not None
    panel.rows.action_move(6 if number in (2, 3) else 9)
    panel.sort_by(None)
    await pilot.pause()


@pytest.mark.parametrize("number", range(1, len(PARTS) + 1))
async def test_every_key_that_is_listed_works(number: int) -> None:
    async with doing(Scripted(ActionResult(True, "done")), size=SIZE) as (app, pilot):
        await anew(app, pilot, number)
        keys = listed(app)
        spelled = " ".join(entry[0] for _, group in groups_for(app.screen)[1] for entry in group).split()
        assert len(spelled) == len(keys)
        await pilot.press("question_mark")
        await pilot.pause()
        shown = " ".join(str(part.render()) for part in app.screen.query(Static))
        assert set(spelled) <= set(shown.split())
        # The keys of screen and app are the same everywhere: once is enough. Those that leave have a test of their own.
        own = keys if number == 1 else keys[: keys.index("1")]
        for key in own:
            if key not in LEAVING:
                await check_key(app, pilot, number, key)


async def check_key(app: LabApp, pilot: Pilot[None], number: int, key: str) -> None:
    await anew(app, pilot, number if key != str(number) else number % len(PARTS) + 1)
    # Only alerts, which come first, can be silenced and have a page.
    first = ["home"] if number == len(PARTS) and key in {"m", "o"} else []
    await pilot.press(*first, *PREPARED.get(key, "").split())
    await pilot.pause()
    before = state_of(app)
    await pilot.press(key)
    await pilot.pause()
    assert state_of(app) != before, f"{key} does nothing in panel {number}"


async def test_help_scrolls_and_closes() -> None:
    async with doing(Scripted(), size=(80, 24)) as (app, pilot):
        for key in ("escape", "question_mark", "q", "enter"):
            await pilot.press("3", "question_mark")
            await pilot.pause()
            assert isinstance(app.screen, HelpScreen)
            await pilot.press("j", key)
            await pilot.pause()
            assert isinstance(app.screen, MainScreen)


async def test_the_last_line_holds_the_keys_of_the_place_and_always_help_palette_and_quit() -> None:
    async with doing(Scripted(), size=(80, 24)) as (app, pilot):
        for number, words in ((1, ["Logs", "Restart"]), (2, ["Re-launch"]), (3, ["Approve", "Promote"])):
            await pilot.press(str(number))
            await pilot.pause()
            shown = str(app.screen.query_one("#keys", Static).render())
            assert len(shown) == 78
            assert all(word in shown for word in [*words, "? Help", ": Palette", "q Quit"])


async def test_while_a_filter_is_typed_the_last_line_holds_no_letters() -> None:
    async with doing(Scripted(), size=(80, 24)) as (app, pilot):
        await pilot.press("1", "slash")
        await pilot.pause()
        shown = str(app.screen.query_one("#keys", Static).render())
        assert "esc Show all" in shown
        assert not any(word in shown for word in ("Quit", "Help", "Logs", "Filter"))


async def test_a_click_on_a_key_of_the_last_line_presses_it() -> None:
    async with doing(Scripted(), size=(80, 24)) as (app, pilot):
        bar = app.screen.query_one("#keys", Static)
        place = str(bar.render()).index(": Palette") + 1
        await pilot.click(bar, offset=(place + 2, 0))
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)


async def test_a_wrong_expression_is_said_beside_it() -> None:
    async with doing(Scripted(), snapshots.HEALTHY) as (app, pilot):
        await pilot.press("1", "slash", *"!(up")
        await pilot.pause()
        shown = " ".join(
            str(part.render()) for part in app.screen.query(".filter Static").results(Static) if part.display
        )
        assert "missing ), unterminated subpattern" in shown
        await pilot.press(")")
        await pilot.pause()
        shown = " ".join(
            str(part.render()) for part in app.screen.query(".filter Static").results(Static) if part.display
        )
        assert "missing" not in shown


def test_keys_are_called_what_stands_on_them() -> None:
    assert list(spell(["minus", "plus", "equals_sign", "backspace"])) == ["-", "+", "=", "bksp"]


def test_no_key_is_cut_in_help() -> None:
    keys = [(" ".join(spell(["pagedown", "space", "ctrl+f"])), "Page down"), ("?", "Help")]
    screen = HelpScreen("Keys", [("Here", keys), ("On this screen", keys)])
    for lines in (screen._here(), screen._elsewhere()):
        said = ["".join(span.text for span in line) for line in lines]
        assert said[1:3] == ["pgdn space ^f Page down", "?             Help"]
