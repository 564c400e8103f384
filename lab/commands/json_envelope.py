"""What every JSON document of a command begins with, and the document of a command that couldn't do what was asked.

docs/json.md says what a reader may rely on.
"""

import sys
from collections.abc import Mapping
from typing import Any

from lab.base.errors import LabError

# Raised when a field goes or changes its meaning; a new field is no new schema.
SCHEMA = 1


def enveloped(command: str, document: object, code: int) -> object:
    """The document with its envelope. Lists, which some commands have always printed, have no room for one."""
    if not isinstance(document, Mapping):
        return document
    return {"schema": SCHEMA, "command": named(command), "ok": code == 0, **document}


def refusal(command: str, err: LabError) -> dict[str, Any]:
    """What stands on standard output when there is nothing but an error to tell."""
    error = {"kind": type(err).__name__, "message": err.message, "remedy": err.remedy}
    return {"schema": SCHEMA, "command": named(command), "ok": False, "error": error}


def named(command: str) -> str:
    """One name on both command lines: `identity add` is `identity-add`."""
    return command.replace(" ", "-")


def refuse(command: str, err: LabError) -> None:
    """Prints the refusal of a command line that can't be understood, where it asks for JSON."""
    from lab.commands.printing import print_json

    if "--json" in sys.argv:
        print_json(refusal(command, err))
