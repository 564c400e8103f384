"""The screen's keys by place, read off what they are bound to."""

from lab.screen.key_places import PLACES, Kinds, bindings_of
from lab.screen.key_spelling import spell


def by_place() -> list[tuple[str, str]]:
    """Each place, and its keys as Markdown; keys of one action stand together."""
    found = ((place, _keys(kinds)) for place, kinds in PLACES)
    return [(place, " · ".join(lines)) for place, lines in found if lines]


def _keys(kinds: Kinds) -> list[str]:
    lines = []
    for kind in kinds:
        by_meaning: dict[str, list[str]] = {}
        for binding in bindings_of((kind,)):
            by_meaning.setdefault(binding.description, []).extend(spell(binding.key.split(",")))
        lines += [f"{' '.join(f'`{key}`' for key in keys)} {meaning}" for meaning, keys in by_meaning.items()]
    return lines
