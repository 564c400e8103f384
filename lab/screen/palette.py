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
    view = app.view
    for action in ACTIONS.values():
        if (action.changes and view.readonly) or (action.name == "up" and not view.lab_down):
            continue
        if target := _target(app, action):
            yield SystemCommand(
                title_of(action, target, view), action.help, partial(app.want, action.name, target.strip())
            )
    yield SystemCommand("Refresh now", "Key r: ask every source again", app.action_refresh_now)
    yield SystemCommand("Activity", "Key A: what was done from this screen", app.action_activity)
    if app.check_action("dashboards", ()):
        yield SystemCommand("Dashboards", "Key D: Grafana's dashboards, drawn here", app.action_dashboards)
    yield SystemCommand("Export the snapshot", "As JSON, into a file", app.action_export)
    recording = (
        ("Stop recording", view.recording) if view.recording else ("Record", "What the screen shows, into a file")
    )
    yield SystemCommand(*recording, app.action_record)
    yield SystemCommand("Keys", "Key ?: the keys that work here", app.action_help)
    yield SystemCommand("Theme", "Choose a theme; key t walks through them", app.action_change_theme)
    yield from _narrowing(app)
    bell = "off" if app.layout_kept.bell else "on"
    yield SystemCommand(f"Bell {bell}", "With notices: a service, a run's end, an alert", app.action_ring)
    for number, name in enumerate(PARTS, 1):
        yield SystemCommand(f"Go to {name}", f"Key {number}", partial(app.go_to, name))
    for service in view.snapshot.services.value or ():
        if service.url.startswith("http"):
            yield SystemCommand(
                f"Open {service.title}", service.url, partial(app.open_url, landing(service.name, service.url))
            )
    yield SystemCommand("Quit", "Key q: leave; the lab stays up", app.action_quit)


def _narrowing(app: "ActionApp") -> Iterable[SystemCommand]:
    """To one model, or back to all of them."""
    view = app.view
    if view.model:
        said = f"Esc or M: the screen shows {view.model} only"
        yield SystemCommand("Show every model", said, partial(app.narrow, ""))
    for name in names(view.snapshot) if view.several else ():
        if name != view.model:
            yield SystemCommand(f"Only model {name}", "Key M on one of its rows", partial(app.narrow, name))


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
