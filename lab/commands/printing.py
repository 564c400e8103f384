"""How commands print: tables and live progress on a terminal, plain lines without one; Rich at first use."""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from lab.base.progress import Progress, Report


@cache
def _out() -> "Console":
    from rich.console import Console

    from lab.commands.dispatch.ending import lose_reader

    class Unbreakable(Console):
        """Goes on without a reader: `invoke up | head` must not leave the lab half up."""

        def on_broken_pipe(self) -> None:
            lose_reader()

    # Without a terminal nothing should be folded: the reader is a file or a program.
    return Unbreakable(highlight=False, width=None if sys.stdout.isatty() else 200)


def say(text: str) -> None:
    """One message, as it stands: broken between words where it is long, and never within one."""
    _out().print(text, markup=False, overflow="ignore", crop=False)


def show(drawn: "Table | str") -> None:
    """A table, or a line with Rich's markup."""
    if isinstance(drawn, str):
        _out().print(drawn, overflow="ignore", crop=False)
        return
    from lab.commands.fitting_tables import print_fitting

    print_fitting(_out(), drawn)


def escape(text: str) -> str:
    """`text` as it stands, in a cell or line with Rich's markup."""
    from rich.markup import escape as escaped

    return escaped(text)


def confirm(text: str, name: str) -> bool:
    """Asks for the lab's name to be typed; without a terminal the answer is no."""
    say(text)
    if not sys.stdin.isatty():
        say("no terminal to ask on: give --yes")
        return False
    return input(f"Type {name} to go on: ").strip() == name


@contextmanager
def board(title: str, quiet: bool = False) -> "Iterator[Report]":
    """A place for progress: a line for each change, and on a terminal what is still going on below."""
    if quiet:
        yield lambda _: None
    elif not _out().is_terminal:
        yield lambda progress: say(_plain(progress))
    else:
        with _out().status(f"{title} …") as spinner:
            going: dict[str, str] = {}

            def report(progress: "Progress") -> None:
                if progress.state in {"starting", "in_progress"}:
                    going[progress.subject] = progress.state
                else:
                    going.pop(progress.subject, None)
                    _out().print(_coloured(progress))
                spinner.update(f"{title} {escape(', '.join(going))} …")

            yield report


def _plain(progress: "Progress") -> str:
    seconds = "" if progress.seconds is None else f"{progress.seconds:6.1f} s"
    return f"{progress.subject:<24} {progress.state:<12} {seconds:>8}  {progress.detail}".rstrip()


def _coloured(progress: "Progress") -> str:
    colour = {"up": "green", "success": "green", "failure": "red", "seeded": "green"}.get(progress.state, "cyan")
    text = escape(_plain(progress))
    state = escape(progress.state)
    return text.replace(state, f"[{colour}]{state}[/]", 1)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(jsonable(value), indent=2, ensure_ascii=False) + "\n")


def jsonable(value: Any) -> Any:
    """Dataclasses as objects, tuples as lists, paths as text, null for what JSON has no number for; else as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        extra = {"succeeded": value.succeeded} if hasattr(value, "succeeded") else {}
        return extra | jsonable(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return [jsonable(item) for item in value] if isinstance(value, (list, tuple)) else value


def duration(seconds: float | None) -> str:
    """`1.2 s`, `3 min`, `2.5 h`, `4 d`; empty for None."""
    if seconds is None:
        return ""
    for limit, unit, size in ((60, "s", 1), (3600, "min", 60), (86400, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86400:.1f} d"


def pairs(pairs: dict[str, str], title: str) -> "Table":
    table = new_table(title, "value")
    for name, value in pairs.items():
        table.add_row(escape(name), escape(value))
    return table


def new_table(*columns: str) -> "Table":
    """An empty table in the lab's style."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", collapse_padding=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
