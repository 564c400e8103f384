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


async def nothing_left(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
    """Returns when the event loop has nothing to do but to wait; the test's own timeout is the deadline."""
    ready: deque[object] = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    # Timers of one frame count as work that is under way.
    await asyncio.sleep(max(min_sleep, _SOON_S))
    quiet = 0
    while quiet < 2:
        await asyncio.sleep(0)
        quiet = 0 if ready else quiet + 1


def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and pauses wait for what they set off, and words that go away by themselves stay."""
    notify = App.notify

    def lasting(app: App[Any], *args: Any, **kwargs: Any) -> None:
        notify(app, *args, **{**kwargs, "timeout": 3600})

    monkeypatch.setattr(App, "notify", lasting)
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", nothing_left)
