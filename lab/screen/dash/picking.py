"""Lists to pick from: values of variables, and other dashboards."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, SelectionList, Static
from textual.widgets.selection_list import Selection

from lab.dashboards.model import ALL, Choice

_MOST = 500


class Picking(ModalScreen[tuple[str, ...] | None]):
    """Asks for one of the choices, or several; typing narrows the list. None when nothing was picked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("enter", "pick", "Take", priority=True, key_display="⏎"),
        Binding("down", "to_list", "Down", show=False, priority=True),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], chosen: Sequence[str], several: bool = False) -> None:
        super().__init__()
        self._title, self._choices, self._several = title, tuple(choices), several
        self._chosen = set(chosen)
        self._list: SelectionList[str] = SelectionList(*self._selections(""))

    def compose(self) -> ComposeResult:
        with Vertical(id="picking"):
            yield Input(placeholder="type to narrow", id="narrow")
            yield self._list
            yield Static(
                "space marks · ⏎ takes · esc leaves" if self._several else "⏎ takes · esc leaves", markup=False
            )

    def on_mount(self) -> None:
        self.query_one("#picking").border_title = Content(self._title)
        self._list.focus()
        at = next((n for n, one in enumerate(self._choices) if one.value in self._chosen), 0)
        self._list.highlighted = at if self._choices else None

    def _selections(self, typed: str) -> list[Selection[str]]:
        found = [one for one in self._choices if typed.casefold() in one.text.casefold()][:_MOST]
        return [Selection(Content(one.text or "(empty)"), one.value, one.value in self._chosen) for one in found]

    @on(Input.Changed, "#narrow")
    def _narrowed(self, event: Input.Changed) -> None:
        self._chosen = self._marked
        self._list.clear_options()
        self._list.add_options(self._selections(event.value))
        self._list.highlighted = 0 if self._list.option_count else None

    @property
    def _marked(self) -> set[str]:
        listed = {str(self._list.get_option_at_index(n).value) for n in range(self._list.option_count)}
        return set(self._list.selected) | (self._chosen - listed)

    def action_to_list(self) -> None:
        """Down: into the list, or one on in it."""
        if self._list.has_focus:
            self._list.action_cursor_down()
        else:
            self._list.focus()

    def action_pick(self) -> None:
        """Takes what is marked, or the line that a person is on."""
        at = self._list.highlighted
        here = str(self._list.get_option_at_index(at).value) if at is not None else None
        marked = self._marked
        if self._several and marked != set(self._chosen) and marked:
            everything = ALL in marked and ALL not in self._chosen
            self.dismiss(
                (ALL,) if everything else tuple(one.value for one in self._choices if one.value in marked - {ALL})
            )
        elif here is not None:
            self.dismiss((here,))


def with_all(choices: Sequence[Choice], include_all: bool) -> tuple[Choice, ...]:
    """The choices with “All” in front, where the variable has it."""
    return (Choice("All", ALL), *choices) if include_all else tuple(choices)
