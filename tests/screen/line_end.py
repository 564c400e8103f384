"""The far end of the terminal in the slow line's test: a screen that measures what reaches it.

Each tick is told as a byte on FD. In a `still` lab only the time goes on; in a `living` one probes differ every time.
"""

import os
import sys
from dataclasses import replace
from datetime import timedelta

from lab.observe.polling import Connection
from lab.observe.snapshot import Snapshot
from lab.screen.app import LabApp
from tests.screen import snapshots

STEP_S = 2


class Lab:
    """Gives one snapshot after the other."""

    def __init__(self, living: bool, told: int) -> None:
        self.ticks = 0
        self._living, self._told = living, told

    async def tick(self, previous: Snapshot) -> Snapshot:
        self.ticks += 1
        os.write(self._told, b".")
        return later(self.ticks, self._living)

    async def aclose(self) -> None:
        return


def later(ticks: int, living: bool) -> Snapshot:
    """The healthy lab after so many ticks."""
    now = snapshots.NOW + STEP_S * ticks
    base = snapshots.HEALTHY
    services = base.services.value or ()
    if living:
        factor = 1 + 0.3 * (ticks % 7)
        services = tuple(replace(s, latency_s=s.latency_s and s.latency_s * factor) for s in services)
    fresh = {
        name: replace(getattr(base, name), fetched_at=now) for name in ("runs", "models", "audit", "drift", "alerts")
    }
    return replace(base, taken_at=now, services=replace(base.services, value=services, fetched_at=now), **fresh)


def main() -> None:
    """Runs until `q`."""
    lab = Lab(sys.argv[1] == "living", int(sys.argv[2]))
    LabApp(
        lambda: Connection(lab, snapshots.WAITING),
        interval_s=0.5,
        clock=lambda: snapshots.CLOCK + timedelta(seconds=STEP_S * lab.ticks),
    ).run()


if __name__ == "__main__":
    main()
