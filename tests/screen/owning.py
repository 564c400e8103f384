"""A screen with a person's own file."""

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from lab.observe.polling import Connection
from lab.observe.snapshot import Snapshot
from lab.screen.app import LabApp
from lab.screen.saved_layout import SavedLayout
from lab.screen.user.reading import load
from tests.screen import snapshots
from tests.screen.fakes import Playing

# Prints its arguments as JSON, so that a test sees where each begins and ends.
ECHO = (sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))")


def write(folder: Path, text: str) -> Path:
    path = folder / "screen.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def command(argv: Sequence[str], **fields: Any) -> str:
    said = {"key": "f6", "title": "Try it", "argv": list(argv), **fields}
    return "[[command]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items())


@asynccontextmanager
async def owning(
    path: Path,
    snapshot: Snapshot = snapshots.DRIFTED,
    size: tuple[int, int] = (120, 40),
    readonly: bool = False,
    memory: SavedLayout | None = None,
) -> AsyncIterator[tuple[LabApp, Pilot[None]]]:
    """An app that shows the snapshot as the file at `path` says, once the whole file is judged."""
    observer = Playing(snapshot)
    app = app_of(path, observer, readonly, memory)
    async with app.run_test(size=size) as pilot:
        while app.view.snapshot is not snapshot:
            await pilot.pause()
        await done(app, pilot, "user")
        await pilot.pause()
        yield app, pilot


async def done(app: LabApp, pilot: Pilot[None], group: str) -> None:
    """Waits for the workers of a group; the test's own timeout is the deadline."""
    while any(one.group == group and not one.is_finished for one in app.workers):
        await pilot.pause()
    await pilot.pause()


def app_of(path: Path, observer: Playing, readonly: bool = False, memory: SavedLayout | None = None) -> LabApp:
    return LabApp(
        lambda: Connection(observer, snapshots.WAITING),
        interval_s=3600.0,
        readonly=readonly,
        clock=lambda: snapshots.CLOCK,
        memory=memory,
        user=load(path),
    )


def notices(app: LabApp) -> list[str]:
    return [notice.message for notice in app._notifications]
