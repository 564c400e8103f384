"""One frozen picture of the whole lab: what every screen and `--json` shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Generic, TypeVar

from lab.base.alerts import Alert
from lab.base.catalogue import Service
from lab.base.drift_report import DriftReport
from lab.base.model_versions import ModelVersion
from lab.base.runs import Run, ScheduleState
from lab.governance.ledger import AuditView

SCHEMA_VERSION = 2
# In the first one `drift` was the report of one model, not of each.
READABLE_SCHEMAS = frozenset({1, SCHEMA_VERSION})
# How Prometheus, which watches the others, names those that are missing.
TARGETS_DOWN = "Targets down: "
# The runtime of a lab that is only looked at from afar.
REMOTE = "remote"

# What a part of a snapshot can't be read without.
NEEDS: Mapping[str, Service] = {
    "runs": Service.DAGSTER,
    "models": Service.MLFLOW,
    "audit": Service.OBJECT_STORE,
    "drift": Service.DRIFT_MONITOR,
    "alerts": Service.PROMETHEUS,
}

T = TypeVar("T")
U = TypeVar("U")


class SliceState(StrEnum):
    """What may be said of a source: the four look different on every screen."""

    WAITING = "waiting"  # never answered yet, never failed
    OK = "ok"
    FAILED = "failed"  # never answered, and the last attempt failed
    STALE = "stale"  # answered once; the last attempt failed


@dataclass(frozen=True)
class Slice(Generic[T]):
    """One source's part of a snapshot: its last good value and the newest attempt. Times are epoch seconds."""

    value: T | None = None
    fetched_at: float | None = None
    error: str = ""
    attempted_at: float | None = None

    @property
    def state(self) -> SliceState:
        if self.error:
            return SliceState.FAILED if self.value is None else SliceState.STALE
        return SliceState.WAITING if self.value is None else SliceState.OK

    def age(self, now: float) -> float | None:
        """Seconds since the value was fetched."""
        return None if self.fetched_at is None else max(0.0, now - self.fetched_at)

    def succeeded(self, value: T, now: float) -> "Slice[T]":
        """Keeps the very value that it has where the new one is equal: what is drawn of it needn't be made anew."""
        return Slice(self.value if value == self.value else value, now, "", now)

    def failed(self, error: str, now: float) -> "Slice[T]":
        """Keeps the last good value."""
        return replace(self, error=error or "failed for an unknown reason", attempted_at=now)

    def map(self, function: Callable[[T], U]) -> "Slice[U]":
        value = None if self.value is None else function(self.value)
        return Slice(value, self.fetched_at, self.error, self.attempted_at)


class Health(StrEnum):
    """State of a service by its deep probe."""

    UP = "up"
    STARTING = "starting"
    DEGRADED = "degraded"  # answers, but not everything it should do is done
    DOWN = "down"
    ABSENT = "absent"  # optional and not installed here


@dataclass(frozen=True)
class ServiceState:
    """One service: `reason` says why it is not up; latency (s) is of the deep probe; memory (bytes) is PSS or RSS.

    `probed_at` (epoch seconds) is when the deep probe ended: a service that is up isn't probed for every snapshot.
    Of a container, `container_health` is what its own check says and `image_age_s` (s) how old its image is.
    `cpu` is in cores, over the seconds before `measured_at` (epoch seconds), of a single look over all of its uptime.
    One that is `stopped` is down, because a person stopped it; one that is `awaited` is being brought up by a command.
    One that is `overdue` is degraded: its last probe ran out of time, and the next one tells whether it is down.
    """

    name: str
    title: str
    health: Health
    url: str = ""
    reason: str = ""
    remedy: str = ""
    latency_s: float | None = None
    uptime_s: float | None = None
    restarts: int | None = None
    memory_bytes: int | None = None
    pid: int | None = None
    optional: bool = False
    probed_at: float | None = None
    container_health: str = ""
    image_age_s: float | None = None
    cpu: float | None = None
    measured_at: float | None = None
    stopped: bool = False
    awaited: bool = False
    overdue: bool = False


@dataclass(frozen=True)
class ModelInfo:
    """What a model's contract says: the registered name, whether commands that name none mean it, what decides.

    `primary` is a metric; it is empty where the contract can't be read, and `name` is the folder's then. `problem` is
    why it can't be trained, as far as a look at its contract, code, lock and data tells.
    """

    name: str
    default: bool = False
    primary: str = ""
    problem: str = ""


@dataclass(frozen=True)
class LabInfo:
    """Whose lab it is, where it runs, and the models that it has folders of.

    `may` are the policy's roles by action and environment, as in `approve staging`; empty where it isn't known.
    """

    name: str
    environment: str
    role: str
    owner: str
    runtime: str
    models: tuple[ModelInfo, ...] = ()
    may: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunsView:
    """Newest runs first, and the training schedule."""

    runs: tuple[Run, ...]
    schedule: ScheduleState | None = None


@dataclass(frozen=True)
class Snapshot:
    """Everything the lab shows, at one moment (`taken_at`, epoch seconds)."""

    taken_at: float
    lab: LabInfo
    services: Slice[tuple[ServiceState, ...]] = field(default_factory=Slice)
    runs: Slice[RunsView] = field(default_factory=Slice)
    models: Slice[tuple[ModelVersion, ...]] = field(default_factory=Slice)
    audit: Slice[AuditView] = field(default_factory=Slice)
    drift: Slice[tuple[DriftReport, ...]] = field(default_factory=Slice)
    alerts: Slice[tuple[Alert, ...]] = field(default_factory=Slice)

    @property
    def overall(self) -> Health:
        """UP when every service that must run is up; DOWN when none is; STARTING when the others are about to be."""
        services = self.services.value
        if services is None:
            return Health.STARTING if self.services.state is SliceState.WAITING else Health.DOWN
        # On a busy machine one late answer is no news of the service.
        needed = [Health.UP if s.overdue else s.health for s in services if not s.optional]
        if all(health is Health.UP for health in needed):
            return Health.UP
        if not set(needed) & {Health.DOWN, Health.DEGRADED}:
            return Health.STARTING
        return Health.DOWN if all(health is Health.DOWN for health in needed) else Health.DEGRADED
