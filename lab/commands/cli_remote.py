"""Options that point the screen at a lab elsewhere; what they mean is imported when one is given."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.catalogue import CATALOGUE, Service

if TYPE_CHECKING:
    from lab.config import LabConfig

_AT = "the lab on HOST, with its PORT_OFFSET; or that of a FILE, as `terraform output -raw settings` writes it"
_SIGNED = {Service.OBJECT_STORE, Service.ALERTMANAGER, Service.GRAFANA}
_SERVICES = tuple(spec for spec in CATALOGUE if spec.url(0).startswith("http:"))


def register(parser: argparse.ArgumentParser) -> None:
    """Adds --at, and an option for each service that has an address."""
    group = parser.add_argument_group(
        "a lab elsewhere",
        "Looking only; what its own machine alone knows, as processes and logs, is said to be unseen.",
    )
    group.add_argument("--at", metavar="HOST[:OFFSET]|FILE", default="", help=_AT)
    for spec in _SERVICES:
        password = " (signs in with the password of your settings)" if spec.name in _SIGNED else ""
        group.add_argument(
            f"--{spec.name}-url",
            metavar="URL",
            default="",
            dest=_dest(spec.name),
            help=f"where {spec.title} is{password}",
        )


def endpoints(options: argparse.Namespace) -> Mapping[Service, str]:
    """The addresses given; none for the lab on this machine. Raises UsageError."""
    given = {spec.name: getattr(options, _dest(spec.name)) for spec in _SERVICES}
    given = {name: url for name, url in given.items() if url}
    if not options.at and not given:
        return {}
    from lab.observe.remote import checked_url, endpoints_at, endpoints_in

    found: dict[Service, str] = {}
    if options.at:
        # No host has a name with a slash or of a file that is here.
        path = Path(options.at).expanduser()
        found = endpoints_in(path) if "/" in options.at or path.is_file() else endpoints_at(options.at)
    return found | {name: checked_url(f"--{name}-url", url) for name, url in given.items()}


def given(options: argparse.Namespace) -> list[str]:
    """The same options again, for a command line that does the same elsewhere. Raises UsageError for a wrong one."""
    endpoints(options)
    urls = {f"--{spec.name}-url": getattr(options, _dest(spec.name)) for spec in _SERVICES}
    named = {"--at": options.at} | urls
    return [f"{name}={value}" for name, value in named.items() if value]


def config_of(places: Mapping[Service, str]) -> "LabConfig":
    """The settings, pointed at these addresses where there are any. Raises SettingsError."""
    from lab import wiring

    config = wiring.load_config()
    if not places:
        return config
    from lab.observe.remote import remote_config

    return remote_config(config, places)


def _dest(service: Service) -> str:
    return f"url_{service.replace('-', '_')}"
