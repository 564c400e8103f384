"""The daemon reports when it met its errors: Dagster's heartbeats repeat each of them for five minutes."""

import time
from datetime import UTC, datetime

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from lab.dagster_host.daemon import daemons
from lab.services.heartbeats import met_at


def test_an_error_in_a_heartbeat_says_when_it_was_met() -> None:
    with dg.instance_for_test() as instance:
        made = daemons(instance)
        assert {"SCHEDULER", "QUEUED_RUN_COORDINATOR"} <= {daemon.daemon_type() for daemon in made}
        met = int(time.time())
        for daemon in made:
            error = SerializableErrorInfo("OperationalError: no connection\n", [], "OperationalError")
            daemon._errors.appendleft((error, datetime.fromtimestamp(met, UTC)))
            daemon._check_add_heartbeat(instance, "this", 30, 300)
        beats = instance.get_daemon_heartbeats()
        told = {name: [met_at(error.message) for error in beat.errors or ()] for name, beat in beats.items()}
        assert told == {daemon.daemon_type(): [met] for daemon in made}
