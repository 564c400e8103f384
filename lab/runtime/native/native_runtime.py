"""The native runtime: the catalogue's servers as supervised processes of this host, without Docker or root."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import psutil

from lab.base.catalogue import CATALOGUE, ProcessFact, Service, stop_order
from lab.base.errors import LabError, ServiceUnavailable
from lab.base.log_lines import newer
from lab.config import LabConfig
from lab.runtime import isolation, stopped_services, under_way
from lab.runtime.binaries import NotInstalled, Resolver
from lab.runtime.credentials import ensure_pair
from lab.runtime.lab_marker import NATIVE, SEAWEEDFS, refuse_other_ports, write_mark
from lab.runtime.layout import Layout
from lab.runtime.lock import HomeLock
from lab.runtime.native import orphan_processes
from lab.runtime.native.command_lines import Tools, base_environment, command
from lab.runtime.native.log_files import count_restarts, follow, tail
from lab.runtime.native.postgres_data import ensure_cluster
from lab.runtime.native.process_meters import Meters
from lab.runtime.native.programs import Plan, plan, write_programs
from lab.runtime.native.service_files import (
    LOCK,
    Input,
    empty_scratch,
    forget_request_counts,
    inputs,
    is_strangers,
    refuse_foreign,
    remove_dead_sockets,
    write_inputs,
)
from lab.runtime.native.supervisor import ProgramState, Supervisor, SupervisorHangs
from lab.runtime.runtime import Note, wait_until

_STOP_SECONDS = 30.0
# supervisord's words for a program that won't stay say neither that it is tried again nor that it isn't.
_SOON = {"BACKOFF": "ends right after each start", "FATAL": "given up: it ended right after each start"}
_STATES = {"RUNNING": "running", "STARTING": "starting", "BACKOFF": "failed", "FATAL": "failed"}


class NativeRuntime:
    """`lab.runtime.runtime.Runtime` over supervisord."""

    name = "native"

    def __init__(self, config: LabConfig, binaries: Resolver) -> None:
        self._config, self._binaries = config, binaries
        self.layout = Layout(config.home)
        self._supervisor = Supervisor(self.layout.config / "supervisord.conf", self.layout.run / "supervisor.sock")
        self._meters = Meters()
        self._lock = HomeLock(self.layout.home / LOCK)

    def services(self) -> Sequence[Service]:
        absent = self._absent()
        return [spec.name for spec in CATALOGUE if spec.name not in absent]

    def running(self) -> bool:
        """Whether a supervisor of this lab is there."""
        return self._supervisor.alive()

    def changes(self) -> Mapping[Service, Sequence[str]]:
        if not self.running():
            return {}
        now = {one.service: one for one in self._plans(self._tools(lambda _: None), self._inputs())}
        states = self._supervisor.states()
        running = [service for service in Service if service in states and states[service].pid]
        found = {name: now[name].changes() if name in now else ("program (it is gone)",) for name in running}
        return {name: changes for name, changes in found.items() if changes}

    def prepare(self, note: Note, only: Sequence[Service] = ()) -> None:
        self._refuse_strangers("Nothing was written; set LAB_HOME to an empty folder or a new one.")
        isolation.refuse(self._config)
        self._lock.acquire(note)
        write_mark(self._config, NATIVE, SEAWEEDFS)
        under_way.begin(self._config.home, only)
        for folder in self.layout.folders():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        refuse_foreign(self.layout.run)
        self._end_orphans(note)
        stopped_services.forget_down(self.layout.home)
        tools = self._tools(note)
        if ensure_cluster(tools.postgres, self.layout, self._config.secrets.postgres):
            note("made a PostgreSQL cluster")
        ensure_pair(self.layout.config)
        files = self._inputs()
        write_inputs(files, only)
        write_programs(self._plans(tools, files), self.layout, only)
        self._binaries.remember()
        if not self.running():
            empty_scratch(self.layout)
            forget_request_counts(self.layout)
            self._supervisor.launch(base_environment(self.layout))
        else:
            # Asked each time: a command that was ended between writing and reloading left that to this one.
            replaced, removed = self._supervisor.reload()
            if replaced or removed:
                note(f"taken in: {', '.join([*replaced, *removed])}")

    def start(self, service: Service) -> None:
        stopped_services.forget(self._config.home, service)
        self._supervisor.start(service)

    def stop(self, services: Sequence[Service], deadline_s: float = _STOP_SECONDS) -> None:
        self._supervisor.stop([str(service) for service in services], deadline_s)

    def halt(self, service: Service, by: str, note: Note) -> None:
        with self._lock.held(note), stopped_services.kept(self._config.home, service, by):
            self.stop((service,))

    def release(self) -> None:
        under_way.end(self._config.home)
        self._lock.release()

    def down(self, note: Note, by: str = "") -> bool:
        self._binaries.forget()
        if not self.layout.marker.exists():
            return self._stop_all(note)
        with self._lock.held(note), stopped_services.kept_down(self._config.home, by):
            return self._stop_all(note)

    def nuke(self, note: Note) -> None:
        self._refuse_strangers("Nothing was removed; check LAB_HOME.")
        home = self._config.home
        with self._lock.held(note) if home.exists() else nullcontext():
            self._stop_all(note)
            remove_dead_sockets(self._config)
            if self.layout.run.parent != home:
                shutil.rmtree(self.layout.run, ignore_errors=True)
            if home.exists():
                self._remove(home)
                note(f"removed {home}")

    def wipe(self, note: Note) -> None:
        self.nuke(note)

    def facts(self, measured: bool = False) -> Mapping[Service, ProcessFact]:
        refuse_other_ports(self._config, self.running)
        absent = self._absent()
        try:
            states = self._supervisor.states()
        except SupervisorHangs:
            # Nothing is known then; that nothing runs would be an assertion.
            raise
        except (ServiceUnavailable, LabError):
            states = {}
        restarts = count_restarts(self.layout.logs / "supervisord.log")
        # In a lab that is down nothing else was stopped by itself.
        stops = stopped_services.read(self._config.home) if states else {}
        down = stopped_services.taken_down(self._config.home)
        awaited = under_way.awaited(self._config.home)
        facts: dict[Service, ProcessFact] = {}
        for spec in CATALOGUE:
            if spec.name in absent:
                facts[spec.name] = ProcessFact(
                    "absent", reason=absent[spec.name].reason, remedy=absent[spec.name].remedy
                )
            else:
                fact = _fact(states.get(spec.name), restarts.get(spec.name, 0))
                fact = stopped_services.explained(fact, spec.name, stops.get(spec.name), down)
                facts[spec.name] = under_way.explained(fact, spec.name, awaited)
        return self._meters.measured(facts) if measured else facts

    def tail(self, service: Service, lines: int, since: datetime | None = None) -> Sequence[str]:
        current = self.layout.logs / f"{service}.log"
        # Oldest first.
        rotated = (current.with_name(f"{current.name}.{number}") for number in (2, 1))
        found = tail([path for path in (*rotated, current) if path.exists()], lines)
        return found if since is None else list(newer(found, since, datetime.now(UTC)))

    def follow(
        self, services: Sequence[Service], ended: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Service, str]]:
        return follow({service: self.layout.logs / f"{service}.log" for service in services}, ended)

    def provision(self, deadline_s: float) -> Sequence[str] | None:  # noqa: ARG002 - there is nothing to wait for
        return None

    def doomed(self) -> Sequence[str]:
        return ()

    def execute(self, service: Service, argv: Sequence[str], terminal: bool) -> int:
        made = command(service, self._config, self.layout, self._tools(lambda _: None))
        shown = {"TERM": os.environ.get("TERM", "dumb")} if terminal else {}
        if not made.folder.is_dir():
            raise LabError(f"The lab {self._config.name} was never started.", "Type `invoke up`.")
        try:
            return subprocess.run(argv, cwd=made.folder, env={**shown, **made.environment}, check=False).returncode
        except OSError as err:
            raise LabError(f"{argv[0]} can't be run: {err.strerror}.", "Give a program that is on PATH.") from None

    def _refuse_strangers(self, remedy: str) -> None:
        if is_strangers(self._config):
            raise LabError(f"{self._config.home} is not a lab's folder (no lab.json in it).", remedy)

    def _end_orphans(self, note: Note) -> None:
        """Without its supervisor nothing restarts a server, and it holds the ports: end it before starting anew."""
        if self.running():
            return
        ended = orphan_processes.end_all(self._config.home)
        if ended:
            note(f"ended {ended} processes that had lost their supervisor")

    def _stop_all(self, note: Note) -> bool:
        ran = self.running()
        if ran:
            pid = self._supervisor.pid()
            for wave in stop_order():
                self.stop(wave)
            self._supervisor.shutdown()
            message = f"supervisord (pid {pid}) doesn't end."
            wait_until(
                lambda: not psutil.pid_exists(pid), _STOP_SECONDS, lambda: LabError(message, f"Type `kill -9 {pid}`.")
            )
        ended = orphan_processes.end_all(self._config.home)
        if ended:
            note(f"ended {ended} processes that had lost their supervisor")
        return ran or bool(ended)

    def _tools(self, note: Note) -> Tools:
        optional: dict[Service, Sequence[str] | None] = {}
        for service in (Service.ALERTMANAGER, Service.GRAFANA):
            found = self._binaries.optional(service, note)
            optional[service] = None if isinstance(found, NotInstalled) else found.argv
        return Tools(
            postgres=self._binaries.postgres_folder(),
            weed=self._binaries.weed(),
            prometheus=self._binaries.prometheus(note),
            alertmanager=optional[Service.ALERTMANAGER],
            grafana=optional[Service.GRAFANA],
        )

    def _absent(self) -> Mapping[Service, NotInstalled]:
        return self._binaries.absent()

    def _inputs(self) -> Sequence[Input]:
        return inputs(self._config, self.layout, self.services())

    def _plans(self, tools: Tools, files: Sequence[Input]) -> Sequence[Plan]:
        """How each service would be started now."""
        made = {one: command(one, self._config, self.layout, tools) for one in self.services()}
        return [plan(service, how, files, self.layout) for service, how in made.items()]

    def _remove(self, home: Path) -> None:
        for attempt in range(5):
            # What says that the folder is a lab's goes last, or a nuke that was ended half way couldn't be repeated.
            for path in set(home.iterdir()) - {self.layout.marker, self.layout.home / LOCK}:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=attempt < 4)
                else:
                    path.unlink(missing_ok=True)
            shutil.rmtree(home, ignore_errors=attempt < 4)
            if not home.exists():
                return
            time.sleep(0.2)  # a server that is just ending may still write a last file


def _fact(state: ProgramState | None, restarts: int) -> ProcessFact:
    if state is None:
        return ProcessFact("stopped", reason="the lab is down", remedy="Type `invoke up`.")
    uptime = None if state.started_at is None else max(0.0, time.time() - state.started_at)
    return ProcessFact(_STATES.get(state.state, "stopped"), state.pid, uptime, restarts, reason=_reason(state))


def _reason(state: ProgramState) -> str:
    if state.state == "RUNNING":
        return ""
    soon = _SOON.get(state.state, "") if state.message.startswith("Exited too quickly") else ""
    return soon or f"{state.state.lower()}: {state.message}"
