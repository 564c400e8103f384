"""Subcommands of `mlops-lab`, made from the table of commands."""

import argparse
from typing import TYPE_CHECKING, Any

from lab.commands.command import REQUIRED, Command, Parameter
from lab.commands.table import GROUPS, SUBCOMMANDS

if TYPE_CHECKING:
    from lab.commands.dispatch.parser import Parser

    Commands = argparse._SubParsersAction[Parser]


def register(commands: "Commands") -> None:
    """Adds every subcommand of the table."""
    groups = {"": commands}
    for command in SUBCOMMANDS:
        group, _, name = command.name.rpartition(" ")
        if group not in groups:
            parser = commands.add_parser(group, help=GROUPS[group])
            groups[group] = parser.add_subparsers(required=True, metavar="COMMAND", dest="part")
        _add(groups[group], name, command)


def _add(commands: "Commands", name: str, command: Command[Any]) -> None:
    parser = commands.add_parser(name, help=command.help[0].lower() + command.help[1:].rstrip("."))

    def add_options(to: argparse.ArgumentParser) -> None:
        # --json last, where a reader of the help looks for it.
        for parameter in sorted(command.parameters, key=lambda one: one.name == "json"):
            _add_option(to, parameter)
        to.set_defaults(run=run)

    def run(options: argparse.Namespace) -> int:
        return command.run({one.name: getattr(options, one.name) for one in command.parameters})

    parser.options_later(add_options)


def _add_option(parser: argparse.ArgumentParser, parameter: Parameter) -> None:
    option, required = parameter.option, parameter.default is REQUIRED
    if option.bare:
        how = {} if required else {"nargs": "?", "default": parameter.default}
        parser.add_argument(parameter.name, metavar=option.metavar, help=option.help, **how)
    elif parameter.kind is bool:
        parser.add_argument(f"--{parameter.flag}", action="store_true", dest=parameter.name, help=option.help)
    else:
        how = {"action": "append"} if parameter.kind is list else {"type": parameter.kind}
        how |= {"required": True} if required else {"default": parameter.default}
        metavar = option.metavar or None
        parser.add_argument(f"--{parameter.flag}", dest=parameter.name, metavar=metavar, help=option.help, **how)
