"""A screen that is looked at when it has done its work, however slow the machine is."""

import asyncio
from collections import deque
from typing import Any

import pytest
import textual.app
import textual.pilot
from textual.app import App

# Textual's own wait takes a process that gets no core for one that has nothing to do, and gives up after a second.
_SOON_S = 1 / 50
# A key takes a few dozen turns of the loop; a screen that always has something to do would be waited for in vain.
_TURNS = 1000


async def nothing_left(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
    """Returns when the event loop has nothing to do but wait, however long its turns take; after `_TURNS` at last."""
    ready: deque[object] = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    # Timers of one frame count as work that is under way.
    await asyncio.sleep(max(min_sleep, _SOON_S))
    quiet = 0
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        quiet = 0 if ready else quiet + 1
        if quiet == 2:
            break


def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and pauses wait for what they set off, and words that go away by themselves stay."""
    notify = App.notify

    def lasting(app: App[Any], *args: Any, **kwargs: Any) -> None:
        notify(app, *args, **{**kwargs, "timeout": 3600})

    monkeypatch.setattr(App, "notify", lasting)
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", nothing_left)
