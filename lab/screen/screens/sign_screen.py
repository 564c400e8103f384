"""Asks before a model version is acted on: the gates as they stand, the key that signs, the role, the reason."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Select

from lab.screen.action_runner import ActionArguments, Runner
from lab.screen.failed_work import TellsFailedWork
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.screen.widgets.paint import paragraphs
from lab.views import formats
from lab.views.cells import Line, Span, Tone, pad
from lab.views.document import field_line, text
from lab.views.jobs import ActionResult

_NAME = 12
_LOOKING: tuple[Line, ...] = ((Span("◐ looking at the gates …", Tone.MUTED),),)
_FITTING = "role: whichever the policy allows"
LOCKS = {
    "passphrase": "asks for its passphrase: the screen steps aside for that",
    "nowhere": "its private half is neither in its file nor in an agent",
}


class SignScreen(TellsFailedWork, ConfirmScreen):
    """Dismisses with the reason; `role` is what was chosen, empty for whichever fits."""

    def __init__(self, action: str, title: str, arguments: ActionArguments, runner: Runner) -> None:
        super().__init__(title, _LOOKING, ask_reason=True, confirm=title.split(" ")[0])
        self._action, self._arguments, self._runner = action, arguments, runner
        self._roles: Select[str] = Select([(_FITTING, "")], allow_blank=False, compact=True, id="roles")
        self._known: tuple[str, ...] = ()
        self.role = ""

    def questions(self) -> ComposeResult:
        """The role, where there is a choice."""
        self._roles.display = False
        yield self._roles

    def on_mount(self) -> None:
        self.look()

    @work(exclusive=True, group="gates", exit_on_error=False)
    async def look(self) -> None:
        """Asks for the gates; a worker, so that the reason can be typed meanwhile."""
        given = {**self._arguments, "role": self.role, "dry_run": "yes"}
        result = await self._runner.run(self._action, given, lambda _: None)
        self._show_key(result)
        self._body.update(paragraphs([*body_lines(result)]))

    def _show_key(self, result: ActionResult) -> None:
        roles = tuple(result.data.get("key", {}).get("roles", ()))
        if len(roles) > 1 and roles != self._known:
            self._known = roles
            self._roles.set_options([(f"role: {role}", role) if role else (_FITTING, "") for role in ("", *roles)])
            self._roles.display = True

    @on(Select.Changed, "#roles")
    def _chosen(self, event: Select.Changed) -> None:
        chosen = str(event.value)
        if chosen != self.role:
            self.role = chosen
            self._body.update(paragraphs(_LOOKING))
            self.look()


def body_lines(result: ActionResult) -> Iterator[Line]:
    """What will happen, who signs, and every gate with what it saw."""
    if not result.data:
        yield (Span("✗ ", Tone.BAD), Span(formats.clean(result.said), Tone.BAD))
        yield (Span(f"→ {formats.clean(result.next)}", Tone.MUTED),) if result.next else ()
        return
    before, after, gates = result.data["from"], result.data["to"], result.data["gates"]
    yield field_line("state", text(before), Span(" → "), Span(formats.clean(after), Tone.STRONG))
    yield field_line("verdict", *_verdict(gates))
    yield from _key_lines(result.data.get("key", {}))
    yield ()
    for gate in gates:
        yield _gate(gate)
        if remedy := gate.get("remedy"):
            yield (*pad((), _NAME + 2), Span(f"→ {formats.clean(remedy)}", Tone.MUTED))


def _verdict(gates: Sequence[Mapping[str, Any]]) -> Line:
    closed = sum(not gate["passed"] for gate in gates)
    if not closed:
        return (Span("● every gate is open", Tone.OK),)
    return (Span(f"▲ refused by {closed} of {len(gates)} gates", Tone.WARN), Span("; the audit trail will say so"))


def _key_lines(key: Mapping[str, Any]) -> Iterator[Line]:
    if key.get("problem"):
        yield field_line("signs", Span(f"▲ {formats.clean(key['problem'])}", Tone.WARN))
        return
    who = formats.clean(key.get("name", ""))
    shown = Span(who, Tone.STRONG) if who else Span("▲ nobody's key", Tone.WARN)
    yield field_line("signs", shown, Span(f"  {', '.join(map(formats.clean, key.get('roles', ())))}", Tone.MUTED))
    yield field_line("key", Span(formats.clean(key.get("path", ""))))
    yield field_line("", Span(formats.clean(key.get("fingerprint", "")), Tone.MUTED))
    if lock := key.get("lock"):
        yield field_line("", Span(f"▲ {LOCKS.get(lock, lock)}", Tone.WARN))


def _gate(gate: Mapping[str, Any]) -> Line:
    good = gate["passed"]
    mark = Span("● ", Tone.OK) if good else Span("✗ ", Tone.BAD)
    name = Span(formats.clean(gate["name"]), Tone.PLAIN if good else Tone.STRONG)
    detail = Span(formats.clean(gate["detail"]), Tone.MUTED if good else Tone.PLAIN)
    return (mark, *pad((name,), _NAME), detail)
