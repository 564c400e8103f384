"""The parser of `mlops-lab`: what it doesn't understand is told with what may have been meant."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from lab.base.errors import UsageError

_CHOICE = re.compile(r"argument (?P<of>\S+): invalid choice: '(?P<word>.*?)' \(choose from (?P<known>.*)\)")


class Parser(argparse.ArgumentParser):
    """Options are never abbreviated: an abbreviation would change its meaning with a new option.

    It is made when something of it is asked for: a start needs none of the thirty subcommands, or one, and argparse
    looks for translations of its words in each.
    """

    def __init__(self, **options: Any) -> None:
        self._later: Callable[[Parser], object] | None = None
        self._given: dict[str, Any] | None = {**options, "allow_abbrev": False}

    def __getattr__(self, name: str) -> Any:
        """Only what isn't there yet is asked for here."""
        given = self.__dict__.get("_given")
        if given is None:
            raise AttributeError(name)
        self._given = None
        super().__init__(**given)
        return getattr(self, name)

    def options_later(self, add: "Callable[[Parser], object]") -> None:
        """Has `add` called when this subcommand is read or explained: a start has no time for those of all."""
        self._later = add

    def whole(self) -> "Parser":
        """With the options of every subcommand, for who reads more than one command line."""
        self._complete()
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    parser.whole()
        return self

    def _complete(self) -> None:
        add, self._later = self._later, None
        if add:
            add(self)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Each subcommand refuses what it doesn't know itself, with its own options beside."""
        self._complete()
        found, surplus = super().parse_known_args(args, namespace)
        if surplus:
            from lab.base.similar import meant

            words = [one for one in surplus if one.startswith("-")] or surplus
            near = meant(words[0].partition("=")[0], re.findall(r"--[\w-]+", self.format_usage()))
            self.error(f"unrecognized arguments: {' '.join(surplus)}\n  → {near}`{self.prog} --help` shows all.")
        return found, surplus

    def error(self, message: str) -> NoReturn:
        """Ends with 2; where JSON is asked for, standard output has a document as well."""
        if choice := _CHOICE.fullmatch(message):
            from lab.base.similar import meant

            near = meant(choice["word"], re.findall(r"[\w-]+", choice["known"]))
            message = (
                f"there is no {choice['of'].lower()} {choice['word']!r}\n  → {near}`{self.prog} --help` shows all."
            )
        from lab.commands.json_envelope import refuse

        said, _, remedy = message.partition("\n  → ")
        remedy = remedy or f"`{self.prog} --help` shows all."
        refuse("-".join(self.prog.split()[1:]), UsageError(said, remedy))
        super().error(f"{said}\n  → {remedy}")
