"""Dashboards as the subcommand `mlops-lab dash`; imports stay inside."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lab.commands.dispatch.cli_remote import config_of, endpoints

if TYPE_CHECKING:
    from lab.commands.dash_commands import Wish
    from lab.commands.dispatch.parser import Parser

    Commands = argparse._SubParsersAction[Parser]

_SCREENLESS = ("once", "json", "export")


def register(commands: "Commands") -> None:
    """Adds `dash`."""
    parser = commands.add_parser(
        "dash",
        help="draw a Grafana dashboard in the terminal, or as a picture",
        description="Draws a Grafana dashboard with the data of the lab's Prometheus: one of grafana/dashboards, or "
        "any file that Grafana exported. With --once, --json or --export no screen opens.",
    )
    name = parser.add_argument(
        "name", nargs="?", metavar="NAME|FILE", default="", help="default: the overview; a wrong name lists them all"
    )
    # shtab, which writes a shell's completion, reads this.
    name.complete = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}  # type: ignore[attr-defined]
    # A list, as where it stands before the command.
    parser.add_argument(
        "--at", metavar="HOST[:OFFSET]|FILE", action="append", default=argparse.SUPPRESS, help="a lab elsewhere"
    )
    parser.add_argument("--range", metavar="6h", default="", dest="times", help="15m, 6h, 2d, or now-6h..now-1h")
    parser.add_argument("--refresh", metavar="30s", default="", dest="pause", help="pause between two looks; `off`")
    parser.add_argument("--var", metavar="NAME=VALUE", action="append", default=[], help="may be given again")
    parser.add_argument("--once", action="store_true", default=argparse.SUPPRESS, help="print it as text and exit")
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print its data as JSON and exit"
    )
    parser.add_argument("--export", metavar="FILE", type=Path, help="write a picture, .png or .svg, and exit")
    parser.set_defaults(run=_run, screen=opens_screen)


def opens_screen(options: argparse.Namespace) -> bool:
    """Whether the command shows its own screen, which deals with signals itself."""
    return not any(getattr(options, name, None) for name in _SCREENLESS)


def _run(options: argparse.Namespace) -> int:
    from lab.commands.dash_commands import Wish, open_board
    from lab.dashboards.looking import Times, read_times, read_values

    _refuse_contradiction(options)
    config = config_of(endpoints(options))
    board = open_board(config.root, options.name)
    times = read_times(options.times) if options.times else Times(board.begin, board.end)
    wish = Wish(board, times, read_values(options.var, board))
    return _screen(options, wish) if opens_screen(options) else _once(options, wish)


def _refuse_contradiction(options: argparse.Namespace) -> None:
    if options.pause and not opens_screen(options):
        from lab.base.errors import UsageError

        word = next(f"--{name}" for name in _SCREENLESS if getattr(options, name, None))
        raise UsageError(f"--refresh is for the screen, and {word} opens none.", "Leave one of the two out.")


def _once(options: argparse.Namespace, wish: "Wish") -> int:
    from datetime import datetime

    from lab import wiring
    from lab.base import interruption
    from lab.commands import dash_commands as dash

    now = datetime.now().astimezone()
    source = wiring.prometheus_data(config_of(endpoints(options)))
    looked = interruption.run(dash.look(source, wish, now, 240))
    if options.export:
        dash.export(looked, options.export, now)
    if options.json:
        dash.print_json(looked)
    elif options.once:
        dash.print_once(looked, now)
    dash.need_answers(looked)
    return 0


def _screen(options: argparse.Namespace, wish: "Wish") -> int:
    from lab import wiring
    from lab.screen.terminal import need_terminal

    need_terminal()
    from lab.screen.dash.dash_app import DashApp, read_pause
    from lab.screen.dash.dash_loop import DEFAULT_PAUSE_S, Dashboards

    config = config_of(endpoints(options))
    pause_s = read_pause(options.pause) if options.pause else wish.board.refresh_s or DEFAULT_PAUSE_S
    app = DashApp(Dashboards(lambda: wiring.prometheus_data(config), config.root), wish, pause_s)
    app.run()
    return app.return_code or 0
