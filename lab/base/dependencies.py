"""Who needs whom among the services: what fails with one, and what failed because of which."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lab.base.catalogue import BY_NAME, CATALOGUE, Service


def needed_by(service: Service) -> tuple[Service, ...]:
    """Everything that doesn't work without the service, also by way of others, in the catalogue's order."""
    found = {service}
    # What a service needs stands before it in the catalogue.
    for spec in CATALOGUE:
        if found & set(spec.needs):
            found.add(spec.name)
    return tuple(spec.name for spec in CATALOGUE if spec.name in found and spec.name is not service)


def causes(service: Service, out: Collection[str]) -> tuple[Service, ...]:
    """Of the services that are `out`, those by which this one is: needed by it, and in need of no other such one."""
    found: dict[Service, None] = {}
    for needed in BY_NAME[service].needs:
        deeper = causes(needed, out)
        found |= dict.fromkeys(deeper or ((needed,) if needed in out else ()))
    return tuple(found)


def hindered(stopped: Collection[str]) -> frozenset[Service]:
    """The services that can't be up while these aren't: themselves, what needs them, and who watches every target."""
    gone = {service for service in Service if service in stopped}
    found = gone | {one for service in gone for one in needed_by(service)}
    return frozenset(found | {Service.PROMETHEUS}) if found else frozenset()


@dataclass(frozen=True)
class Node:
    """A service's place in the tree; `depth` from 0, `last` says for each level whether nothing follows there."""

    service: Service
    last: tuple[bool, ...] = ()

    @property
    def depth(self) -> int:
        return len(self.last)


def tree() -> tuple[Node, ...]:
    """Every service under what it needs, causes above effects; one that needs two independent ones stands twice."""
    return tuple(node for spec in CATALOGUE if not spec.needs for node in _below(spec.name, ()))


def _below(service: Service, last: tuple[bool, ...]) -> Iterator[Node]:
    yield Node(service, last)
    children = [spec.name for spec in CATALOGUE if service in _directly(spec.name)]
    for child in children:
        yield from _below(child, (*last, child is children[-1]))


def _directly(service: Service) -> set[Service]:
    """What it needs without what those need anyway."""
    needs = BY_NAME[service].needs
    return {one for one in needs if not any(one in BY_NAME[other].needs for other in needs)}
