"""A lab's containers as the engine knows them, found by their label; cheap enough for a screen to ask all the time."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.errors import LabError, ServiceUnavailable
from lab.runtime.compose import engine
from lab.runtime.compose.ownership import ownership

if TYPE_CHECKING:
    from docker import DockerClient

# The option of a bridge that keeps the machine without an address on it.
CLOSED = "com.docker.network.bridge.inhibit_ipv4"
LAB_LABEL, SERVICE_LABEL = "org.mlops-lab.lab", "org.mlops-lab.service"
# A busy engine takes seconds; who must not wait that long, as the screen, asks in a thread of its own.
QUICK_S = 10.0
_KEEP_MEMORY_S = 10.0
# A service of the lab whose container ended this often didn't just meet a dependency that wasn't there yet.
_TOO_OFTEN = 8


@dataclass(frozen=True)
class Container:
    """One container. `state` is the engine's word (created, running, restarting, exited, dead), times epoch seconds."""

    id: str
    service: str
    state: str
    health: str
    exit_code: int
    restarts: int
    started_at: float | None
    finished_at: float | None
    created_at: float
    pid: int | None
    image_created_at: float | None
    health_output: str
    out_of_memory: bool
    ports: tuple[tuple[str, int], ...]
    image: str = ""
    # The command by which the engine asks how it is.
    check: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def hopeless(self) -> bool:
        """Whether it ends again and again."""
        return self.state in {"restarting", "exited", "dead"} and self.restarts >= _TOO_OFTEN


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Turns the SDK's errors into ours."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as err:
        reason = str(getattr(err, "explanation", "") or err).strip().splitlines()[0]
        raise ServiceUnavailable(f"The Docker engine failed at {what}: {reason}", "Type `docker info`.") from None


class Containers:
    """Reads the engine; one connection, made at first use. Threads may share it. Methods raise LabError.

    With the lab's `home` it sees nothing that belongs to another lab of the same name.
    """

    def __init__(
        self,
        lab: str,
        home: Path | None = None,
        connect: Callable[[float], "DockerClient"] = engine.engine,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lab, self._home, self._connect, self._clock = lab, home, connect, clock
        self._clients: dict[float, DockerClient] = {}
        self._known: dict[str, tuple[object, Container]] = {}
        self._images: dict[str, float | None] = {}
        self._memory: dict[str, int] = {}
        self._memory_read_at = float("-inf")
        # Of the newest reading: when (epoch seconds), cores by container, and processor time (s) with its moment.
        self.measured_at: float | None = None
        self._cores: dict[str, float] = {}
        self._spent: dict[str, tuple[float, float]] = {}
        self._reading: threading.Thread | None = None
        self._reading_lock = threading.Lock()

    def client(self, timeout_s: float = engine.TIMEOUT_S) -> "DockerClient":
        """The engine's client whose calls take at most `timeout_s`."""
        if timeout_s not in self._clients:
            self._clients[timeout_s] = self._connect(timeout_s)
        return self._clients[timeout_s]

    @property
    def filters(self) -> dict[str, Any]:
        return {"label": [f"{LAB_LABEL}={self._lab}"]}

    def list(self) -> Mapping[str, Container]:
        """Every container of the lab by its service, as it is now."""
        api = self.client(QUICK_S).api
        with understood("listing containers"):
            rows = self._own(api.containers(all=True, filters=self.filters))
        found: dict[str, tuple[object, Container]] = {}
        for row in rows:
            # The status tells of a restart, which begins its time anew, and of health.
            token = (row["State"], row["Status"], row["ImageID"])
            known = self._known.get(row["Id"])
            if known is None or known[0] != token or row["State"] != "running":
                if (seen := self._inspect(row)) is None:
                    continue
                known = (token, seen)
            found[row["Id"]] = known
        self._known = found
        return {container.service: container for _, container in found.values() if container.service}

    def open_networks(self) -> Sequence[str]:
        """The lab's internal networks on which this machine has an address, as all had that earlier versions made."""
        with understood("listing networks"):
            found = self.client(QUICK_S).networks.list(filters=self.filters)
        attributes = [network.attrs for network in found]
        return sorted(
            one["Name"] for one in attributes if one.get("Internal") and CLOSED not in (one.get("Options") or {})
        )

    def _own(self, rows: Sequence[Any]) -> Sequence[Any]:
        if self._home is None:
            return rows
        owner = ownership(self._home, [row["Labels"] for row in rows])
        return [row for row in rows if owner.owns(row["Labels"])]

    def memory(self, containers: Sequence[Container]) -> Mapping[str, int]:
        """Bytes in use by container id, without what the kernel only caches.

        The engine takes a second per reading: only the first call waits for it, later ones get what was read last.
        """
        ids = [container.id for container in containers if container.running]
        first = not self._memory
        reading = self._reader(ids)
        if first and reading:
            reading.join(QUICK_S)
        return {container: self._memory[container] for container in ids if self._memory.get(container)}

    def cores(self) -> Mapping[str, float]:
        """Cores in use by container id, as of the newest reading that `memory` made; of those that were read twice."""
        return self._cores

    def spent(self) -> Mapping[str, float]:
        """Processor time (seconds) since each container began, by id, as of that reading."""
        return {one: seconds for one, (seconds, _) in self._spent.items()}

    def _reader(self, ids: Sequence[str]) -> threading.Thread | None:
        """The thread that reads just now, begun when a reading is due; None when there is nothing to read."""
        with self._reading_lock:
            if self._reading and self._reading.is_alive():
                return self._reading
            due = self._clock() - self._memory_read_at > _KEEP_MEMORY_S or set(ids) - self._memory.keys()
            if not (due and ids):
                return None
            self._reading = threading.Thread(
                target=self._read_memory, args=(ids,), name="container-memory", daemon=True
            )
            self._reading.start()
            return self._reading

    def _read_memory(self, ids: Sequence[str]) -> None:
        api = self.client(QUICK_S).api

        def used(container: str) -> tuple[str, int, tuple[float, float]]:
            try:
                stats = api.stats(container, stream=False, one_shot=True)
                return container, _used(stats), (_spent(stats), self._clock())
            except Exception:  # it ended just now
                return container, 0, (0.0, self._clock())

        with ThreadPoolExecutor(max_workers=len(ids)) as pool:
            found = list(pool.map(used, ids))
        before, self._spent = self._spent, {container: spent for container, _, spent in found}
        self._cores = {one: _cores(before[one], spent) for one, spent in self._spent.items() if one in before}
        self._memory = {container: memory for container, memory, _ in found}
        self._memory_read_at, self.measured_at = self._clock(), round(time.time(), 3)

    def _inspect(self, row: Mapping[str, Any]) -> Container | None:
        """None for one that has gone since it was listed, as a run's container does at its end."""
        from docker.errors import NotFound

        api = self.client(QUICK_S).api
        with understood("inspecting a container"):
            try:
                raw = api.inspect_container(row["Id"])
            except NotFound:
                return None
            if raw["Image"] not in self._images:
                image: Any = api.inspect_image(raw["Image"])  # type: ignore[no-untyped-call]  # the stubs leave it out
                self._images[raw["Image"]] = moment(image.get("Created", ""))
        return _container(raw, self._images[raw["Image"]])


def _container(raw: Mapping[str, Any], image_created_at: float | None) -> Container:
    state = raw["State"]
    health = state.get("Health") or {}
    log = health.get("Log") or []
    return Container(
        id=raw["Id"],
        service=raw["Config"]["Labels"].get(SERVICE_LABEL, ""),
        state=state["Status"],
        health=health.get("Status", ""),
        exit_code=state["ExitCode"],
        restarts=raw["RestartCount"],
        started_at=moment(state["StartedAt"]),
        finished_at=moment(state["FinishedAt"]),
        created_at=moment(raw["Created"]) or 0.0,
        pid=state["Pid"] or None,
        image_created_at=image_created_at,
        health_output=" ".join(str(log[-1]["Output"]).split())[:300] if log else "",
        out_of_memory=bool(state.get("OOMKilled")),
        ports=_ports(raw),
        image=raw["Image"],
        check=tuple((raw["Config"].get("Healthcheck") or {}).get("Test", ())[1:]),
    )


def _ports(raw: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    published = (raw["NetworkSettings"].get("Ports") or {}).values()
    return tuple((one["HostIp"], int(one["HostPort"])) for bindings in published for one in bindings or ())


def moment(text: str) -> float | None:
    """Epoch seconds of the engine's time; None for its year 1, which means never."""
    if not text or text.startswith("0001-"):
        return None
    try:
        # Nanoseconds are more digits than Python reads.
        head, _, rest = text.partition(".")
        zone = rest.lstrip("0123456789") if rest else ""
        return datetime.fromisoformat(f"{head}{zone}".replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _used(stats: Mapping[str, Any]) -> int:
    """As `docker stats` counts, on both versions of control groups."""
    memory = stats.get("memory_stats") or {}
    details = memory.get("stats") or {}
    cached = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(0, int(memory.get("usage", 0)) - int(cached))


def _spent(stats: Mapping[str, Any]) -> float:
    """Processor time of a container since it began, in seconds."""
    return float(((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage", 0)) / 1e9


def _cores(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Between two readings; one that began anew in between counts from nothing."""
    spent, passed = after[0] - before[0], after[1] - before[1]
    return round(max(0.0, spent) / passed, 3) if passed > 0 else 0.0


def require(containers: Mapping[str, Container], service: str) -> Container:
    """The service's container. Raises LabError when there is none."""
    try:
        return containers[service]
    except KeyError:
        raise LabError(f"There is no container of {service}.", "Type `invoke up`.") from None
