"""A screen that is looked at when it has done its work, however slow the machine is."""

import asyncio
from collections import deque
from typing import Any
from weakref import WeakSet

import pytest
import textual.app
import textual.pilot
from textual.app import App
from textual.screen import Screen

# Textual's own wait takes a process that gets no core for one that has nothing to do, and gives up after a second.
_SOON_S = 1 / 50
# A key takes a few dozen turns of the loop; a screen that always has something to do would be waited for in vain.
_TURNS = 1000
# Screens that have changed since they were painted last.
_unpainted: WeakSet[Screen[Any]] = WeakSet()
_paint = Screen._compositor_refresh


async def nothing_left(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
    """Returns when the event loop has nothing to do but wait, however long its turns take; after `_TURNS` at last."""
    # Timers of one frame count as work that is under way.
    await asyncio.sleep(max(min_sleep, _SOON_S))
    await _quiet()
    if _painted():
        await _quiet()


async def _quiet() -> None:
    ready: deque[object] = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    quiet = 0
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        quiet = 0 if ready else quiet + 1
        if quiet == 2:
            break


def _later(screen: Screen[Any]) -> None:
    """Without a terminal, what is painted is thrown away; once for each wait is enough to see that it can be."""
    if screen is screen.app.screen and screen.app.is_headless:
        _unpainted.add(screen)
        screen._dirty_widgets.clear()
        screen.app._update_mouse_over(screen)
    else:
        _paint(screen)


def _painted() -> bool:
    """Whether there was something to paint."""
    waiting = [screen for screen in _unpainted if screen.is_running and screen is screen.app.screen]
    _unpainted.clear()
    for screen in waiting:
        with screen._context():
            _paint(screen)
    return bool(waiting)


def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and pauses wait for what they set off, and words that go away by themselves stay."""
    notify = App.notify

    def lasting(app: App[Any], *args: Any, **kwargs: Any) -> None:
        notify(app, *args, **{**kwargs, "timeout": 3600})

    monkeypatch.setattr(App, "notify", lasting)
    monkeypatch.setattr(Screen, "_compositor_refresh", _later)
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", nothing_left)
