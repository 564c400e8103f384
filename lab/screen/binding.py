"""The screen's key bindings: each has a name, by which a person may give it other keys."""

import re
from dataclasses import dataclass

from textual.binding import Binding as _Binding
from textual.binding import BindingType

__all__ = ["Binding", "BindingType", "key_name"]


def key_name(description: str) -> str:
    """What help calls a key, as a name: `What needs you` is `what-needs-you`."""
    return re.sub(r"[^a-z0-9]+", "-", description.lower()).strip("-")


@dataclass(frozen=True)
class Binding(_Binding):
    """As Textual's; the id, by which a keymap finds it, is the name of what it does.

    What has the same words in two places is the same thing to a person, and moves with one line of the configuration.
    """

    def __post_init__(self) -> None:
        if self.id is None and self.description:
            object.__setattr__(self, "id", key_name(self.description))
