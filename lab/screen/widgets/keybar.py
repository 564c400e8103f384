"""The last line: the keys of what has the focus, as many as there is room for; those that always help stay."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.binding import ActiveBinding
from textual.content import Content
from textual.keys import key_to_character
from textual.widgets import Static

# Their place is at the right, whatever else there is.
_ALWAYS = ("help", "command_palette", "quit")
_GAP = 2


@dataclass(frozen=True)
class Hint:
    """A key, as it is called on screen, and what it does."""

    key: str
    shown: str
    text: str

    @property
    def width(self) -> int:
        return len(self.shown) + 1 + len(self.text)


class KeyBar(Static):
    """Takes the keys from the bindings that work now; a click on one presses it."""

    def __init__(self) -> None:
        super().__init__(markup=False, id="keys")
        self._places: list[tuple[int, int, str]] = []
        self._drawn: tuple[object, ...] = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._draw())
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def on_click(self, event: events.Click) -> None:
        place = event.x - self.gutter.left
        for begin, end, key in self._places:
            if begin <= place < end:
                self.app.simulate_key(key)

    def _draw(self) -> None:
        width = self.content_size.width
        left, right = self._hints()
        if not width or (width, left, right) == self._drawn:
            return
        self._drawn = (width, left, right)
        room = width - _length(right) - (_GAP if right else 0)
        fitting = fit(left, room)
        pad = max(width - _length(fitting) - _length(right), _GAP if fitting else 0)
        self._places = [*_places(fitting, 0), *_places(right, _length(fitting) + pad)]
        self.update(Content("").join([*_painted(fitting), Content(" " * pad), *_painted(right)]), layout=False)

    def _hints(self) -> tuple[tuple[Hint, ...], tuple[Hint, ...]]:
        """Those of the place, and those that always stay."""
        seen: set[str] = set()
        left, right = [], {}
        for active in self.screen.active_bindings.values():
            action = active.binding.action.rpartition(".")[2]
            if action in seen or not active.enabled or not active.binding.show or self._is_text(active):
                continue
            seen.add(action)
            if action in _ALWAYS:
                right[action] = self._hint(active)
            else:
                left.append(self._hint(active))
        return tuple(left), tuple(right[name] for name in _ALWAYS if name in right)

    def _is_text(self, active: ActiveBinding) -> bool:
        """Whether the key only types a letter, where the focus is."""
        focused, key = self.screen.focused, active.binding.key
        shown = self.app.get_key_display(active.binding)
        letter = key_to_character(key) or (shown if len(shown) == 1 and key != "enter" else None)
        return focused is not None and focused.check_consume_key(key, letter)

    def _hint(self, active: ActiveBinding) -> Hint:
        shown = self.app.get_key_display(active.binding)
        return Hint(active.binding.key, shown, active.binding.description)


def fit(hints: Sequence[Hint], room: int) -> tuple[Hint, ...]:
    """The first ones for which there is room."""
    kept: list[Hint] = []
    for hint in hints:
        if _length([*kept, hint]) > room:
            break
        kept.append(hint)
    return tuple(kept)


def _length(hints: Sequence[Hint]) -> int:
    return sum(hint.width for hint in hints) + _GAP * max(len(hints) - 1, 0)


def _places(hints: Sequence[Hint], begin: int) -> list[tuple[int, int, str]]:
    found = []
    for hint in hints:
        found.append((begin, begin + hint.width, hint.key))
        begin += hint.width + _GAP
    return found


def _painted(hints: Sequence[Hint]) -> list[Content]:
    parts: list[Content] = []
    for number, hint in enumerate(hints):
        parts += [Content(" " * _GAP)] if number else []
        parts += [Content.styled(hint.shown, "bold $accent"), Content.styled(f" {hint.text}", "$foreground-muted")]
    return parts
