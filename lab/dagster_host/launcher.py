"""A run launcher for the daemon that forks each run from a prefork server: a run begins in tenths of a second.

Where RUN_GATE_URL is set, each run gets a container of its own instead: see `lab.dagster_host.container_runs`.

In dagster.yaml:
    run_launcher:
      module: lab.dagster_host.launcher
      class: PreforkRunLauncher
The server belongs to the daemon's process: `python -m lab.dagster_host.daemon` starts it early, the first launch does
it late. Runs don't outlive it, so that a stopped lab leaves no process behind.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dagster import DagsterRun, DagsterRunStatus

from lab.dagster_host import container_runs, run_events
from lab.dagster_host.dagster_private import (
    CheckRunHealthResult,
    ConfigurableClassData,
    LabLauncher,
    LaunchRunContext,
    WorkerStatus,
    run_argument,
)
from lab.dagster_host.prefork_client import SERVER, Watch

WORKER_TAG = "lab/worker_pid"
# How often, in seconds, a cancellation that another process asked for is looked for.
_POLL_S = 1.0
# How long the database may be away when a run's process begins or ends.
_RECORD_S = 120.0
_LOG = logging.getLogger("dagster.daemon.PreforkRunLauncher")


class RunServer(Protocol):
    """Starts runs outside this process and tells how they end; methods raise OSError."""

    def launch(self, run_id: str, argument: str, watch: Watch) -> None:
        """Starts the run; `watch` gets its events."""
        ...

    def interrupt(self, run_id: str) -> bool:
        """Sends SIGTERM to the run, if it is one of this server's."""
        ...

    def runs(self) -> frozenset[str]:
        """The runs under way."""
        ...


class PreforkRunLauncher(LabLauncher):
    """Launches runs through the process's prefork server, or into containers."""

    def __init__(self, inst_data: ConfigurableClassData | None = None, server: RunServer | None = None) -> None:
        self._server = server or _server_of_process()
        self._cancellations: threading.Thread | None = None
        super().__init__(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hands the run to the prefork server and returns without waiting for it."""
        argument = run_argument(context, self.instance)
        self._server.launch(context.dagster_run.run_id, argument, self.watch)
        self._carry_out_cancellations()

    def terminate(self, run_id: str) -> bool:
        """Marks the run as being canceled; the process that launched it carries it out within a second or two."""
        run = self.instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self.instance.report_run_canceling(run)
        self._server.interrupt(run_id)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """A run of this launcher has a process as long as the daemon that launched it knows of one."""
        worker = run.tags.get(WORKER_TAG)
        # It may have been launched by a daemon before this one.
        self._carry_out_cancellations()
        try:
            # Without the tag it was started by someone else, from a command line for example.
            if worker is None or run.run_id in self._server.runs():
                return CheckRunHealthResult(WorkerStatus.RUNNING)
        except OSError as err:
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, str(err))
        return CheckRunHealthResult(WorkerStatus.FAILED, f"The run's process {worker} is gone.")

    def watch(
        self,
        event: Mapping[str, Any],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Records how a run's process began or ended, as soon as the database is there; raises what keeps it away."""
        end = clock() + _RECORD_S
        while True:
            try:
                return self._record(event)
            except Exception:
                # Nobody else would: a run whose process is gone would wait for the end of its time to start.
                if clock() > end:
                    raise
                pause(_POLL_S)

    def _record(self, event: Mapping[str, Any]) -> None:
        run_id = str(event["run_id"])
        if run_events.is_a(event, run_events.STARTED):
            self.instance.add_run_tags(run_id, {WORKER_TAG: str(event["pid"])})
            return
        # Dagster's command ends with 0 also when it couldn't read or write its database.
        run = self.instance.get_run_by_id(run_id)
        if run and not run.is_finished:
            self._end(run, f"The run's process ended before the run did ({_how(event['code'])}).")

    def _end(self, run: DagsterRun, message: str) -> None:
        if run.status is DagsterRunStatus.CANCELING:
            self.instance.report_run_canceled(run, message)
        else:
            self.instance.report_run_failed(run, message)

    def _carry_out_cancellations(self) -> None:
        """Another process may ask for a cancellation, and only this one has the run's process."""
        if self._cancellations is None:
            self._cancellations = threading.Thread(target=self._poll, name="run-cancellations", daemon=True)
            self._cancellations.start()

    def _poll(self) -> None:
        pause = threading.Event()
        interrupted: set[str] = set()
        while not pause.wait(_POLL_S):
            try:
                runs = self._server.runs()
            except OSError:
                # Whoever has the runs is away for a while.
                continue
            interrupted &= runs
            for run_id in runs - interrupted:
                try:
                    run = self.instance.get_run_by_id(run_id)
                except Exception:
                    # The database may be away for a while; the next round asks again.
                    _LOG.warning("Can't see whether run %s is to be canceled.", run_id, exc_info=True)
                    continue
                if run and run.status is DagsterRunStatus.CANCELING and self._server.interrupt(run_id):
                    interrupted.add(run_id)


def _server_of_process() -> RunServer:
    url = container_runs.gate_url()
    return container_runs.server(url) if url else SERVER


def _how(code: object) -> str:
    if isinstance(code, int):
        return f"signal {-code}" if code < 0 else f"exit status {code}"
    return str(code)
