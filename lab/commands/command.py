"""A command: a typed function, the options that its signature names, and its printer.

Values are named tuples here: a frozen dataclass takes a millisecond to make, and `--list` waits for it.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, get_args

if TYPE_CHECKING:
    from lab.base.progress import Report

T = TypeVar("T")
REQUIRED = inspect.Parameter.empty
_NOTHING: Mapping[str, Any] = {}


class Option(NamedTuple):
    """How a person gives a parameter of a command, as `Annotated[str, Option(…)]`.

    `bare`: it may stand without its name on every command line; Invoke allows that of all that must be given, but for
    what is `named`. `flag` is its name where that can't be Python's.
    """

    help: str
    metavar: str = ""
    bare: bool = False
    named: bool = False
    flag: str = ""


class Parameter(NamedTuple):
    """An option as the signature has it; `kind` is bool, str, int or list (of str), `default` may be REQUIRED."""

    name: str
    kind: type
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        return self.option.flag or self.name.replace("_", "-")


JSON = Parameter("json", bool, False, Option("print one JSON document"))


def sign(message: bytes, key: Path) -> str:
    """Signs with an SSH key; ssh-keygen may ask for its passphrase."""
    from lab.services import ssh

    return ssh.sign(message, key)


class Voice(NamedTuple):
    """How a command speaks while it works: where it stands, what a person should know, and how a key signs."""

    report: "Report"
    say: Callable[[str], None]
    sign: Callable[[bytes, Path], str] = sign


def _shown_already(_: Any) -> None:
    """For commands that print while they work."""


def as_it_is(value: Any) -> Any:
    return value


def exit_code(value: object) -> int:
    """An exit code as it is; 1 for a value that says that it didn't succeed."""
    return value if isinstance(value, int) else int(not getattr(value, "succeeded", True))


class Command(NamedTuple, Generic[T]):
    """`function` takes a Voice and its options, and returns what happened; `show` prints that for a person.

    `json` offers `--json`, of which `document` makes the value; `doing` heads the progress that is shown meanwhile,
    only on a terminal if it is `live`; `fixed` are parameters that this name of the function decides.
    A name of two words belongs to a group; Invoke writes it with a dash.
    """

    name: str
    help: str
    function: Callable[..., T]
    show: Callable[[T], None] = _shown_already
    json: bool = False
    doing: str = ""
    live: bool = False
    document: Callable[[T], object] = as_it_is
    code: Callable[[T], int] = exit_code
    fixed: Mapping[str, Any] = _NOTHING

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The options; --json first, so that Invoke's short flags don't depend on whether it is there."""
        _, *own = inspect.signature(self.function).parameters.values()
        read = tuple(_parameter(one) for one in own if one.name not in self.fixed)
        return (JSON, *read) if self.json else read

    def run(self, options: Mapping[str, Any]) -> int:
        """Does it on this terminal, prints how it went, and returns the exit code. Raises LabError."""
        from lab.commands import printing

        own = dict(options)
        self._refuse_empty(own)
        if own.pop("json", False):
            return self._run_as_json(own)
        quiet = not self.doing or (self.live and not sys.stdout.isatty())
        with printing.board(self.doing, quiet) as report:
            value = self.function(Voice(report, printing.say), **self.fixed, **own)
        self.show(value)
        return self.code(value)

    def _refuse_empty(self, own: Mapping[str, Any]) -> None:
        """Raises UsageError for a name or file that must be given and is blank; versions and reasons say it better."""
        from lab.base.errors import UsageError
        from lab.commands.json_envelope import refuse

        for one in self.parameters:
            needed = one.default is REQUIRED and (one.option.bare or one.option.named) and one.name != "reason"
            if needed and not str(own.get(one.name, "")).strip():
                what = one.option.metavar or one.name.upper()
                err = UsageError(f"{what} is empty.", f"Give {one.option.help}.")
                refuse(self.name, err)
                raise err

    def _run_as_json(self, own: Mapping[str, Any]) -> int:
        """One document, also of what can't be done: that is explained on standard error, too."""
        from lab.base.errors import Interrupted, LabError
        from lab.commands.json_envelope import enveloped, refusal
        from lab.commands.printing import jsonable, print_json

        try:
            value = self.function(Voice(_unheard, _unheard), **self.fixed, **own)
        except Interrupted:
            raise
        except LabError as err:
            print_json(refusal(self.name, err))
            raise
        code = self.code(value)
        print_json(enveloped(self.name, jsonable(self.document(value)), code))
        return code


def _unheard(_: object) -> None:
    """Standard output is for the document alone."""


def _parameter(one: inspect.Parameter) -> Parameter:
    kind, option = get_args(one.annotation)
    return Parameter(one.name, list if kind == list[str] else kind, one.default, option)
