"""A person's own file for the screen as the subcommand `mlops-lab config`; imports stay inside."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.errors import LabError

if TYPE_CHECKING:
    from lab.commands.dispatch.parser import Parser
    from lab.screen.user.reading import Loaded

    Commands = argparse._SubParsersAction[Parser]


def register(commands: "Commands") -> None:
    """Adds `config`."""
    parser = commands.add_parser(
        "config",
        help="write an example of your own keys, columns, layout and commands; check the file",
        description="The screen takes keys, columns, sort orders, layout and commands of your own from one file, "
        "$XDG_CONFIG_HOME/mlops-lab/screen.toml. Without options an example is written there, if there is no file; "
        "every line of it is a comment.",
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="another file than the screen's own")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if something is wrong")
    parser.add_argument("--keys", action="store_true", help="list what keys can be set, by name")
    parser.add_argument("--json", action="store_true", help="with --check or --keys: print one JSON document")
    parser.set_defaults(run=lambda options: _run(parser, options), screen=lambda _: False)


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if options.json and not (options.check or options.keys):
        parser.error("--json needs --check or --keys")
    if options.check and options.keys:
        parser.error("--check and --keys are two things: give one")
    if options.keys:
        return _keys(options.json)
    from lab.screen.user.found import path_of_user

    path: Path = options.file or path_of_user(os.environ)
    return _check(path, options.json) if options.check or os.path.lexists(path) else _write(path)


def _keys(as_json: bool) -> int:
    from lab.commands import printing
    from lab.screen.user.checking import key_table

    rows = key_table()
    if as_json:
        printing.print_json([{"name": name, "keys": keys.split(), "where": where} for name, keys, where in rows])
        return 0
    table = printing.new_table("name", "keys", "where")
    for row in rows:
        table.add_row(*map(printing.escape, row))
    printing.show(table)
    return 0


def _check(path: Path, as_json: bool) -> int:
    from lab.commands import printing
    from lab.screen.user.checking import checked

    found = checked(path)
    if as_json:
        printing.print_json(_document(found))
        return int(found.problem is not None)
    if found.problem:
        raise found.problem
    if not os.path.lexists(path):
        printing.say(f"There is no {path}: the screen is as it is for everybody. Type mlops-lab config for an example.")
        return 0
    config = found.config
    printing.say(f"{path}: {len(config.keys)} keys and {len(config.commands)} commands set; all is well.")
    return 0


def _document(found: "Loaded") -> dict[str, object]:
    problem = found.problem
    said = None if problem is None else {"message": problem.message, "remedy": problem.remedy}
    config = found.config
    return {
        "file": str(found.path),
        "exists": os.path.lexists(found.path),
        "succeeded": problem is None,
        "problem": said,
        "keys": dict(config.keys),
        "commands": [one.title for one in config.commands],
    }


def _write(path: Path) -> int:
    from lab.screen.user.example import example

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made by nobody else meanwhile, and by nobody's link.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(example())
    except OSError as err:
        raise LabError(f"Can't write {path}: {err.strerror}.", "Name another FILE.") from None
    sys.stdout.write(f"written: {path}\nEvery line is a comment: take the # off what you want, then type\n")
    sys.stdout.write("  mlops-lab config --check\n")
    return 0
