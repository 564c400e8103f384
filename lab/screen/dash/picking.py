"""Lists to pick from: values of variables, and other dashboards."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lab.dashboards.model import ALL, Choice

_MOST = 500


class Picking(ModalScreen[tuple[str, ...] | None]):
    """Asks for one of the choices, or several; typing narrows the list. None when nothing was picked."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("enter", "pick", "Take", priority=True, key_display="⏎"),
        Binding("tab", "mark", "Mark", priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], chosen: Sequence[str], several: bool = False) -> None:
        super().__init__()
        self._title, self._choices, self._several = title, tuple(choices), several
        self._chosen, self._before = set(chosen), set(chosen)
        self._shown: list[Choice] = []
        self._list = OptionList(markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="picking"):
            yield Input(placeholder="type to narrow")
            yield self._list
            yield Static("⏎ takes · tab marks several · esc leaves" if self._several else "⏎ takes · esc leaves")

    def on_mount(self) -> None:
        self.query_one("#picking").border_title = Content(self._title)
        self._fill("")
        here = next((number for number, one in enumerate(self._shown) if one.value in self._chosen), 0)
        self._list.highlighted = here if self._shown else None

    def _fill(self, typed: str) -> None:
        self._shown = [one for one in self._choices if typed.casefold() in one.text.casefold()][:_MOST]
        self._list.set_options([Option(Content(self._text(one))) for one in self._shown])

    def _text(self, one: Choice) -> str:
        mark = "✓ " if one.value in self._chosen else "  "
        return f"{mark if self._before or self._several else ''}{one.text or '(empty)'}"

    @on(Input.Changed)
    def _narrowed(self, event: Input.Changed) -> None:
        self._fill(event.value)
        self._list.highlighted = 0 if self._shown else None

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self._list.highlighted = event.option_index
        self.action_pick()

    @property
    def _here(self) -> Choice | None:
        at = self._list.highlighted
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def action_move(self, by: int) -> None:
        """The line above or below."""
        if self._shown:
            at = self._list.highlighted
            self._list.highlighted = ((at or 0) + by) % len(self._shown) if at is not None else 0

    def action_mark(self) -> None:
        """Marks the line, or takes its mark away."""
        here, at = self._here, self._list.highlighted
        if here is None or at is None or not self._several:
            return
        marked = self._chosen ^ {here.value}
        # All, and some of them, exclude each other.
        self._chosen = ({ALL} if ALL in marked else marked) if here.value == ALL else marked - {ALL}
        for number, one in enumerate(self._shown):
            self._list.replace_option_prompt_at_index(number, Content(self._text(one)))
        self._list.highlighted = at

    def action_pick(self) -> None:
        """Takes what was marked, or without any new mark the line."""
        here = self._here
        if self._several and self._chosen and self._chosen != self._before:
            self.dismiss(tuple(one.value for one in self._choices if one.value in self._chosen))
        elif here is not None:
            self.dismiss((here.value,))


def with_all(choices: Sequence[Choice], include_all: bool) -> tuple[Choice, ...]:
    """The choices with “All” in front, where the variable has it."""
    return (Choice("All", ALL), *choices) if include_all else tuple(choices)
