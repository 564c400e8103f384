"""What happens when a person wants something done: questions first, then one errand at a time of each kind."""

from typing import TYPE_CHECKING, Literal

from textual.app import SuspendNotSupported

from lab.base.alerts import Alert
from lab.screen.action_runner import Given, Runner
from lab.screen.actions import ACTIONS, Action, Ask
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.views import View
from lab.views.drift_panel import alert_key
from lab.views.jobs import Job, Jobs, Told
from lab.views.view import note

if TYPE_CHECKING:
    from lab.screen.acting import Acting

_NOTICE_S = 8.0
Severity = Literal["information", "error"]


class Worklist:
    """Starts actions for `app`, and keeps account of them."""

    def __init__(self, app: "Acting", runner: Runner) -> None:
        self._app, self._runner = app, runner
        self.jobs = Jobs()

    def want(self, name: str, target: str = "") -> None:
        """Does what `name` in `ACTIONS` says about `target`, after asking what has to be asked."""
        action = ACTIONS[name]
        target = target if action.part else ""
        if refusal := self._refusal(action, target):
            self._app.notify(refusal, severity="warning", markup=False)
            return
        title = title_of(action, target, self._app.view)
        given = given_for(action, target, self._app.view)
        match action.ask:
            case Ask.NOTHING:
                self._start(action, title, given)
            case Ask.GATES:
                self._sign(action, title, given)
            case _:
                self._ask(action, title, given)

    def _refusal(self, action: Action, target: str) -> str:
        view = self._app.view
        if action.changes and view.readonly:
            return "This screen is read-only: it was started with --readonly."
        if action.part and not target:
            return f"Choose a row of the panel {action.part} first."
        if action.name == "silence" and find_alert(view, target) is None:
            return "Choose an alert first: drift by itself can't be silenced."
        if self.jobs.of(action.name):
            return f"{title_of(action, target, view)}: one like it is still under way; key A shows it."
        return ""

    def _ask(self, action: Action, title: str, given: Given) -> None:
        reason = action.ask is Ask.REASON

        def answered(said: str | None) -> None:
            if said is not None:
                self._start(action, title, {**given, "reason": said} if reason else given)

        self._app.push_screen(ConfirmScreen(title, note(action.warning), reason, title.split(" ")[0]), answered)

    def _sign(self, action: Action, title: str, given: Given) -> None:
        from lab.screen.screens.sign_screen import SignScreen

        screen = SignScreen(action.name, title, given["target"], self._runner)

        def answered(reason: str | None) -> None:
            if reason is not None:
                self._start(action, title, {**given, "reason": reason, "role": screen.role})

        self._app.push_screen(screen, answered)

    def _start(self, action: Action, title: str, given: Given) -> None:
        job = Job(self.jobs.next_number, action.name, title, self._app.view.epoch)
        self._take(self.jobs.begun(job))
        self._app.run_worker(self._work(job, given), group=f"action-{action.name}", exit_on_error=False)

    async def _work(self, job: Job, given: Given) -> None:
        told = await self._runner.run(job.name, given, lambda line: self._take(self.jobs.with_line(job.number, line)))
        if told.data.get("lock") == "passphrase":
            told = self._in_terminal(job, given, told)
        self._take(self.jobs.ended(job.number, told, self._app.view.epoch))
        words = "\n→ ".join(part for part in (told.said, told.next) if part)
        level: Severity = "information" if told.ok else "error"
        self._app.notify(words, title=job.title, severity=level, timeout=_NOTICE_S, markup=False)
        self._app.action_refresh_now()

    def _in_terminal(self, job: Job, given: Given, told: Told) -> Told:
        """Once more with the terminal to itself, so that ssh-keygen can ask for the passphrase."""
        try:
            with self._app.suspend():
                print(f"{job.title}: {told.said}")  # noqa: T201 - the terminal is an ordinary one now
                return self._runner.run_in_terminal(job.name, given)
        except SuspendNotSupported:
            return told

    def _take(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self._app.take_jobs(jobs)


def find_alert(view: View, key: str) -> Alert | None:
    """The alert whose row has this key."""
    return next((one for one in view.snapshot.alerts.value or () if alert_key(one) == key), None)


def title_of(action: Action, target: str, view: View) -> str:
    """The action's title with its row in it."""
    alert = find_alert(view, target) if action.name == "silence" else None
    subject = alert.name if alert else _number(action, target)
    return action.title.format(subject[:8] if action.part == "runs" else subject)


def given_for(action: Action, target: str, view: View) -> Given:
    """What the errand is told."""
    alert = find_alert(view, target) if action.name == "silence" else None
    given = {"target": _number(action, target)}
    if alert is None:
        return given
    import json

    return {**given, "labels": json.dumps(dict(alert.labels) or {"alertname": alert.name})}


def _number(action: Action, target: str) -> str:
    """A row of the models is called by its model and number; actions want the number."""
    return target.rpartition("/")[2] if action.part == "models" else target
