"""What the palette offers: everything that keys do, and every action."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.command import DiscoveryHit, Hits
from textual.content import Content
from textual.system_commands import SystemCommandsProvider

from lab.base.catalogue import landing
from lab.screen.action_controller import find_alert, find_run, service_refusal, title_of
from lab.screen.actions import ACTIONS, Action
from lab.screen.key_spelling import key_spelled
from lab.views import PARTS
from lab.views.by_model import names

if TYPE_CHECKING:
    from lab.screen.action_app import ActionApp


class LabCommands(SystemCommandsProvider):
    """Lists the commands in their own order, not by the alphabet, while nothing is typed."""

    async def discover(self) -> Hits:
        """All of them."""
        for title, explained, callback, _ in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(Content(title), callback, title, explained)


def commands(app: "ActionApp") -> Iterable[SystemCommand]:
    """In the order in which they are listed while nothing is typed."""
    view, key = app.view, app.key_of
    for action in ACTIONS.values():
        if (action.changes and view.readonly) or (action.name == "up" and not view.lab_down):
            continue
        if target := _target(app, action):
            yield SystemCommand(
                title_of(action, target, view), action.help, partial(app.want, action.name, target.strip())
            )
    yield from _own(app)
    yield SystemCommand("Refresh now", f"Key {key('refresh', 'r')}: ask every source again", app.action_refresh_now)
    yield SystemCommand("Activity", f"Key {key('activity', 'A')}: what was done from this screen", app.action_activity)
    if app.check_action("dashboards", ()):
        yield SystemCommand(
            "Dashboards",
            f"Key {key('dashboards', 'D')}: Grafana's dashboards, drawn here",
            app.action_dashboards,
        )
    yield SystemCommand("Export the snapshot", "As JSON, into a file", app.action_export)
    recording = (
        ("Stop recording", view.recording) if view.recording else ("Record", "What the screen shows, into a file")
    )
    yield SystemCommand(*recording, app.action_record)
    yield SystemCommand("Keys", f"Key {key('help', '?')}: the keys that work here", app.action_help)
    yield SystemCommand("Theme", f"Choose a theme; key {key('theme', 't')} walks through them", app.action_change_theme)
    yield from _narrowing(app)
    for lab in app.labs:
        if lab is not app.lab:
            said = f"Keys {key('next-lab', '>')} and {key('lab-before', '<')} walk through the labs"
            yield SystemCommand(f"Lab {lab.name}", said, partial(app.show_lab, lab.number))
    bell = "off" if app.layout_kept.bell else "on"
    yield SystemCommand(f"Bell {bell}", "With notices: a service, a run's end, an alert", app.action_ring)
    for number, name in enumerate(PARTS, 1):
        yield SystemCommand(f"Go to {name}", f"Key {app.key_of(name, str(number))}", partial(app.go_to, name))
    for service in view.snapshot.services.value or ():
        if service.url.startswith("http"):
            yield SystemCommand(
                f"Open {service.title}", service.url, partial(app.open_url, landing(service.name, service.url))
            )
    yield SystemCommand("Quit", f"Key {key('quit', 'q')}: leave; the lab stays up", app.action_quit)


def _own(app: "ActionApp") -> Iterable[SystemCommand]:
    """The person's own commands, on the rows that are chosen."""
    for number, command in enumerate(app.user.commands):
        key = app.chosen(command.panel) if command.panel else ""
        if app.may_run_own(number) and (key or not command.panel):
            said = f"Your own, key {key_spelled(command.key)}: {command.argv[0]}"
            yield SystemCommand(command.title, said, partial(app.want_own, number, key))


def _narrowing(app: "ActionApp") -> Iterable[SystemCommand]:
    """To one model, or back to all of them."""
    view, key = app.view, app.key_of("model", "M")
    if view.model:
        said = f"Esc or {key}: the screen shows {view.model} only"
        yield SystemCommand("Show every model", said, partial(app.narrow, ""))
    for name in names(view.snapshot) if view.several else ():
        if name != view.model:
            yield SystemCommand(f"Only model {name}", f"Key {key} on one of its rows", partial(app.narrow, name))


def _target(app: "ActionApp", action: Action) -> str:
    """The row that the action would be about; a blank for the whole lab, empty where there is no such row."""
    if not action.part:
        return " "
    key = app.chosen(action.part)
    if action.name == "cancel" and ((run := find_run(app.view, key)) is None or run.status.finished):
        return ""
    if action.part == "models" and key.endswith("/"):
        return ""
    if action.part == "services" and key and service_refusal(action, key, app.view):
        return ""
    return "" if action.name == "silence" and find_alert(app.view, key) is None else key
