"""The whole judgement over a person's file, for the command line; and the table of names that keys have."""

from pathlib import Path

from lab.screen.key_places import PLACES, bindings_of, judge_keys
from lab.screen.key_spelling import spell
from lab.screen.user.judging import Wrong
from lab.screen.user.reading import Loaded, load


def checked(path: Path) -> Loaded:
    """What the file says, with the first problem that is found. Raises nothing."""
    found = load(path)
    if found.problem is None:
        try:
            judge_keys(found.config)
        except Wrong as wrong:
            return found.refused(wrong)
    return found


def key_table() -> list[tuple[str, str, str]]:
    """Each name that a line of [keys] can have, its keys, and where they work."""
    keys: dict[str, dict[str, None]] = {}
    places: dict[str, dict[str, None]] = {}
    for place, kinds in PLACES:
        for binding in bindings_of(kinds):
            if binding.id:
                keys.setdefault(binding.id, {}).update(dict.fromkeys(spell(binding.key.split(","))))
                places.setdefault(binding.id, {})[place] = None
    return [(name, " ".join(keys[name]), ", ".join(places[name])) for name in sorted(keys)]
