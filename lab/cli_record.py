"""Recording, replaying and serving the screen as subcommands of `mlops-lab`; imports stay inside."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lab.commands.dispatch.cli_remote import given

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.commands.dispatch.parser import Parser
    from lab.observe.polling import Connection

    Connect = Callable[[argparse.Namespace], Callable[[], Connection]]
    Commands = argparse._SubParsersAction[Parser]

DEFAULT_PORT = 8787
# Seconds between two snapshots, where nobody says otherwise.
REFRESH_S = 2.0


def register(commands: "Commands", seconds: "Callable[[str], float]", connect: "Connect") -> None:
    """Adds record, replay and serve; `seconds` reads a refresh, `connect` reaches the lab that the options name."""
    record = commands.add_parser("record", help="append snapshots of the lab to FILE until Ctrl-C")
    record.add_argument("file", metavar="FILE", type=Path, help="made if missing; a recording is continued")
    _add_refresh(record, seconds)
    record.add_argument(
        "--for", dest="duration", type=_duration, metavar="DURATION", help="stop after this long: 90s, 15m, 8h, 7d"
    )
    record.set_defaults(run=lambda options: _record(options, connect))
    replay = commands.add_parser("replay", help="show a recording on the screen; needs no lab")
    replay.add_argument("file", metavar="FILE", type=Path)
    replay.set_defaults(run=_replay)
    serve = _serving(commands)
    _add_refresh(serve, seconds)
    for parser in (record, replay, serve):
        parser.set_defaults(own_signals=True)
        _complete_files(parser)


def _serving(commands: "Commands") -> "Parser":
    serve = commands.add_parser(
        "serve",
        help="show the screen in a browser of this machine",
        description="Serves the screen on 127.0.0.1 only. The address holds a secret made at every start: "
        "whoever knows it can do what the screen can.",
    )
    serve.add_argument("file", nargs="?", metavar="FILE", type=Path, help="replay this recording instead of the lab")
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, help=f"0 takes a free one (default: {DEFAULT_PORT})")
    serve.add_argument(
        "--readonly", action="store_true", default=argparse.SUPPRESS, help="offer nothing that changes the lab"
    )
    serve.add_argument("--host", type=_loopback, default="127.0.0.1", help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)
    return serve


def _add_refresh(parser: "Parser", seconds: "Callable[[str], float]") -> None:
    parser.add_argument(
        "--refresh",
        type=seconds,
        default=argparse.SUPPRESS,
        metavar="SECONDS",
        help="pause between two snapshots (default: 2)",
    )


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Lets a shell complete FILE; shtab, which writes the completion, reads this."""
    for action in parser._actions:
        if action.dest == "file":
            action.complete = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}  # type: ignore[attr-defined]


def _duration(text: str) -> float:
    from lab.recording.recorder import parse_duration

    try:
        return parse_duration(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(str(err)) from None


def _port(text: str) -> int:
    from lab.base.names import whole_number

    port = whole_number(text, 65_535)
    if port is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: use 0 to 65535")
    return port


def _loopback(text: str) -> str:
    if text not in {"127.0.0.1", "localhost"}:
        raise argparse.ArgumentTypeError(
            f"{text} is not this machine's loopback, and the screen is served nowhere else; from another machine use "
            f"`ssh -L {DEFAULT_PORT}:127.0.0.1:{DEFAULT_PORT} HOST`"
        )
    return text


def _record(options: argparse.Namespace, connect: "Connect") -> int:
    from lab.recording.recorder import record

    return record(connect(options), options.file, options.refresh or REFRESH_S, options.duration)


def _replay(options: argparse.Namespace) -> int:
    from lab.recording.playback import Recording

    with Recording(options.file) as recording:
        from lab.screen.replay.replay_app import ReplayApp
        from lab.screen.terminal import need_terminal
        from lab.screen.user.found import load_user

        need_terminal()
        app = ReplayApp(recording, user=load_user(os.environ))
        app.run()
        return app.return_code or 0


def _serve(options: argparse.Namespace) -> int:
    from lab.screen.web import serve

    if options.file:
        from lab.recording.playback import Recording

        Recording(options.file).close()
        arguments = ["replay", str(options.file.absolute())]
    else:
        arguments = [
            "--refresh",
            f"{options.refresh or REFRESH_S:g}",
            *(["--readonly"] if options.readonly else []),
            *given(options),
        ]
    return serve(options.port, arguments)
