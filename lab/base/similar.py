"""What a person may have meant by a name that there isn't, and which names there are."""

from collections.abc import Collection, Iterable
from itertools import islice

# How alike, from 0 to 1; and from how many letters a part of a name says which one is meant.
_LEAST, _LETTERS = 0.65, 3
# How many names a sentence lists.
_FEW = 12


def meant(word: str, known: Iterable[str]) -> str:
    """`Did you mean approve? `, to stand before what else is said; empty where nothing known is near."""
    from difflib import get_close_matches  # commands that are understood don't need it

    named = {one.lower(): one for one in known}
    near = get_close_matches(word.lower(), named, 1, _LEAST)
    if not near and len(word) >= _LETTERS:
        near = [one for one in named if one.startswith(word.lower()) or one.endswith(word.lower())][:1]
    return f"Did you mean {named[near[0]]}? " if near else ""


def few(names: Collection[str]) -> str:
    """`a, b, c`, and how many more there are than a sentence can list."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(islice(names, _FEW))}{more}"
