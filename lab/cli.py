"""The console command `mlops-lab`: the screen, or one snapshot. Imports stay inside, so that it starts quickly."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lab.cli_approval import register as register_approval
from lab.cli_audit import register as register_audit
from lab.cli_governance import register as register_governance
from lab.cli_record import register as register_record
from lab.core.errors import LabError

if TYPE_CHECKING:
    from lab.core.snapshot import Snapshot
    from lab.tui.observer import Connection

FASTEST_S, SLOWEST_S = 0.5, 3600.0
# What a shell reports for a process that SIGINT or SIGPIPE ended.
INTERRUPTED, PIPE_CLOSED = 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; 0 is success, 1 an error that was explained, 2 wrong usage."""
    try:
        options = _parser().parse_args(argv)
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except LabError as err:
        sys.stderr.write(f"error: {err.message}\n" + (f"  → {err.remedy}\n" if err.remedy else ""))
        return err.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at exit; that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlops-lab",
        description="One screen over the whole lab: services, runs, models, audit trail, drift and alerts.",
        epilog="Without options the screen opens; it needs no lab that is up, and connects by itself.",
        allow_abbrev=False,
    )
    parser.add_argument("--once", action="store_true", help="print one snapshot as text and exit")
    parser.add_argument("--json", action="store_true", help="with --once: print the snapshot as JSON")
    parser.add_argument(
        "--refresh", type=_seconds, default=2.0, metavar="SECONDS", help="pause between two snapshots (default: 2)"
    )
    parser.add_argument("--readonly", action="store_true", help="offer nothing that changes the lab")
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    parser.set_defaults(run=lambda options: _run(parser, options))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    register_approval(commands)
    register_audit(commands)
    register_governance(commands)
    register_record(commands, _seconds, connect)
    completion = commands.add_parser("completion", help="print what makes a shell complete this command")
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    completion.set_defaults(run=lambda options: _completion(parser, options.shell))
    return parser


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
    return _once(options.json) if options.once else _screen(options.refresh, options.readonly)


def _completion(parser: argparse.ArgumentParser, shell: str) -> int:
    import shtab

    sys.stdout.write(shtab.complete(parser, shell=shell) + "\n")
    return 0


def _screen(refresh_s: float, readonly: bool) -> int:
    from lab.tui.terminal import need_terminal

    need_terminal()
    from lab.tui.app import LabApp

    app = LabApp(connect, interval_s=refresh_s, readonly=readonly, open_desk=open_desk)
    app.run()
    return app.return_code or 0


def _once(as_json: bool) -> int:
    import asyncio

    snapshot = asyncio.run(_snapshot())
    if as_json:
        from lab.core.snapshot_json import snapshot_json

        sys.stdout.write(json.dumps(snapshot_json(snapshot), indent=2, ensure_ascii=False) + "\n")
    else:
        from lab.tui.once import print_snapshot

        print_snapshot(snapshot)
    from lab.tui.present.base import lab_is_down

    if lab_is_down(snapshot):
        sys.stdout.flush()
        raise LabError(f"The lab {snapshot.lab.name} isn't up.", "Type `invoke up`.")
    return 0


async def _snapshot() -> "Snapshot":
    connection = connect()
    try:
        return await connection.observer.tick(connection.first)
    finally:
        await connection.observer.aclose()


def connect() -> "Connection":
    """An observer of the lab that the settings name. Raises LabError."""
    from lab import wiring
    from lab.ops.observe import first_snapshot
    from lab.tui.observer import Connection

    config = wiring.load_config()
    return Connection(wiring.observer(config), first_snapshot(config, wiring.runtime(config).name, time.time()))


def open_desk(kind: str) -> Any:
    """Where a drill-down of the screen asks about things of this `kind`. Raises LabError."""
    from lab import wiring

    return wiring.desk(wiring.load_config(), kind)


if __name__ == "__main__":
    sys.exit(main())
