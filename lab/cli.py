"""The console command `mlops-lab`: the screen, or one snapshot. Imports stay inside, so that it starts quickly."""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.base.startup import settle
from lab.cli_config import register as register_config
from lab.cli_dash import register as register_dash
from lab.cli_record import REFRESH_S
from lab.cli_record import register as register_record
from lab.commands.dispatch.arguments import register as register_commands
from lab.commands.dispatch.cli_remote import config_of, endpoints, labs
from lab.commands.dispatch.cli_remote import register as register_remote
from lab.commands.dispatch.parser import Parser

if TYPE_CHECKING:
    from lab.observe.details import DetailSource
    from lab.observe.polling import Connection
    from lab.observe.snapshot import LabInfo, Snapshot
    from lab.screen.dash.dash_loop import Dashboards
    from lab.screen.lab_session import LabPlace

FASTEST_S, SLOWEST_S = 0.5, 3600.0
# Addresses of a lab elsewhere; none: the one on this machine.
Places = Mapping[Service, str]
NOWHERE: Places = {}
Labs = Mapping[str, Places]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; 0 is success, 1 an error that was explained, 2 wrong usage, 128 and more a signal's."""
    settle()
    from lab.commands.dispatch.ending import ended

    options = argparse.Namespace()

    def parse() -> None:
        _parser().parse_args(argv, options)

    # Help may have no reader, either.
    if code := ended("", parse, own_signals=True):
        return code
    # The screen and what shows or records it go on until they are told to end, and end themselves.
    own = options.own_signals or options.screen(options)
    name = " ".join(filter(None, (options.command, options.part)))
    return ended(name, lambda: options.run(options), own)


def _parser() -> Parser:
    parser = Parser(
        prog="mlops-lab",
        description="One screen over the whole lab: services, runs, models, audit trail, drift and alerts.",
        epilog="Without options the screen opens; it needs no lab that is up, and connects by itself.",
    )
    parser.add_argument("--once", action="store_true", help="print one snapshot as text and exit")
    parser.add_argument("--json", action="store_true", help="with --once: print the snapshot as JSON")
    parser.add_argument("--refresh", type=_seconds, metavar="SECONDS", help="pause between two snapshots (default: 2)")
    parser.add_argument("--readonly", action="store_true", help="offer nothing that changes the lab")
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    register_remote(parser)
    parser.set_defaults(run=lambda options: _run(parser, options), own_signals=False, part=None, screen=_opens_screen)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    register_commands(commands)
    register_record(commands, _seconds, lambda options: partial(connect, endpoints(options)))
    register_dash(commands)
    register_config(commands)
    completion = commands.add_parser("completion", help="print what makes a shell complete this command")
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    completion.set_defaults(run=lambda options: _completion(parser, options.shell))
    return parser


def _opens_screen(options: argparse.Namespace) -> bool:
    return options.command is None and not options.once


class _Version(argparse.Action):
    """Reads the version only when it is asked for: the metadata costs start-up time."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=options["help"])

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("mlops-lab")
        except PackageNotFoundError:
            number = "(not installed)"
        sys.stdout.write(f"mlops-lab {number}\n")
        parser.exit()


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    if not FASTEST_S <= value <= SLOWEST_S:
        raise argparse.ArgumentTypeError(f"{text} is not between {FASTEST_S:g} and {SLOWEST_S:g} seconds")
    return value


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if options.json and not options.once:
        parser.error("--json needs --once")
    if options.once and options.refresh is not None:
        parser.error("--refresh is for the screen, and --once looks once: leave one of the two out")
    found = labs(options)
    if options.once:
        return _once(options.json, found)
    return _screen(options.refresh or REFRESH_S, options.readonly, found)


def _completion(parser: Parser, shell: str) -> int:
    import shtab

    sys.stdout.write(shtab.complete(parser.whole(), shell=shell) + "\n")
    return 0


def _screen(refresh_s: float, readonly: bool, found: Labs) -> int:
    import gc

    from lab.screen.terminal import need_terminal

    need_terminal()
    # Looking for garbage would put off the first paint by a tenth. What a start makes stays until the end anyway.
    gc.disable()

    def painted() -> None:
        gc.freeze()
        gc.enable()

    from lab.screen.app import LabApp
    from lab.screen.saved_layout import SavedLayout
    from lab.screen.user.found import load_user

    app = LabApp.of_labs(
        [_place(name if len(found) > 1 else "", places, readonly) for name, places in found.items()],
        interval_s=refresh_s,
        memory=SavedLayout.of_user(os.environ),
        user=load_user(os.environ),
        painted=painted,
    )
    app.run()
    return app.return_code or 0


def _place(name: str, places: Places, readonly: bool) -> "LabPlace":
    """One lab of the screen; what is elsewhere is only looked at."""
    from lab.screen.lab_session import LabPlace

    return LabPlace(
        partial(connect, places, name=name),
        name,
        readonly or bool(places),
        partial(open_details, places=places),
        partial(dashboards, places),
    )


def _once(as_json: bool, found: Labs) -> int:
    from lab.base import interruption

    several = len(found) > 1
    snapshots = interruption.run(_snapshots({name if several else "": places for name, places in found.items()}))
    if as_json:
        from lab.observe.snapshot_json import snapshot_json

        documents = [snapshot_json(one) for one in snapshots]
        sys.stdout.write(json.dumps(documents if several else documents[0], indent=2, ensure_ascii=False) + "\n")
    else:
        from lab.commands.once import print_snapshot

        for number, one in enumerate(snapshots):
            sys.stdout.write("\n" if number else "")
            print_snapshot(one)
    from lab.views.view import lab_is_down

    sys.stdout.flush()
    _need_up([one.lab for one in snapshots if lab_is_down(one)])
    return 0


def _need_up(down: "Sequence[LabInfo]") -> None:
    """Raises LabError where a lab isn't up."""
    from lab.observe.snapshot import REMOTE

    names = ", ".join(one.name for one in down)
    remedy = "Type `invoke up`."
    if any(one.runtime == REMOTE for one in down):
        remedy = f"Start it on {names}, and see that its ports reach here."
    if down:
        raise LabError(f"The lab {names} isn't up." if len(down) == 1 else f"The labs {names} aren't up.", remedy)


async def _snapshots(found: Labs) -> "list[Snapshot]":
    """One of each lab, all at the same time."""
    import asyncio

    return await asyncio.gather(*(_snapshot(places, name) for name, places in found.items()))


async def _snapshot(places: Places, name: str = "") -> "Snapshot":
    connection = connect(places, once=True, name=name)
    try:
        return await connection.observer.tick(connection.first)
    finally:
        await connection.observer.aclose()


def connect(places: Places = NOWHERE, once: bool = False, name: str = "") -> "Connection":
    """An observer of the lab that the settings name, or of the one at `places`, which is called `name` among several.

    Raises LabError.
    """
    from lab import wiring
    from lab.envfile import env_file, written_since
    from lab.observe.polling import Connection

    outdated = written_since(env_file())
    config = config_of(places, name)
    return Connection(wiring.observer(config, once), wiring.first_snapshot(config, time.time()), outdated)


def open_details(kind: str, places: Places = NOWHERE) -> "DetailSource":
    """Where a drill-down of the screen asks about things of this `kind`. Raises LabError."""
    from lab import wiring

    return wiring.details(config_of(places), kind)


def dashboards(places: Places = NOWHERE) -> "Dashboards":
    """What dashboards need of the lab that the settings name, or of the one at `places`. Raises LabError."""
    from lab import wiring
    from lab.screen.dash.dash_loop import Dashboards

    config = config_of(places)
    return Dashboards(lambda: wiring.prometheus_data(config), config.root)


if __name__ == "__main__":
    sys.exit(main())
