"""Options that point the screen at a lab elsewhere; what they mean is imported when one is given."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.catalogue import CATALOGUE, Service
from lab.base.errors import UsageError

if TYPE_CHECKING:
    from lab.config import LabConfig

_AT = (
    "the lab on HOST, with its PORT_OFFSET; or that of a FILE, as `terraform output -raw settings` writes it; "
    "more than once: each in a tab, `.` is the lab here"
)
HERE = "."
_SIGNED = {Service.OBJECT_STORE, Service.ALERTMANAGER, Service.GRAFANA}
_SERVICES = tuple(spec for spec in CATALOGUE if spec.url(0).startswith("http:"))


def register(parser: argparse.ArgumentParser) -> None:
    """Adds --at, and an option for each service that has an address."""
    group = parser.add_argument_group(
        "a lab elsewhere",
        "Looking only; what its own machine alone knows, as processes and logs, is said to be unseen.",
    )
    group.add_argument("--at", metavar="HOST[:OFFSET]|FILE", action="append", default=[], help=_AT)
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
    """The addresses given of one lab; none for the lab on this machine. Raises UsageError for several labs."""
    if len(options.at) > 1:
        raise UsageError("This shows one lab, and --at is there more than once.", "Give one --at.")
    return next(iter(labs(options).values()))


def labs(options: argparse.Namespace) -> dict[str, Mapping[Service, str]]:
    """The addresses given, by what each lab is called, in order; none for the lab on this machine. Raises UsageError.

    With one lab the name says nothing.
    """
    given = {spec.name: getattr(options, _dest(spec.name)) for spec in _SERVICES}
    given = {name: url for name, url in given.items() if url}
    if len(options.at) <= 1:
        where = options.at[0] if options.at else HERE
        return {where: _one(where, given)}
    if given:
        first = next(iter(given))
        raise UsageError(f"--{first}-url belongs to one lab, and --at is there more than once.", "Give one --at.")
    found: dict[str, Mapping[Service, str]] = {}
    for where in options.at:
        name = _called(where)
        if name in found:
            raise UsageError(f"--at names {name!r} twice.", "Name each lab once; files by different names.")
        found[name] = _one(where, {})
    return found


def _called(where: str) -> str:
    """What a lab's tab is called: a file by its name without its ending, a host as it was given."""
    if where == HERE:
        return "here"
    return Path(where).stem if _is_file(where) else where


def _is_file(where: str) -> bool:
    # No host has a name with a slash or of a file that is here.
    return "/" in where or Path(where).expanduser().is_file()


def _one(where: str, given: Mapping[Service, str]) -> Mapping[Service, str]:
    if where == HERE and not given:
        return {}
    from lab.observe.remote import checked_url, endpoints_at, endpoints_in

    found: dict[Service, str] = {}
    if where != HERE:
        found = endpoints_in(Path(where).expanduser()) if _is_file(where) else endpoints_at(where)
    return found | {name: checked_url(f"--{name}-url", url) for name, url in given.items()}


def given(options: argparse.Namespace) -> list[str]:
    """The same options again, for a command line that does the same elsewhere. Raises UsageError for a wrong one."""
    labs(options)
    urls = [(f"--{spec.name}-url", getattr(options, _dest(spec.name))) for spec in _SERVICES]
    named = [*(("--at", one) for one in options.at), *urls]
    return [f"{name}={value}" for name, value in named if value]


def config_of(places: Mapping[Service, str], name: str = "") -> "LabConfig":
    """The settings, pointed at these addresses where there are any; `name` is the lab's among several.

    Raises SettingsError.
    """
    from lab import wiring

    config = wiring.load_config()
    if not places:
        return config
    from lab.observe.remote import remote_config

    found = remote_config(config, places)
    return replace(found, name=name) if name else found


def _dest(service: Service) -> str:
    return f"url_{service.replace('-', '_')}"
