"""Whether the lab's ports are free, who holds those that aren't, and which offset would do."""

import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import psutil

from lab.base.catalogue import BY_NAME, CATALOGUE, LOOPBACK, MAX_PORT_OFFSET, OFFSET_STEP, Service, ports_at
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.operations.doctor.finding import Finding, Verdict
from lab.runtime import neighbours
from lab.runtime.binaries import Resolver
from lab.runtime.lab_marker import COMPOSE, recorded_offset, runtime_name
from lab.runtime.native.orphan_processes import owned

_SHOWN_PORTS = 5


def ports(config: LabConfig, binaries: Resolver) -> tuple[Finding, ...]:
    """Looks at the lab's ports only."""
    if runtime_name(config) == COMPOSE:
        from lab.operations.doctor.doctor_compose import own_ports

        return tuple(examine_ports(config, own_ports(config).__contains__, published()))
    return tuple(native_ports(config, {process.pid for process in owned(config.home)}, binaries))


def native_ports(config: LabConfig, mine: set[int], binaries: Resolver) -> Iterator[Finding]:
    holders = Holders(mine, config.home)
    return examine_ports(config, holders.are_mine, _every_port(binaries.given_up()))


def _every_port(without: Collection[Service]) -> Mapping[str, int]:
    """What every process of the lab on this host opens, by name."""
    needed = [spec for spec in CATALOGUE if spec.name not in without]
    return {f"{spec.name} {label}".strip(): port for spec in needed for label, port in spec.ports(0).items()}


def published() -> Mapping[str, int]:
    """What containers open on this host."""
    own = {str(spec.name): spec.port_at(0) for spec in CATALOGUE if spec.published}
    return own | {f"{Service.OBJECT_STORE} console": BY_NAME[Service.OBJECT_STORE].extra_port("console", 0)}


def examine_ports(config: LabConfig, mine: Callable[[int], bool], needed: Mapping[str, int]) -> Iterator[Finding]:
    busy: dict[str, list[str]] = {}
    for name, plain in needed.items():
        port = plain + config.port_offset
        if is_taken(port) and not mine(port):
            busy.setdefault(_holder(port), []).append(f"{port} ({name})")
    if not busy:
        yield Finding("ports", Verdict.OK, f"all free, or held by this lab (PORT_OFFSET={config.port_offset})")
        return
    yield Finding("ports", Verdict.FAIL, f"taken: {'; '.join(_by(*one) for one in busy.items())}", _other_ports())


def _by(holder: str, ports: Sequence[str]) -> str:
    """The first of the ports that one program or lab holds."""
    more = len(ports) - _SHOWN_PORTS
    return f"{', '.join(ports[:_SHOWN_PORTS])}{f' and {more} more' if more > 0 else ''} by {holder}"


def _other_ports() -> str:
    try:
        return f"Set PORT_OFFSET={free_offset()} or end them."
    except LabError as err:
        return f"End them. {err}"


def free_offset() -> int:
    """The first offset with every port of a lab free, and none that a lab known here has, be it up or down.

    Raises LabError where there is none.
    """
    known = {offset for home in neighbours.homes() if (offset := recorded_offset(home)) is not None}
    others = {port for offset in known for port in ports_at(offset)}
    for offset in range(0, MAX_PORT_OFFSET + 1, OFFSET_STEP):
        ports = ports_at(offset)
        if not others & ports.keys() and not any(is_taken(port) for port in ports):
            return offset
    raise LabError("No PORT_OFFSET is left: every one has a port that is taken.", "Take another lab down.")


def is_taken(port: int) -> bool:
    """Whether a server couldn't listen there."""
    with closing(socket.socket()) as probe:
        # As servers do: a port that only lingers after a closed connection is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


class Holders:
    """Who listens at the ports: looked up once for all of them, and again for one that no process of the lab holds."""

    def __init__(self, mine: set[int], home: Path) -> None:
        self._mine, self._home = mine, home
        self._known: dict[int, set[int]] | None = None

    def are_mine(self, port: int) -> bool:
        """Whether a process of the lab listens at a port that is taken."""
        if self._known is None:
            self._known = neighbours.listening_pids()
        if self._mine.isdisjoint(self._known.get(port, ())):
            # Another command may be bringing the same lab up just now.
            self._known = neighbours.listening_pids()
            self._mine.update(process.pid for process in owned(self._home))
        return not self._mine.isdisjoint(self._known.get(port, ()))


def _holder(port: int) -> str:
    if home := neighbours.home_at(port):
        return f"the lab at {home}"
    for process in neighbours.listeners(port):
        with suppress(psutil.Error):
            return f"{process.name()} (pid {process.pid})"
    return "another program"
