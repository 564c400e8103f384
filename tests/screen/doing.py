"""A runner that does what a test says, and an app that asks it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from textual.pilot import Pilot

from lab.observe.polling import Connection
from lab.observe.snapshot import Snapshot
from lab.screen.action_runner import ActionArguments, Tell
from lab.screen.app import LabApp
from lab.screen.saved_layout import SavedLayout
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.views.jobs import ActionResult, Job
from tests.screen import snapshots
from tests.screen.fakes import Playing

OPEN_GATES: Mapping[str, Any] = {
    "from": "pending_staging",
    "to": "approved_staging",
    "key": {
        "path": "/home/olga/.ssh/id_ed25519",
        "fingerprint": "SHA256:6UJf4xL0P3nq0Wl8yY1PvX8o7bWm0sVvNf0p7cM3a2E",
        "name": "olga@example.com",
        "roles": ["risk-officer", "platform-admin"],
        "lock": "",
        "problem": "",
    },
    "gates": [
        {"name": "state", "passed": True, "detail": "pending_staging → approved_staging"},
        {"name": "identity", "passed": True, "detail": "SHA256:6UJf4x is olga@example.com: risk-officer"},
        {"name": "policy", "passed": True, "detail": "olga@example.com as risk-officer may approve in staging"},
        {"name": "four eyes", "passed": True, "detail": "owner ada.lovelace@example.com, approver olga@example.com"},
        {"name": "registry", "passed": True, "detail": "tags and aliases are those of the audit trail"},
        {"name": "ledger", "passed": True, "detail": "52 entries, head 6a99b44c17f0, 7 published heads: intact"},
    ],
}
OWNERS_GATES: Mapping[str, Any] = {
    **OPEN_GATES,
    "gates": [
        *OPEN_GATES["gates"][:3],
        {
            "name": "four eyes",
            "passed": False,
            "detail": "olga@example.com owns the version",
            "remedy": "Somebody else must decide about it.",
        },
        *OPEN_GATES["gates"][4:],
    ],
}


class Scripted:
    """Answers a dry run with `gates`; everything else tells `lines` and ends as `result`, or never."""

    def __init__(
        self,
        result: ActionResult | None = None,
        lines: tuple[str, ...] = (),
        gates: Mapping[str, Any] = OPEN_GATES,
        in_terminal: ActionResult | None = None,
    ) -> None:
        self.result, self.lines, self.gates, self.in_terminal = result, lines, gates, in_terminal
        self.asked: list[tuple[str, ActionArguments]] = []
        self.looked: list[ActionArguments] = []
        self.terminals = 0

    async def run(self, name: str, arguments: ActionArguments, tell: Tell) -> ActionResult:
        if arguments.get("dry_run"):
            self.looked.append(arguments)
            return ActionResult(True, "looked", data=self.gates)
        self.asked.append((name, arguments))
        for line in self.lines:
            tell(line)
        if self.result is None:
            await asyncio.Event().wait()
        return self.result or ActionResult(False, "")

    def run_in_terminal(self, name: str, arguments: ActionArguments) -> ActionResult:
        self.terminals += 1
        return self.in_terminal or ActionResult(False, "")


@asynccontextmanager
async def doing(
    runner: Scripted,
    snapshot: Snapshot = snapshots.DRIFTED,
    readonly: bool = False,
    memory: SavedLayout | None = None,
    size: tuple[int, int] = (120, 40),
) -> AsyncIterator[tuple[LabApp, Pilot[None]]]:
    """An app that shows the snapshot, with a stopped clock; `runner` does what it is asked for."""
    observer = Playing(snapshot)
    app = LabApp(
        lambda: Connection(observer, snapshots.WAITING),
        interval_s=3600.0,
        readonly=readonly,
        clock=lambda: snapshots.CLOCK,
        runner=runner,
        memory=memory,
    )
    app.asked = lambda: observer.ticks  # type: ignore[attr-defined]
    async with app.run_test(size=size) as pilot:
        while app.view.snapshot is not snapshot:
            await pilot.pause()
        await pilot.pause()
        yield app, pilot


async def ended(app: LabApp, pilot: Pilot[None], count: int = 1) -> Job:
    """The newest of `count` jobs, once it has ended."""
    while len(app.view.jobs.all) < count or app.view.jobs.running:
        await pilot.pause()
    await pilot.pause()
    return app.view.jobs.all[-1]


async def confirming(app: LabApp, pilot: Pilot[None]) -> ConfirmScreen:
    """The question, once it is there."""
    while not isinstance(screen := app.screen, ConfirmScreen) or screen.focused is None:
        await pilot.pause(0.01)
    return screen


def with_down_lab(snapshot: Snapshot) -> Snapshot:
    """The same lab, not up."""
    return replace(snapshots.DOWN, lab=snapshot.lab)
