"""The one catalogue of services: every runtime, probe, dashboard and table is made from it or tested against it.

`ProcessFact` is what a runtime knows of one that runs.
"""

from dataclasses import dataclass
from enum import StrEnum

from lab.base.similar import meant

LOOPBACK = "127.0.0.1"
MAX_PORT_OFFSET = 40_000
# Labs whose offsets are multiples of this share no port. Most round numbers have multiples that do: at 2000, Dagster
# gets the port that MLflow has at 0.
OFFSET_STEP = 1_100
# How an exporter is asked, by POST, for a round of its poller now.
POLL_PATH, POLL_HEADER = "/poll", "X-Lab-Poll"
# How it begins what is said of a lab that a person took down.
TAKEN_DOWN = "taken down"
# What is said of a service of a lab that never was up, and of one that a command is about to start.
NEVER_STARTED = "never started"
BEING_STARTED = "waits for its turn"
# What is said of a service of a lab elsewhere that has no address here.
UNSEEN = "not observable from here"


class Service(StrEnum):
    """Names of the services, as typed on the command line and shown on screen."""

    POSTGRES = "postgres"
    OBJECT_STORE = "object-store"
    MLFLOW = "mlflow"
    DAGSTER_CODE = "dagster-code"
    DAGSTER = "dagster"
    DAGSTER_DAEMON = "dagster-daemon"
    DRIFT_MONITOR = "drift-monitor"
    DAGSTER_METRICS = "dagster-metrics"
    GOVERNANCE_METRICS = "governance-metrics"
    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"


@dataclass(frozen=True)
class ServiceSpec:
    """What is known of a service before it runs. `port` is the default, shifted by `PORT_OFFSET`."""

    name: Service
    title: str
    purpose: str
    port: int | None
    probe: str
    needs: tuple[Service, ...] = ()
    optional: bool = False
    browsable: bool = False
    extra_ports: tuple[tuple[str, int], ...] = ()

    @property
    def published(self) -> bool:
        """Whether containers open the port on this machine; the code server's callers are all inside."""
        return self.port is not None and self.name is not Service.DAGSTER_CODE

    def port_at(self, offset: int) -> int:
        """The TCP port on loopback under `offset`; raises ValueError for a service without one."""
        if self.port is None:
            raise ValueError(f"{self.name} listens on no port")
        return self.port + offset

    def extra_port(self, label: str, offset: int) -> int:
        """An internal port, named in `extra_ports`."""
        return dict(self.extra_ports)[label] + offset

    def url(self, offset: int) -> str:
        """Where a client on this machine reaches the service; empty for one without a port."""
        if self.port is None:
            return ""
        scheme = (
            "postgresql" if self.name is Service.POSTGRES else "grpc" if self.name is Service.DAGSTER_CODE else "http"
        )
        return f"{scheme}://{LOOPBACK}:{self.port_at(offset)}"

    def ports(self, offset: int) -> dict[str, int]:
        """Every port the service opens, by label."""
        own = {} if self.port is None else {"": self.port_at(offset)}
        return own | {label: port + offset for label, port in self.extra_ports}


_S = Service
CATALOGUE: tuple[ServiceSpec, ...] = (
    ServiceSpec(
        _S.POSTGRES, "PostgreSQL", "metadata of Dagster and MLflow", 5432, "a query in each database, which writes"
    ),
    ServiceSpec(
        _S.OBJECT_STORE,
        "Object store (S3)",
        "data sets, artifacts and the audit trail",
        9000,
        "a signed HEAD on each bucket, an upload that is taken back",
        extra_ports=(
            ("console", 9001),
            ("metrics", 9010),
            ("master", 9011),
            ("filer", 9012),
            ("volume", 9013),
            # SeaweedFS looks for its console at the console port + 10000, whatever it is told; the others can be given.
            ("s3-grpc", 9014),
            ("console-grpc", 19001),
            ("master-grpc", 9016),
            ("filer-grpc", 9017),
            ("volume-grpc", 9018),
        ),
    ),
    ServiceSpec(
        _S.MLFLOW,
        "MLflow",
        "experiments and the model registry",
        5000,
        "a registry search through REST",
        needs=(_S.POSTGRES, _S.OBJECT_STORE),
        browsable=True,
    ),
    ServiceSpec(
        _S.DAGSTER_CODE,
        "Dagster code location",
        "serves the pipeline's definitions",
        3001,
        "a gRPC health check",
        needs=(_S.POSTGRES,),
    ),
    ServiceSpec(
        _S.DAGSTER,
        "Dagster",
        "launches and shows pipeline runs",
        3000,
        "GraphQL: the code location is loaded, the newest runs are listed",
        needs=(_S.POSTGRES, _S.DAGSTER_CODE),
        browsable=True,
    ),
    ServiceSpec(
        _S.DAGSTER_DAEMON,
        "Dagster daemon",
        "runs the queue and the schedules",
        None,
        "GraphQL: heartbeats younger than 120 s",
        needs=(_S.POSTGRES, _S.DAGSTER_CODE),
    ),
    ServiceSpec(
        _S.DRIFT_MONITOR,
        "Drift monitor",
        "compares the current data with the baseline",
        9100,
        "its own metrics, age of the last check",
        needs=(_S.OBJECT_STORE,),
    ),
    ServiceSpec(
        _S.DAGSTER_METRICS,
        "Dagster exporter",
        "health, runs and schedules as metrics",
        9200,
        "its own metrics",
    ),
    ServiceSpec(
        _S.GOVERNANCE_METRICS,
        "Governance exporter",
        "audit trail and registry as metrics",
        9300,
        "its own metrics",
        needs=(_S.OBJECT_STORE,),
    ),
    ServiceSpec(
        _S.PROMETHEUS,
        "Prometheus",
        "scrapes every service and evaluates alerts",
        9090,
        "ready, and every target up",
        browsable=True,
    ),
    ServiceSpec(
        _S.ALERTMANAGER,
        "Alertmanager",
        "routes and silences alerts",
        9093,
        "ready",
        optional=True,
        browsable=True,
    ),
    ServiceSpec(
        _S.GRAFANA,
        "Grafana",
        "dashboards",
        3030,
        "health, and the dashboard found by uid",
        optional=True,
        browsable=True,
    ),
)

BY_NAME: dict[Service, ServiceSpec] = {spec.name: spec for spec in CATALOGUE}


def landing(name: str, url: str) -> str:
    """Where a browser should open a service at `url`: MLflow shows language models unless told otherwise."""
    if name == Service.MLFLOW and url:
        return f"{url.rstrip('/')}/#/experiments?workflowType=machine_learning"
    return url


def find(name: str) -> ServiceSpec:
    """The service called `name`; `minio`, `seaweedfs` and `s3` mean the object store.

    Raises KeyError with the known names when there is none.
    """
    aliases = {"minio": _S.OBJECT_STORE, "seaweedfs": _S.OBJECT_STORE, "s3": _S.OBJECT_STORE}
    try:
        return BY_NAME[aliases.get(name) or Service(name)]
    except ValueError:
        raise KeyError(f"{name!r} is no service. {meant(name, Service)}There are {', '.join(Service)}.") from None


def ports_at(offset: int) -> dict[int, str]:
    """Every port of a lab under `offset`, extra ones too, and what opens it."""
    return {port: f"{spec.name} {label}".strip() for spec in CATALOGUE for label, port in spec.ports(offset).items()}


def stop_order() -> list[list[Service]]:
    """Dependants before what they need, everything that can go at once together."""
    left = {spec.name: set(spec.needs) for spec in CATALOGUE}
    waves = []
    while left:
        needed = set().union(*left.values())
        wave = [name for name in left if name not in needed]
        waves.append(wave)
        for name in wave:
            del left[name]
    return waves


@dataclass(frozen=True)
class ProcessFact:
    """`state` is running, starting, stopped, failed or absent; uptime in seconds, memory (PSS or RSS) in bytes.

    `cpu` is in cores, taken together with its children at `measured_at` (epoch seconds) over the seconds before;
    `cpu_s` is processor time since it began, in seconds.
    `deliberate` says that a person stopped it, `awaited` that a command is bringing it up.
    Of a container, `health` is what its own check says (starting, healthy, unhealthy), `image_age_s` is in seconds.
    """

    state: str
    pid: int | None = None
    uptime_s: float | None = None
    restarts: int | None = None
    memory_bytes: int | None = None
    reason: str = ""
    remedy: str = ""
    health: str = ""
    image_age_s: float | None = None
    cpu: float | None = None
    measured_at: float | None = None
    cpu_s: float | None = None
    deliberate: bool = False
    awaited: bool = False
