"""The documents that commands print with `--json`, held to the schemas that are published."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator


def validate(command: str, document: Any) -> None:
    """Fails unless `document` fits the schema of `command` (with dashes)."""
    _validator(command).validate(document)


@cache
def _validator(command: str) -> Draft202012Validator:
    from lab.commands.json_schemas import schema_of

    return Draft202012Validator(schema_of(command))
