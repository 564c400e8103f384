"""Text on its way into and out of Dagster's webserver: JSON has characters that no database and no UTF-8 has.

Dagster stores a run before the tags of it, so one tag that can't be stored would leave a run that nobody launched.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from graphql import GraphQLError, Lexer, Source, TokenKind
from starlette.responses import JSONResponse

from lab.core.names import shown, storable

# What a launch holds is a page of text; a body is taken whole before it is judged.
LARGEST_BODY = 1_000_000
# Bytes of a tag's name or value: PostgreSQL indexes both together, and an index takes no more than 2,704. Which text
# becomes one shows in the query alone, so that it holds for all.
_LONGEST = 1300
# What a run is configured with isn't looked at here: its steps judge it, and leave an entry when they refuse it.
_JUDGED_LATER = "runConfigData"
_NUL = re.compile(r"\\u(?:0000|\{0+\})")
_LONE = re.compile("[\ud800-\udfff]")


class AnyJson(JSONResponse):
    """JSON that can hold whatever Python can, as runs that were stored before anybody refused such text."""

    def render(self, content: Any) -> bytes:
        """Escapes everything beyond ASCII, lone surrogates among it."""
        return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def escaped_json(text: str) -> str:
    """JSON text with lone surrogates as escapes, which mean the same and can be sent."""
    return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def problem(body: bytes) -> str:
    """Why a GraphQL request can't be taken; empty when nothing stands against it, or when it is no JSON."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        # A bare query, or nothing that Dagster will understand either.
        return _query_problem(body.decode(errors="replace"))
    return next(filter(None, _problems(request, "")), "")


def _problems(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _problems_of_text(value, place)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _problems_of_text(key, f"a name in {place or 'the request'}")
            if key != _JUDGED_LATER:
                yield from _problems(item, f"{place}.{shown(key)}" if place else shown(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _problems(item, f"{place}[{number}]")


def _problems_of_text(text: str, place: str) -> Iterator[str]:
    if storable(text) != text:
        yield f"{place or 'the request'} holds '{shown(text)}', which can't be stored"
    elif place in {"query", ""}:
        yield _query_problem(text)
    elif place == "variables":
        # Dagster takes them as a text of JSON, too.
        with suppress(ValueError, RecursionError):
            yield from _problems(json.loads(text), "variables as text")
    elif _is_long(text):
        yield f"{place} is longer than {_LONGEST} bytes"


def _query_problem(query: str) -> str:
    """GraphQL's own parser refuses lone surrogates, but neither a NUL nor a long text."""
    if _NUL.search(query):
        return "the query holds a NUL, which can't be stored"
    if any(map(_is_long, _texts_in(query))):
        return f"a text in the query is longer than {_LONGEST} bytes"
    return ""


def _texts_in(query: str) -> Iterator[str]:
    if '"' not in query:
        # As nearly always: programs send texts as variables.
        return
    lexer = Lexer(Source(query))
    # What the parser can't read is its own to refuse.
    with suppress(GraphQLError):
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            if token.kind in {TokenKind.STRING, TokenKind.BLOCK_STRING}:
                yield token.value or ""


def _is_long(text: str) -> bool:
    return len(text.encode()) > _LONGEST
