"""The Dagster daemon with its prefork server started first: `python -m lab.dagster_host.daemon run -w workspace.yaml`.

The server is forked as soon as what both need is imported, and imports the rest while the daemon begins; so no launch
waits for it. Runs in containers and tasks need none.
"""

import os
from collections import deque
from typing import TYPE_CHECKING, Any

from lab.dagster_host.container_runs import gate_url
from lab.dagster_host.prefork_client import SERVER
from lab.dagster_host.warm_up import import_shared
from lab.services.heartbeats import dated

if TYPE_CHECKING:
    from datetime import datetime

    from dagster import DagsterInstance

    from lab.dagster_host.dagster_private import DagsterDaemon, SerializableErrorInfo

    Met = tuple[SerializableErrorInfo, datetime]

# Set where runs are tasks of ECS: see `lab.dagster_host.ecs_runs`.
TASK_VARIABLE = "RUN_TASK_DEFINITION"


class DatedErrors(deque["Met"]):
    """The newest errors of a daemon, each with its time in its text: in a heartbeat they come without."""

    def appendleft(self, met: "Met", /) -> None:
        from lab.dagster_host.dagster_private import with_message

        error, at = met
        super().appendleft((with_message(error, dated(error.message, at.timestamp())), at))


def daemons(instance: "DagsterInstance") -> "list[DagsterDaemon[Any]]":
    """The daemons of an instance, which date their errors."""
    from lab.dagster_host import dagster_private

    return dagster_private.daemons(instance, lambda most: DatedErrors(maxlen=most))


def main() -> None:
    """As `dagster-daemon`."""
    if not gate_url() and TASK_VARIABLE not in os.environ:
        import_shared()
        SERVER.fork()
    from lab.dagster_host import dagster_private

    try:
        dagster_private.run_daemon(daemons)
    finally:
        SERVER.close()


if __name__ == "__main__":
    main()
