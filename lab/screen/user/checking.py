"""The whole judgement over a person's file, for the command line; and the table of names that keys have."""

from pathlib import Path

from lab.screen.key_places import PLACES, bindings_of, judge_keys
from lab.screen.key_spelling import spell
from lab.screen.user.judging import Wrong
from lab.screen.user.reading import Loaded, load


def checked(path: Path) -> Loaded:
    """What the file says, with the first problem that is found. Raises nothing."""
    found = load(path)
    return judged(found) if found.problem is None else found


def judged(loaded: Loaded) -> Loaded:
    """The same, or refused for a key that there isn't or that two things have."""
    try:
        judge_keys(loaded.config)
    except Wrong as wrong:
        return loaded.refused(wrong)
    return loaded


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
