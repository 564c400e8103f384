"""One table makes both command lines: what a command offers there is what its function takes."""

import argparse
from typing import Any

import pytest

import tasks
from lab.cli import _parser
from lab.commands.command import REQUIRED, Command
from lab.commands.dispatch.action_process import PROCESSES
from lab.commands.table import SUBCOMMANDS, TASKS

COMMANDS = (*TASKS, *(one for one in SUBCOMMANDS if one not in TASKS))


def named(command: Command[Any]) -> str:
    return command.name


def subparser(name: str) -> argparse.ArgumentParser:
    """The parser of a subcommand, of a group's part as well."""
    parser: argparse.ArgumentParser = _parser().whole()
    for word in name.split():
        groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        parser = groups[0].choices[word]
    return parser


def test_no_name_means_two_commands() -> None:
    assert len({one.name for one in COMMANDS}) == len(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=named)
def test_a_command_and_each_of_its_options_are_explained(command: Command[Any]) -> None:
    assert command.help.endswith(".")
    for one in command.parameters:
        assert one.option.help, one.name
        assert one.kind in {bool, str, int, list}, one.name
        assert one.default is REQUIRED or isinstance(one.default, one.kind), one.name


@pytest.mark.parametrize("command", SUBCOMMANDS, ids=named)
def test_a_subcommand_offers_what_the_table_says(command: Command[Any]) -> None:
    offered = {action.dest: action.required for action in subparser(command.name)._actions if action.dest != "help"}
    assert offered == {one.name: one.default is REQUIRED for one in command.parameters}


@pytest.mark.parametrize("command", TASKS, ids=named)
def test_a_task_offers_what_the_table_says(command: Command[Any]) -> None:
    task = tasks._task(command)
    offered = {argument.attr_name or argument.name: argument.help for argument in task.get_arguments()}
    assert offered == {one.name: one.option.help for one in command.parameters}


# A script may hold them: a letter must not come to mean another option.
SHORT = {
    "approve": "j v r k o d m",
    "identity-add": "j n k r e u s",
    "logs": "s f i l",
    "nuke": "y k d",
    "seed": "j d r k e m",
    "verify-governance": "j u o",
}


@pytest.mark.parametrize("name", SHORT)
def test_short_flags_stay_what_they_are(name: str) -> None:
    command = next(one for one in TASKS if one.name.replace(" ", "-") == name)
    found = {one.attr_name or one.name: one.nicknames for one in tasks._task(command).get_arguments()}
    assert " ".join(found[one.name][0] for one in command.parameters) == SHORT[name]


def test_the_screens_actions_are_commands_or_said_to_be_its_own() -> None:
    own = {"relaunch", "silence"}
    functions = {one.function for one in TASKS}
    called = {name for name, one in PROCESSES.items() if one.function in functions}
    wrapped = {"restart", "approve", "reject", "promote", "archive"}  # what they show besides the outcome
    assert called | wrapped | own == {*PROCESSES}
