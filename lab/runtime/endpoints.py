"""Where a service finds itself and its neighbours: this machine's loopback, or the networks between containers."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab.base.catalogue import BY_NAME, LOOPBACK, Service
from lab.config import LabConfig
from lab.runtime.layout import Layout

# Added to the name of a service inside its network. Names without it are known on the network for published ports, too,
# where containers can't reach each other.
DOMAIN = ".lab"
# Where containers find what is mounted into them, and the secrets, which Compose puts there.
MOUNTS = PurePosixPath("/lab")
SECRETS = PurePosixPath("/run/secrets")
_INSIDE = PurePosixPath("/tmp")  # noqa: S108 - a container's own, in memory


@dataclass(frozen=True)
class EndpointView:
    """Addresses and paths as a service sees them; `listen` is the address it binds to."""

    config: LabConfig
    listen: str
    inside: bool
    dagster: PurePosixPath
    data: PurePosixPath
    policy: PurePosixPath
    governance: PurePosixPath
    journal: PurePosixPath
    witness: PurePosixPath
    secrets: PurePosixPath
    cache: PurePosixPath
    scratch: PurePosixPath
    request_counts: PurePosixPath

    def host(self, service: Service) -> str:
        """Under which name another service reaches `service`."""
        return f"{service}{DOMAIN}" if self.inside else LOOPBACK

    def port(self, service: Service) -> int:
        """The port that `service` opens here; the offset counts on this machine only."""
        return BY_NAME[service].port_at(0 if self.inside else self.config.port_offset)

    def extra_port(self, service: Service, label: str) -> int:
        return BY_NAME[service].extra_port(label, 0 if self.inside else self.config.port_offset)

    def address(self, service: Service) -> str:
        """host:port"""
        return f"{self.host(service)}:{self.port(service)}"

    def url(self, service: Service) -> str:
        return f"http://{self.address(service)}"

    def hosts(self, service: Service) -> tuple[str, ...]:
        """Every value of the Host header that names `service`: a browser's, and another container's."""
        port = self.config.port(service)
        outside = (f"{LOOPBACK}:{port}", f"localhost:{port}")
        # Its own health check asks it inside the container, where the offset doesn't count.
        own = (self.address(service), f"{LOOPBACK}:{self.port(service)}") if self.inside else ()
        return tuple(dict.fromkeys((*outside, *own)))


def on_host(config: LabConfig, layout: Layout) -> EndpointView:
    """The native runtime's."""

    def pure(path: Path) -> PurePosixPath:
        return PurePosixPath(path)

    return EndpointView(
        config=config,
        listen=LOOPBACK,
        inside=False,
        dagster=pure(layout.dagster),
        data=pure(config.data_path),
        policy=pure(config.policy_path),
        governance=pure(config.governance),
        journal=pure(layout.journal),
        witness=pure(config.witness),
        secrets=pure(layout.config),
        cache=pure(layout.cache),
        scratch=pure(layout.scratch),
        request_counts=pure(layout.mlflow / "metrics"),
    )


def in_container(config: LabConfig) -> EndpointView:
    """The compose runtime's."""
    return EndpointView(
        config=config,
        listen="0.0.0.0",  # noqa: S104 - inside the container; what is published is bound to loopback
        inside=True,
        dagster=MOUNTS / "dagster",
        data=MOUNTS / "data" / config.data_path.name,
        policy=MOUNTS / "policy" / config.policy_path.name,
        governance=MOUNTS / "governance",
        journal=MOUNTS / "journal",
        witness=MOUNTS / "witness",
        secrets=SECRETS,
        cache=_INSIDE / "cache",
        scratch=_INSIDE,
        request_counts=_INSIDE / "metrics",
    )
