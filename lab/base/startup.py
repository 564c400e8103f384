"""What a command does first, so that it works in an account or a terminal that lacks what is usual."""

import codecs
import gc
import os
import sys
from collections.abc import MutableMapping
from io import TextIOWrapper

from lab.base.account import home, user_name

_ERRORS = "lab-readable"
# New objects between two looks for garbage. Of what a command imports nothing is any, and Python's own number costs it
# a tenth of its start.
_NEW = 20_000
# What the lab draws with, for terminals that don't have it.
_PLAIN = {
    "●": "*",
    "○": "o",
    "◌": "o",
    "◐": "~",
    "✖": "x",
    "✗": "x",
    "✓": "+",
    "▲": "^",
    "▼": "v",
    "–": "-",
    "—": "-",
    "…": "...",
    "→": "->",
    "←": "<-",
    "×": "x",
    "·": "-",
    "’": "'",
    "“": '"',
    "”": '"',
}


def settle(environ: MutableMapping[str, str] = os.environ) -> None:
    """Gives what libraries ask for and this account lacks, and lets no character end a command."""
    gc.set_threshold(_NEW, *gc.get_threshold()[1:])
    environ.setdefault("HOME", str(home()))
    # Without a name for the account `getpass.getuser` raises, which several libraries call.
    environ.setdefault("USER", user_name())
    codecs.register_error(_ERRORS, _readable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            stream.reconfigure(errors=_ERRORS)


def _readable(err: UnicodeError) -> tuple[str, int]:
    """A plain character for a drawn one, else what JSON writes for it: also inside a document nothing breaks."""
    if not isinstance(err, UnicodeEncodeError):
        raise err
    return "".join(map(_plain, err.object[err.start : err.end])), err.end


def _plain(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2], 'big'):04x}" for at in range(0, len(units), 2))
