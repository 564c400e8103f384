"""What `tasks.py` changes in Invoke's insides, which no release promises to keep.

tests/test_private_interfaces.py says what a new release took away.
"""

import os
import re
import sys
from collections.abc import Iterable
from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.parser.parser import ParseMachine, Parser
from invoke.program import Program

from lab.base.interruption import PIPE_CLOSED


def allow_optional_positionals() -> None:
    """Makes `invoke logs` and `invoke logs mlflow` both right, for Invoke knows required positionals only.

    And it takes no word for one that looks like an option.
    """
    complete, take = ParseMachine.complete_context, ParseMachine.see_positional_arg

    def complete_context(machine: Any) -> None:
        for argument in machine.context.missing_positional_args if machine.context else ():
            if argument.optional:
                argument.value = ""
        complete(machine)

    def see_positional_arg(machine: Any, value: str) -> None:
        if value in {"--help", "-h"}:
            # As behind a task that needs no word; it isn't run, so it needs none now.
            machine.initial.flags[value].value = machine.context.name
            for argument in machine.context.missing_positional_args:
                argument.value = ""
            return
        # A mistyped option must not become the reason that the audit trail keeps.
        if value.startswith("--"):
            raise ParseError(f"No idea what '{value}' is!", machine.context)
        # `invoke restart "$SERVICE"` must not restart all because nobody set it.
        if not value.strip():
            raise ParseError(f"{machine.context.name} was given an empty word", machine.context)
        take(machine, value)

    setattr(ParseMachine, "see_positional_arg", see_positional_arg)  # noqa: B010 - as below
    setattr(ParseMachine, "complete_context", complete_context)  # noqa: B010 - mypy takes an assignment for a mistake


def end_wrong_usage_with_2() -> None:
    """Tells usage that isn't understood, for which Invoke's own exit code is 1, from what can't be done."""
    parse, clean_up = Parser.parse_argv, Program.parse_cleanup

    def parse_argv(parser: Any, argv: list[str]) -> Any:
        try:
            return parse(parser, argv)
        except ParseError as err:
            raise _wrong(err, parser.contexts) from None

    def parse_cleanup(program: Any) -> None:
        # Where --help and --list look for the names that they were given.
        try:
            clean_up(program)
        except (ParseError, Exit) as err:
            _flush()
            raise _wrong(err, getattr(program.collection, "task_names", ())) if str(err) else err from None
        except BrokenPipeError:
            os._exit(PIPE_CLOSED)

    setattr(Parser, "parse_argv", parse_argv)  # noqa: B010 - as above
    setattr(Program, "parse_cleanup", parse_cleanup)  # noqa: B010 - as above


def list_without_options() -> None:
    """Lets `invoke --list` read names and texts alone: options cost the import of every command."""
    parse = Program.parse_tasks

    def parse_tasks(program: Any) -> None:
        if program.args.list.value and not program.core.unparsed and not program.args.help.value:
            program.tasks = []
        else:
            parse(program)

    setattr(Program, "parse_tasks", parse_tasks)  # noqa: B010 - as above


def _flush() -> None:
    """Ends here when nobody reads what was printed: what is longer than a pipe's block is lost in silence later."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(PIPE_CLOSED)


def _wrong(err: Exception, tasks: Iterable[str]) -> Exit:
    return refused(getattr(getattr(err, "context", None), "name", None) or "", *_explained(err, tasks))


def refused(task: str, said: str, remedy: str) -> Exit:
    """What ends a task whose words can't be understood, in a document, too, where that is asked for."""
    from lab.base.errors import UsageError
    from lab.commands.json_envelope import refuse

    refuse(task, UsageError(said, remedy))
    return Exit(f"error: {said}\n  → {remedy}", 2)


def _explained(err: Exception, tasks: Iterable[str]) -> tuple[str, str]:
    """What is wrong, and what to type; with what may have been meant."""
    from lab.base.similar import meant

    everywhere = "`invoke --list` shows every command, `invoke --help up` one."
    said = re.sub(r"<Argument: ([\w-]+)[^>]*>", r"--\1", str(err))
    word = found[1] if (found := re.search(r"No idea what '(.*)' is|Sub-collection '(.*)' not found", said)) else None
    context = getattr(err, "context", None)
    if word is None and found:
        word = found[2]
    if word is None and context is not None and context.name:
        return _said_of(context, said), help_of(context.name)
    if word is None:
        return said, everywhere
    if not word.startswith("-"):
        return f"there is no task '{word}'", meant(word, tasks) + everywhere
    if context is None or not context.name:
        return f"there is no option '{word}'", everywhere
    near = meant(word, [flag for flag in context.flags if flag.startswith("--")])
    remedy = f"{near}`invoke --help {context.name}` shows its options, `invoke --list` every command."
    return f"{context.name} has no option '{word}'", remedy


def _said_of(context: Any, said: str) -> str:
    """What a task's words lack, named as people type them."""
    if needed := re.fullmatch(r"Flag '?([\w-]+)'? needed value and was not given one!", said):
        return f"{needed[1]} needs a value."
    if "did not receive required positional" in said:
        return missing(context.name, [argument.name for argument in context.missing_positional_args])
    return said


def missing(task: str, flags: Iterable[str]) -> str:
    """That a task wasn't given what it must be: a word, by what it stands for, or an option."""
    from lab.commands.table import TASKS

    parameters = next((one.parameters for one in TASKS if one.name.replace(" ", "-") == task), ())
    words = {one.flag: one.option.metavar or one.flag.upper() for one in parameters if one.option.bare}
    *others, last = (words.get(flag, f"--{flag}") for flag in flags)
    return f"{', '.join(others)} and {last} are missing." if others else f"{last} is missing."


def help_of(task: str) -> str:
    """The remedy where a task was typed wrongly."""
    return f"`invoke --help {task}` shows all."
