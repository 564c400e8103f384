"""The half of the application that does things: actions, their account, and how the screen is left and found again."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from textual import on
from textual.app import App

from lab.base.errors import LabError
from lab.screen.failed_work import TellsFailedWork
from lab.screen.key_spelling import key_spelled
from lab.screen.messages import ActionWanted
from lab.screen.saved_layout import Layout, SavedLayout
from lab.screen.screens.main_screen import MainScreen
from lab.screen.user.user_config import UserConfig
from lab.screen.widgets.panel import Panel
from lab.views.cells import Tone

if TYPE_CHECKING:
    from lab.observe.snapshot import Snapshot
    from lab.screen.action_runner import Runner
    from lab.screen.lab_session import LabSession
    from lab.views import View
    from lab.views.jobs import Jobs


Severity = Literal["information", "warning", "error"]
# Lines of one notice: a lab that goes down as a whole fills no screen.
_NEWS = 4


class ActionApp(TellsFailedWork, App[None]):
    """Needs of its subclass the newest `view`, and to be shown another one."""

    # The labs of the screen, and the one that is shown.
    labs: "list[LabSession]"
    lab: "LabSession"
    layout_kept = Layout()
    user = UserConfig()
    _memory: SavedLayout | None = None
    _runner: "Runner | None" = None
    _note = ""

    @property
    def view(self) -> "View":
        """The newest view of the lab that is shown."""
        return self.lab.view

    @view.setter
    def view(self, view: "View") -> None:
        self.lab.view = view

    def titled(self, title: str, lab: "LabSession") -> str:
        """A title that says which lab is meant, where there are several."""
        return f"{lab.name}: {title}" if len(self.labs) > 1 else title

    def remember(self, memory: SavedLayout | None, theme: str) -> str:
        """Takes the layout out of `memory`, and returns the theme to begin with."""
        self._memory = memory
        self.layout_kept, self._note = memory.load() if memory else (Layout(), "")
        return self.layout_kept.theme if self.layout_kept.theme in self.available_themes else theme

    def on_mount(self) -> None:
        if self._note:
            self.notify(self._note, severity="warning", markup=False)

    def action_refresh_now(self) -> None:
        """Asks every source again."""
        raise NotImplementedError

    def action_help(self) -> None:
        """The keys of the place where the focus is."""
        raise NotImplementedError

    def action_dashboards(self) -> None:
        """A Grafana dashboard, drawn here."""
        raise NotImplementedError

    def take_jobs(self, jobs: "Jobs", lab: "LabSession") -> None:
        """Shows what is under way in a lab, and done."""
        raise NotImplementedError

    def take_recording(self, path: str, lab: "LabSession") -> None:
        """Shows that the file at `path` is being recorded to, or with an empty one that none is."""
        raise NotImplementedError

    def narrow(self, model: str) -> None:
        """Shows one model only; all of them when `model` is empty."""
        raise NotImplementedError

    def key_of(self, name: str, usual: str) -> str:
        """How the first key of that name is called now; `usual` where nobody set another."""
        return self.keys_called.get(name, usual)

    @property
    def keys_called(self) -> Mapping[str, str]:
        """The first of each key that a person has set, as it is called on screen, by name."""
        return {name: key_spelled(keys.split(",")[0]) for name, keys in self.keys_in_force.items()}

    @property
    def keys_in_force(self) -> Mapping[str, str]:
        """The keys that a person has set, by name."""
        return self.user.keys

    def show_lab(self, number: int) -> None:
        """Shows another lab."""
        raise NotImplementedError

    def may_run_own(self, number: int) -> bool:
        """Whether one of the person's own commands is offered here."""
        raise NotImplementedError

    def want_own(self, number: int, key: str = "") -> None:
        """Runs one of the person's own commands for a row, after asking what has to be asked."""
        raise NotImplementedError

    def want(self, name: str, target: str = "") -> None:
        """Does one of the `ACTIONS`, after asking what has to be asked."""
        if self.lab.controller is None:
            from lab.screen.action_controller import ActionController
            from lab.screen.action_runner import Processes

            self.lab.controller = ActionController(self, self._runner or Processes(), self.lab)
        self.lab.controller.want(name, target)

    @on(ActionWanted)
    def _wanted(self, event: ActionWanted) -> None:
        event.stop()
        self.want(event.action, event.target)

    @property
    def main_screen(self) -> MainScreen | None:
        """The screen below all others."""
        return next((screen for screen in self.screen_stack if isinstance(screen, MainScreen)), None)

    def chosen(self, part: str) -> str:
        """The key of the row under the cursor of a panel; empty without one."""
        return self.main_screen.chosen(part) if self.main_screen else ""

    def go_to(self, panel: str) -> None:
        """Focuses a panel, from wherever the person is."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if self.main_screen:
            self.main_screen.action_focus_panel(panel)

    def action_activity(self) -> None:
        """What was done from this screen."""
        from lab.screen.screens.activity_screen import ActivityScreen

        if not isinstance(self.screen, ActivityScreen):
            self.push_screen(ActivityScreen(self.view))

    def action_export(self) -> None:
        """Asks for a file, and writes the snapshot into it."""
        from lab.screen.screens.export_screen import ExportScreen

        self.push_screen(ExportScreen(self.view))

    def action_record(self) -> None:
        """Records what the screen shows from now on, or ends that."""
        from lab.recording.recorder import ScreenRecording, default_path

        recording = self.lab.recording = self.lab.recording or ScreenRecording()
        try:
            said = recording.stop()
            if not said:
                path = default_path(self.view.snapshot, self.view.now)
                recording.start(path, self.view.interval_s)
                said = f"Recording to {path}"
        except LabError as err:
            self.notify(str(err), title="Recording", severity="error", markup=False)
        else:
            self.notify(said, title="Recording", markup=False)
        self.take_recording(str(recording.path or ""), self.lab)

    def record_shown(self, snapshot: "Snapshot", lab: "LabSession") -> None:
        """Takes a snapshot into the lab's recording, if there is one."""
        recording = lab.recording
        if recording is None or recording.path is None:
            return
        recording.take(snapshot)
        if recording.path is None:
            title = self.titled("Recording ended", lab)
            self.notify(recording.trouble, title=title, severity="error", markup=False)
            self.take_recording("", lab)

    def tell_news(self, before: "Snapshot", after: "Snapshot", lab: "LabSession") -> None:
        """A notice of what somebody who looks elsewhere should know, with a bell where that is wanted."""
        # Imported with the second snapshot: before the first paint that would cost time.
        from lab.recording.marks import news
        from lab.views.jobs import own_news

        told = own_news(lab.view.jobs, lab.view.epoch)
        found = [one for one in news(before, after) if not told(one[1])]
        if not found:
            return
        lines = [text for _, text in found[:_NEWS]]
        lines += [f"and {len(found) - _NEWS} more"] if len(found) > _NEWS else []
        tones = {tone for tone, _ in found}
        level: Severity = "error" if Tone.BAD in tones else "warning" if Tone.WARN in tones else "information"
        self.notify("\n".join(lines), title=self.titled("", lab).rstrip(": "), severity=level, markup=False)
        if self.layout_kept.bell:
            self.bell()

    def action_ring(self) -> None:
        """Rings with notices from now on, or no longer."""
        self.layout_kept = replace(self.layout_kept, bell=not self.layout_kept.bell)
        self.notify("on: it rings with each notice" if self.layout_kept.bell else "off", title="Bell", timeout=2)
        self.keep_layout()

    def on_unmount(self) -> None:
        """However the screen is left, its recording is whole."""
        for lab in self.labs:
            if lab.recording:
                with contextlib.suppress(LabError):
                    lab.recording.stop()

    async def action_quit(self) -> None:
        """Leaves; what is under way goes on to its end."""
        self.keep_layout()
        going = [job.title for lab in self.labs for job in lab.view.jobs.running]
        notes = [f"still going on, without the screen: {', '.join(going)}"] if going else []
        notes += [f"recorded to {lab.view.recording}" for lab in self.labs if lab.view.recording]
        self.exit(message="\n".join(notes) or None)

    @on(Panel.Arranged)
    def keep_layout(self) -> None:
        """Writes down how the screen looks now."""
        if self._memory and self.main_screen:
            note = self._memory.save(
                replace(
                    self.layout_kept,
                    theme=self.theme,
                    panel=self.main_screen.panel_name,
                    orders=self.main_screen.orders,
                )
            )
            if note and note != self._note:
                self._note = note
                self.notify(note, severity="warning", markup=False)
