"""The Dagster daemon with its prefork server started first: `python -m lab.dagster_host.daemon run -w workspace.yaml`.

Server and daemon import at the same time, and no launch waits for the first one to do it. Runs in containers and tasks
need none.
"""

import os
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.base.heartbeats import dated
from lab.dagster_host.container_runs import gate_url
from lab.dagster_host.prefork_client import SERVER

if TYPE_CHECKING:
    from datetime import datetime

    from dagster import DagsterInstance
    from dagster._daemon.daemon import DagsterDaemon
    from dagster_shared.error import SerializableErrorInfo

    Met = tuple[SerializableErrorInfo, datetime]

# Set where runs are tasks of ECS: see `lab.dagster_host.ecs_runs`.
TASK_VARIABLE = "RUN_TASK_DEFINITION"


class DatedErrors(deque["Met"]):
    """The newest errors of a daemon, each with its time in its text: in a heartbeat they come without."""

    def appendleft(self, met: "Met", /) -> None:
        error, at = met
        super().appendleft((error._replace(message=dated(error.message, at.timestamp())), at))


def daemons(instance: "DagsterInstance") -> "list[DagsterDaemon[Any]]":
    """The daemons of an instance, which date their errors."""
    from dagster._daemon.controller import create_daemons_from_instance
    from dagster._daemon.daemon import DAEMON_HEARTBEAT_ERROR_LIMIT

    made = list(create_daemons_from_instance(instance))
    for daemon in made:
        daemon._errors = DatedErrors(maxlen=DAEMON_HEARTBEAT_ERROR_LIMIT)
    return made


def main() -> None:
    """As `dagster-daemon`."""
    if not gate_url() and TASK_VARIABLE not in os.environ:
        SERVER.start()
    from dagster._daemon import cli, controller

    # Its command has no option for the daemons.
    dating = partial(controller.daemon_controller_from_instance, gen_daemons=daemons)
    cli.daemon_controller_from_instance = dating  # type: ignore[attr-defined] # imported there, and called by that name
    try:
        cli.main()
    finally:
        SERVER.close()


if __name__ == "__main__":
    main()
