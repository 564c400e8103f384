"""Watching a lab on another machine, or its shape on AWS, through the addresses that reach here: looking only."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.base.catalogue import BY_NAME, CATALOGUE, MAX_PORT_OFFSET, UNSEEN, ProcessFact, Service
from lab.base.errors import LabError, SettingsError, UsageError
from lab.base.names import whole_number
from lab.config import LabConfig
from lab.envfile import written_values
from lab.observe.observer import PROBE_DEADLINE_S, Observer
from lab.observe.probes import Probes
from lab.observe.service_state import service_state
from lab.observe.snapshot import NEEDS, REMOTE, Health, LabInfo, ServiceState, Snapshot
from lab.observe.sources import Source
from lab.services.http import signed_in

if TYPE_CHECKING:
    import httpx

# Asked only when their own address is given: they want a password, which isn't sent to a host just because it is there.
_WITH_PASSWORD = {Service.OBJECT_STORE, Service.ALERTMANAGER, Service.GRAFANA}
ADDRESSABLE = tuple(spec.name for spec in CATALOGUE if spec.url(0).startswith("http:"))
_WRITE = "Write it anew: terraform output -raw settings > FILE."
REACHABLE = tuple(name for name in ADDRESSABLE if name not in _WITH_PASSWORD)


def endpoints_at(where: str) -> dict[Service, str]:
    """The addresses of a lab at HOST or HOST:OFFSET. Raises UsageError."""
    host, colon, offset = where.rpartition(":") if not where.endswith("]") else (where, "", "")
    host, offset = (host, offset) if colon else (where, "0")
    if not host or "/" in host or "@" in host or (shift := whole_number(offset, MAX_PORT_OFFSET)) is None:
        raise UsageError(
            f"--at {where!r} is no host.",
            f"Give HOST or HOST:OFFSET, with the PORT_OFFSET of that lab, 0-{MAX_PORT_OFFSET}.",
        )
    return {name: f"http://{host}:{BY_NAME[name].port_at(shift)}" for name in REACHABLE}


def endpoints_in(path: Path) -> dict[Service, str]:
    """The pages that a settings file names, as `terraform output -raw settings` writes it. Raises LabError."""
    if not path.is_file():
        raise UsageError(f"--at {path}: there is no such file.", _WRITE)
    try:
        written = written_values(path)
    except SettingsError as err:
        # Another settings file is no remedy: this one was named.
        raise UsageError(f"--at: {err.message}", _WRITE) from None
    found: dict[Service, str] = {}
    for pair in filter(None, written.get("LAB_PAGES", "").split(",")):
        name, _, url = pair.strip().partition("=")
        if name not in ADDRESSABLE:
            raise UsageError(f"{path}: LAB_PAGES names {name!r}, which has no page.", f"Use {', '.join(ADDRESSABLE)}.")
        found[Service(name)] = checked_url(f"{path}: LAB_PAGES: {name}", url)
    if not found:
        raise UsageError(f"{path} names no pages: LAB_PAGES is empty.", _WRITE)
    return found


def login(config: LabConfig) -> "httpx.AsyncBaseTransport | None":
    """What signs requests in to the pages of a lab elsewhere; None where no cookie is set."""
    if not (config.endpoints and config.pages_cookie):
        return None
    hosts = {urlsplit(url).hostname or "" for url in config.endpoints.values()}
    return signed_in(config.pages_cookie, hosts)


def checked_url(option: str, url: str) -> str:
    """Raises UsageError for what is no address of a web server; credentials in it would show on screen."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fits, parts = False, urlsplit("")
    if not fits:
        raise UsageError(f"{option} {url!r} is no address.", "Type it as http://HOST:PORT or https://HOST.")
    if parts.username or parts.password:
        raise UsageError(f"{option} holds a name or password, which would show on screen.", "Leave it out.")
    return url.rstrip("/")


def remote_config(config: LabConfig, endpoints: Mapping[Service, str]) -> LabConfig:
    """The settings for looking at a lab that is reached under these addresses."""
    host = urlsplit(next(iter(endpoints.values()))).hostname
    return replace(config, name=host or "remote", endpoints=dict(endpoints))


def remote_info(config: LabConfig) -> LabInfo:
    """What is known of it before it is asked: neither its environment nor who acts there."""
    return LabInfo(config.name, "", "", "", REMOTE)


class _Nowhere:
    """The runtime of a lab elsewhere: nothing is known of its processes."""

    name = REMOTE

    def facts(self, measured: bool = False) -> Mapping[Service, ProcessFact]:  # noqa: ARG002 - nothing can be measured
        return {}


class RemoteObserver(Observer):
    """As `Observer`, of what has an address; all else is said to be out of sight, and never asked on this machine."""

    def __init__(self, config: LabConfig, transport: "httpx.AsyncBaseTransport | None" = None, **options: Any) -> None:
        self._config = config
        transport = transport or login(config)
        self._seen = frozenset(config.endpoints)
        self._remote_probes = Probes(config, transport, PROBE_DEADLINE_S)
        super().__init__(config, _Nowhere(), transport, **options)
        self._lab = remote_info(config)

    def _made(self, deadline_s: float) -> dict[str, Source[Any]]:
        made = super()._made(deadline_s)
        made["services"] = Source("The services", self._states, self._clocks, deadline_s)
        for part, service in NEEDS.items():
            if service not in self._seen:
                made[part] = Source(BY_NAME[service].title, _unseen(service), self._clocks, deadline_s)
        return made

    async def aclose(self) -> None:
        """Ends what is under way and closes every connection."""
        await asyncio.gather(super().aclose(), self._remote_probes.aclose())

    async def _states(self) -> tuple[ServiceState, ...]:
        return tuple(await asyncio.gather(*(self._state(spec.name) for spec in CATALOGUE)))

    async def _state(self, service: Service) -> ServiceState:
        # Its heartbeats are asked of Dagster.
        if service in self._seen or (service is Service.DAGSTER_DAEMON and Service.DAGSTER in self._seen):
            return service_state(self._config, service, None, await self._remote_probes.check(service))
        title = BY_NAME[service].title
        # As if it were optional: what nobody can see says nothing about the lab's health.
        return ServiceState(service, title, Health.ABSENT, reason=UNSEEN, optional=True)


def _unseen(service: Service) -> Callable[[], Awaitable[None]]:
    async def fetch() -> None:
        raise LabError(f"{BY_NAME[service].title} is {UNSEEN}.", f"Give its address by --{service}-url.")

    return fetch


def first_remote_snapshot(config: LabConfig, now: float) -> Snapshot:
    """A snapshot in which everything is still waiting; `now` is epoch seconds."""
    return Snapshot(now, remote_info(config))
