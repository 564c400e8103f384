"""The compose runtime: the catalogue's servers as containers, described by stack/compose.yaml."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lab.base.catalogue import CATALOGUE, ProcessFact, Service, stop_order
from lab.base.errors import LabError, StartupFailed
from lab.config import LabConfig
from lab.runtime import isolation, stopped_services, under_way
from lab.runtime.compose import compose_changes, compose_files
from lab.runtime.compose.compose_files import PROVISION, Stack
from lab.runtime.compose.container_facts import process_fact
from lab.runtime.compose.container_logs import follow, tail
from lab.runtime.compose.container_set import LEGACY_STORE, MOVE_STORE, absent, airgapped, make_stack
from lab.runtime.compose.containers import Container, Containers, require, understood
from lab.runtime.compose.engine import Compose
from lab.runtime.compose.engine_cleanup import LabInEngine
from lab.runtime.compose.first_check import FirstCheck
from lab.runtime.images import official
from lab.runtime.images.image_names import OURS, tag
from lab.runtime.lab_marker import COMPOSE, MINIO, lab_id, refuse_other_ports, refuse_other_store, write_mark
from lab.runtime.layout import Layout
from lab.runtime.lock import HomeLock
from lab.runtime.native.service_files import LOCK, is_strangers
from lab.runtime.runtime import Note, wait_until

_STOP_SECONDS = 60.0
_FACTS_KEPT_S = 0.5


class ComposeRuntime:
    """`lab.runtime.runtime.Runtime` over a container engine and Compose."""

    name = COMPOSE

    def __init__(
        self, config: LabConfig, containers: Containers | None = None, code_version: Callable[[], str] = str
    ) -> None:
        self._config, self._code_version = config, code_version
        self._containers = containers or Containers(config.name, config.home)
        self._first_check = FirstCheck(self._containers)
        self._layout = Layout(config.home)
        self._lock = HomeLock(config.home / LOCK)
        # Whoever waits for several services asks for each.
        self._asking = threading.Lock()
        self._facts: Mapping[Service, ProcessFact] = {}
        self._facts_read_at, self._facts_measured = float("-inf"), False

    @property
    def stack(self) -> Stack:
        """What would be started now. Raises LabError for settings that don't fit the images."""
        return make_stack(self._config)

    def services(self) -> Sequence[Service]:
        return self.stack.services

    def changes(self) -> Mapping[Service, Sequence[str]]:
        if not self._layout.marker.exists():
            return {}
        containers = self._containers.list()
        if self._containers.open_networks():
            # All containers go with the networks that are made anew.
            return {
                service: ("network",) for service in Service if service in containers and containers[service].running
            }
        return compose_changes.changes(self.stack, containers, self._image_id)

    def _image_id(self, name: str) -> str:
        from docker.errors import ImageNotFound

        with understood("looking at an image"):
            try:
                return self._containers.client().images.get(name).id or ""
            except ImageNotFound:
                return ""

    def prepare(self, note: Note, only: Sequence[Service] = ()) -> None:
        if is_strangers(self._config):
            remedy = "Nothing was written; set LAB_HOME to an empty folder or a new one."
            raise LabError(f"{self._config.home} is not a lab's folder (no lab.json in it).", remedy)
        refuse_other_store(self._config, self.stack.store)
        claim = self._in_engine().claim()
        self._lock.acquire(note)
        write_mark(self._config, COMPOSE, self.stack.store, claim.lab_id)
        under_way.begin(self._config.home, only)
        stopped_services.forget_down(self._config.home)
        self._ensure_images(note)
        # Only now is it known which services have an image.
        # What is there without a label can't be given one: Compose would make it anew, and ask to lose its data.
        stack = replace(self.stack, lab_id="" if claim.unlabelled else lab_id(self._config.home))
        compose_files.write_all(stack)
        before = {container.id for container in self._containers.list().values()}
        if not only:
            self._renew_networks(stack, note)
        what = ("--no-deps", *only) if only else ("--remove-orphans",)
        Compose(stack.variables_file).run("up", "--no-start", "--quiet-pull", *what)
        compose_changes.write(stack, only)
        found = self._containers.list()
        made = sorted(service for service, container in found.items() if container.id not in before)
        if made:
            note(f"made containers: {', '.join(made)}")
        if stack.store == MINIO and Service.OBJECT_STORE in made:
            note(f"{LEGACY_STORE}. {MOVE_STORE}")
        self._run_once("volumes", 60.0)

    def _ensure_images(self, note: Note) -> None:
        """Builds or pulls the images that are missing, as a first `up` finds them. Raises LabError."""
        official.forget_old(self._config)
        stack, offline, client = self.stack, airgapped(self._config), self._containers.client()
        with understood("listing images"):
            there = {name for image in client.images.list() for name in image.tags}
            others = official.missing(client, stack.official)
        built = [tag(name, self._config.name) for name in OURS] + [one.name for one in others if offline]
        missing = [name for name in built if name not in there]

        def watch(subject: str, state: str, detail: str, _: float | None) -> None:
            note(" ".join(word for word in (subject, state, detail) if word))

        if missing:
            from lab.runtime.images.build import build, build_airgap

            note(f"building images: {', '.join(missing)}; this takes minutes, and only once")
            make = build_airgap if offline else build
            make(self._config, watch, code_version=self._code_version())
        elif others:
            official.pull(self._config, others, watch)

    def _renew_networks(self, stack: Stack, note: Note) -> None:
        """A network keeps the options that it was made with. Compose's own way to change them loses the names by which
        containers know each other, so that these go, too; volumes stay.
        """
        if old := self._containers.open_networks():
            note(f"making networks and containers anew, because these could reach this machine: {', '.join(old)}")
            self._stop_all()
            Compose(stack.variables_file).run("down", "--remove-orphans")

    def release(self) -> None:
        under_way.end(self._config.home)
        self._lock.release()

    def start(self, service: Service) -> None:
        stopped_services.forget(self._config.home, service)
        if service is Service.DAGSTER_DAEMON and isolation.wanted(self._config):
            self._start(isolation.GATE)
        self._start(service)

    def _start(self, service: str) -> None:
        container = require(self._containers.list(), service)
        if not container.running:
            with understood(f"starting {service}"):
                self._containers.client().api.start(container.id)

    def provision(self, deadline_s: float) -> Sequence[str] | None:
        """Has the one-shot provision databases and buckets, unless it did so for these containers already."""
        found = self._containers.list()
        once = require(found, PROVISION)
        newest = max(
            found[service].created_at for service in (Service.POSTGRES, Service.OBJECT_STORE) if service in found
        )
        if once.state == "exited" and once.exit_code == 0 and (once.finished_at or 0.0) > newest:
            return ()
        return self._run_once(PROVISION, deadline_s)

    def _run_once(self, name: str, deadline_s: float) -> Sequence[str]:
        """What a one-shot said; starts it unless it runs. Raises StartupFailed when it fails or takes too long."""
        once = require(self._containers.list(), name)
        if name == "volumes" and once.state == "exited" and once.exit_code == 0:
            return ()
        api = self._containers.client().api
        began = time.time() - 1.0
        with understood(f"starting {name}"):
            api.start(once.id)

        def ended() -> bool:
            nonlocal once
            once = require(self._containers.list(), name)
            return not once.running

        def late() -> Exception:
            return StartupFailed(f"{name} isn't done after {deadline_s:.0f} s.", f"Type `docker logs {once.id[:12]}`.")

        wait_until(ended, deadline_s, late, interval_s=0.2)
        lines = tail(self._containers.client(), once.id, 50, datetime.fromtimestamp(began).astimezone())
        if once.exit_code:
            said = "".join(f"\n    {line}" for line in lines[-15:])
            raise StartupFailed(
                f"{name} ended with exit code {once.exit_code}:{said}", "Mend it and `invoke up` again."
            )
        return lines

    def halt(self, service: Service, by: str, note: Note) -> None:
        with self._lock.held(note), stopped_services.kept(self._config.home, service, by):
            self.stop((service,))

    def stop(self, services: Sequence[Service], deadline_s: float = _STOP_SECONDS) -> None:
        found = self._containers.list()
        self._stop([found[service] for service in services if service in found], deadline_s)

    def _stop(self, containers: Sequence[Container], deadline_s: float) -> None:
        api = self._containers.client().api
        alive = [container.id for container in containers if container.state in {"running", "restarting", "paused"}]
        with understood("stopping containers"), ThreadPoolExecutor(max_workers=6) as pool:
            list(pool.map(lambda container: api.stop(container, timeout=int(deadline_s)), alive))

    def down(self, note: Note, by: str = "") -> bool:
        if not self._layout.marker.exists():
            return self._stop_all()
        with self._lock.held(note), stopped_services.kept_down(self._config.home, by):
            return self._stop_all()

    def _stop_all(self) -> bool:
        """Containers stay, with their logs; whatever must run is started again by `up`, not by the engine."""
        found = self._containers.list()
        ran = any(container.state in {"running", "restarting", "paused"} for container in found.values())
        # Runs first: while what they write to is there, they can say how they end.
        self._stop([one for name, one in found.items() if name.startswith(isolation.RUN_PREFIX)], _STOP_SECONDS)
        for wave in stop_order():
            self._stop([found[service] for service in wave if service in found], _STOP_SECONDS)
        self._stop(list(found.values()), _STOP_SECONDS)
        return ran

    def nuke(self, note: Note) -> None:
        self._end(note, images=True)

    def wipe(self, note: Note) -> None:
        self._end(note, images=False)

    def _end(self, note: Note, images: bool) -> None:
        home = self._config.home
        if is_strangers(self._config):
            remedy = "Nothing was removed; check LAB_HOME."
            raise LabError(f"{home} is not a lab's folder (no lab.json in it).", remedy)
        with self._lock.held(note) if home.exists() else nullcontext():
            self._in_engine().remove(note, images)
            if home.exists():
                kept = self._kept_images() if not images else None
                shutil.rmtree(home)
                if kept:
                    kept[0].parent.mkdir(parents=True, mode=0o700)
                    kept[0].write_text(kept[1])
                note(f"removed {home}")

    def _kept_images(self) -> tuple[Path, str] | None:
        """Which images were built goes with them."""
        path = self._config.home / "compose" / "images.env"
        return (path, path.read_text()) if path.exists() else None

    def doomed(self) -> Sequence[str]:
        return self._in_engine().names()

    def _in_engine(self) -> LabInEngine:
        return LabInEngine(self._containers, self._config.name, self._config.home)

    def facts(self, measured: bool = False) -> Mapping[Service, ProcessFact]:
        with self._asking:
            old = time.monotonic() - self._facts_read_at > _FACTS_KEPT_S
            if old or (measured and not self._facts_measured):
                self._facts, self._facts_measured = self._read_facts(measured), measured
                self._facts_read_at = time.monotonic()
            return self._facts

    def _read_facts(self, measured: bool) -> Mapping[Service, ProcessFact]:
        missing = absent(self._config)
        found = self._containers.list()
        refuse_other_ports(self._config, lambda: any(container.running for container in found.values()))
        memory = self._containers.memory(list(found.values())) if measured else {}
        # One that is down while others run was stopped by itself.
        alone = any(container.running for container in found.values())
        stops = stopped_services.read(self._config.home) if alone else {}
        down = stopped_services.taken_down(self._config.home)
        cores, measured_at = self._containers.cores(), self._containers.measured_at
        awaited = under_way.awaited(self._config.home)
        facts = {}
        for spec in CATALOGUE:
            if spec.name in missing:
                reason, remedy = missing[spec.name]
                facts[spec.name] = ProcessFact("absent", reason=reason, remedy=remedy)
            else:
                fact = process_fact(container := found.get(spec.name), memory, alone, cores, measured_at)
                if container and container.running:
                    fact = replace(fact, cpu_s=self._containers.spent().get(container.id))
                    if spec.name is Service.DAGSTER_CODE:
                        # Others are asked at their published ports.
                        fact = replace(fact, health=self._first_check.health(container))
                fact = stopped_services.explained(fact, spec.name, stops.get(spec.name), down)
                facts[spec.name] = under_way.explained(fact, spec.name, awaited)
        return facts

    def tail(self, service: Service, lines: int, since: datetime | None = None) -> Sequence[str]:
        found = self._containers.list()
        if service not in found:
            return ()
        return tail(self._containers.client(), found[service].id, lines, since)

    def follow(
        self, services: Sequence[Service], ended: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Service, str]]:
        found = self._containers.list()
        wanted = {service: found[service].id for service in services if service in found}
        return follow(self._containers.client, wanted, ended)

    def execute(self, service: Service, argv: Sequence[str], terminal: bool) -> int:
        """Runs a command inside the service's container, and returns its exit code."""
        require(self._containers.list(), service)
        return Compose(self.stack.variables_file).execute(service, argv, terminal)
