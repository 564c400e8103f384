"""The loop that asks for a dashboard: what can be seen, when it is due; it publishes values and touches no widget."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lab.commands.dash_commands import Wish, open_board
from lab.dashboards.asking import Asking
from lab.dashboards.looking import Looked, Times, ask, prepare

if TYPE_CHECKING:
    from lab.services.prometheus_data import PrometheusData

DEFAULT_PAUSE_S = 30.0


@dataclass(frozen=True)
class Dashboards:
    """What dashboards need of the lab: how to reach its Prometheus, and the folder with its own dashboards."""

    source: "Callable[[], PrometheusData]"
    root: Path


def overview(root: Path) -> tuple[Wish, float]:
    """What a person sees first, and the pause between two looks. Raises LabError."""
    board = open_board(root, "")
    return Wish(board, Times(board.begin, board.end), {}), board.refresh_s or DEFAULT_PAUSE_S


class DashLoop:
    """`wanted` are the panels that can be seen, with dots across; `pause_s` None asks only when it is woken."""

    def __init__(
        self,
        wish: Wish,
        pause_s: float | None,
        clock: Callable[[], datetime],
        wanted: Callable[[], Mapping[str, int]],
        publish: Callable[[Looked], None],
    ) -> None:
        self.wish, self.pause_s, self.paused = wish, pause_s, False
        self._clock, self._wanted, self._publish = clock, wanted, publish
        self._wake, self._shown = asyncio.Event(), asyncio.Event()
        self._anew = self._hurried = True

    async def run(self, source: "PrometheusData") -> None:
        """Goes on until it is cancelled."""
        asking = Asking(source)
        looked: Looked | None = None
        try:
            while True:
                self._wake.clear()
                looked = await self._look(asking, looked)
                self._publish(looked)
                await self._wait()
        finally:
            await source.aclose()

    def go_on(self) -> None:
        """What was published is on the board."""
        self._shown.set()

    def wake(self) -> None:
        """Other panels came into sight."""
        self._wake.set()

    def hurry(self, wish: Wish | None = None) -> None:
        """Asks for everything in sight at once, variables too; for another wish, if one is given."""
        self.wish = wish or self.wish
        self._anew = self._hurried = True
        self._wake.set()

    async def _look(self, asking: Asking, before: Looked | None) -> Looked:
        now, wish = self._clock(), self.wish
        if before is None or self._anew:
            self._anew = False
            found = await prepare(asking, wish.board, wish.values, wish.times, now)
            # What is known of the same panels stays until they are told anew.
            same = before is not None and before.board is wish.board
            before = replace(found, data=before.data) if before and same else found
            # Which panels can be seen is known when the board has them.
            self._shown.clear()
            self._publish(before)
            await self._shown.wait()
        begin, end = wish.times.between(now)
        looked = replace(before, begin=begin, end=end)
        return await ask(asking, looked, self._due(looked, now.timestamp()))

    def _due(self, looked: Looked, now: float) -> dict[str, int]:
        """Panels in sight that were never asked for, or so long ago that they are due again."""
        least_s = (self.pause_s or DEFAULT_PAUSE_S) * 0.9
        hurried, self._hurried = self._hurried, False
        asked = {key: data.asked_at for key, data in looked.data.items() if data.asked_at is not None}
        return {
            key: columns
            for key, columns in self._wanted().items()
            if hurried or key not in asked or now - asked[key] >= least_s
        }

    async def _wait(self) -> None:
        """Until something has to be asked for, or the pause is over."""
        try:
            await asyncio.wait_for(self._wake.wait(), None if self.paused else self.pause_s)
        except TimeoutError:
            return
