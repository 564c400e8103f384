"""What happens when a person wants something done: questions first, then one action at a time of each kind."""

from typing import TYPE_CHECKING, Literal

from textual.app import SuspendNotSupported

from lab.base.alerts import Alert
from lab.base.runs import Run
from lab.observe.snapshot import Health, ServiceState
from lab.screen.action_runner import ActionArguments, Runner
from lab.screen.actions import ACTIONS, Action, Ask
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.views import View
from lab.views.details.dependency_views import stop_lines
from lab.views.drift_panel import alert_key
from lab.views.jobs import ActionResult, Job, Jobs
from lab.views.view import note

if TYPE_CHECKING:
    from lab.screen.action_app import ActionApp
    from lab.screen.lab_session import LabSession

_NOTICE_S = 8.0
Severity = Literal["information", "error"]


class ActionController:
    """Starts actions on one lab for `app`, and keeps account of them, whichever lab is shown meanwhile."""

    def __init__(self, app: "ActionApp", runner: Runner, lab: "LabSession") -> None:
        self._app, self._runner, self._lab = app, runner, lab
        self.jobs = Jobs()

    def want(self, name: str, target: str = "") -> None:
        """Does what `name` in `ACTIONS` says about `target`, after asking what has to be asked."""
        action = ACTIONS[name]
        target = target if action.part else ""
        if refusal := self._refusal(action, target):
            self._app.notify(refusal, severity="warning", markup=False)
            return
        title = self._app.titled(title_of(action, target, self._lab.view), self._lab)
        arguments = arguments_of(action, target, self._lab.view)
        match action.ask:
            case Ask.NOTHING:
                self._start(action, title, arguments)
            case Ask.GATES:
                self._sign(action, title, arguments)
            case _:
                self._ask(action, title, arguments)

    def _refusal(self, action: Action, target: str) -> str:
        view = self._lab.view
        if action.changes and view.readonly:
            return "This screen is read-only: it was started with --readonly."
        if action.part and not target:
            return f"Choose a row of the panel {action.part} first."
        if action.part == "models" and target.endswith("/"):
            return "Choose a version first: this row is about the whole model."
        if action.name == "cancel" and (run := find_run(view, target)) and run.status.finished:
            return f"Run {target[:8]} has ended already: {run.status.lower()}."
        if action.name == "silence" and find_alert(view, target) is None:
            return "Choose an alert first: drift by itself can't be silenced."
        if action.part == "services" and (said := service_refusal(action, target, view)):
            return said
        if self.jobs.of(action.name):
            key = view.key("activity", "A")
            return f"{title_of(action, target, view)}: one like it is still under way; key {key} shows it."
        return ""

    def _ask(self, action: Action, title: str, arguments: ActionArguments) -> None:
        reason = action.ask is Ask.REASON

        def answered(said: str | None) -> None:
            if said is not None:
                self._start(action, title, {**arguments, "reason": said} if reason else arguments)

        more = stop_lines(arguments["target"], self._lab.view) if action.name == "stop" else ()
        body = note(action.warning, *more)
        screen = ConfirmScreen(title, body, reason, action.title.split(" ")[0], keep=action.keep)
        self._app.push_screen(screen, answered)

    def _sign(self, action: Action, title: str, arguments: ActionArguments) -> None:
        from lab.screen.screens.sign_screen import SignScreen

        screen = SignScreen(action.name, title, arguments, self._runner)

        def answered(reason: str | None) -> None:
            if reason is not None:
                self._start(action, title, {**arguments, "reason": reason, "role": screen.role})

        self._app.push_screen(screen, answered)

    def _start(self, action: Action, title: str, arguments: ActionArguments) -> None:
        began, target = self._lab.view.epoch, arguments.get("target", "")
        job = Job(self.jobs.next_number, action.name, title, began, target=target)
        self._take(self.jobs.begun(job))
        self._app.run_worker(self._work(job, arguments), group=f"action-{action.name}", exit_on_error=False)

    async def _work(self, job: Job, arguments: ActionArguments) -> None:
        result = await self._runner.run(
            job.name, arguments, lambda line: self._take(self.jobs.with_line(job.number, line))
        )
        if result.data.get("lock") == "passphrase":
            result = self._in_terminal(job, arguments, result)
        self._take(self.jobs.ended(job.number, result, self._lab.view.epoch))
        words = "\n→ ".join(part for part in (result.said, result.next) if part)
        level: Severity = "information" if result.ok else "error"
        self._app.notify(words, title=job.title, severity=level, timeout=_NOTICE_S, markup=False)
        self._lab.poller.hurry()

    def _in_terminal(self, job: Job, arguments: ActionArguments, result: ActionResult) -> ActionResult:
        """Once more with the terminal to itself, so that ssh-keygen can ask for the passphrase."""
        try:
            with self._app.suspend():
                print(f"{job.title}: {result.said}")  # noqa: T201 - the terminal is an ordinary one now
                return self._runner.run_in_terminal(job.name, arguments)
        except SuspendNotSupported:
            return result

    def _take(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self._app.take_jobs(jobs, self._lab)


def find_service(view: View, key: str) -> ServiceState | None:
    """The service whose row has this key."""
    return next((one for one in view.snapshot.services.value or () if one.name == key), None)


def service_refusal(action: Action, target: str, view: View) -> str:
    """Why a service can't be started or stopped as it is; empty where it can be tried."""
    state = find_service(view, target)
    if state is None or action.name not in {"start", "stop"}:
        return ""
    if state.health is Health.ABSENT:
        return f"{state.title} isn't installed: {state.reason}"
    if view.lab_down:
        return "The lab isn't up: “Start the lab” in the palette starts it."
    if action.name == "start" and state.health in {Health.UP, Health.DEGRADED, Health.STARTING}:
        return f"{state.title} runs already; key {view.key('restart', 'R')} restarts it."
    if action.name == "stop" and state.stopped:
        return f"{state.title} is stopped already; key {view.key('start', 'u')} starts it."
    return ""


def find_alert(view: View, key: str) -> Alert | None:
    """The alert whose row has this key."""
    return next((one for one in view.snapshot.alerts.value or () if alert_key(one) == key), None)


def find_run(view: View, key: str) -> Run | None:
    """The run whose row has this key."""
    listed = view.snapshot.runs.value.runs if view.snapshot.runs.value else ()
    return next((run for run in listed if run.run_id == key), None)


def title_of(action: Action, target: str, view: View) -> str:
    """The action's title with its row in it."""
    alert = find_alert(view, target) if action.name == "silence" else None
    subject = alert.name if alert else _number(action, target)
    return action.title.format(subject[:8] if action.part == "runs" else subject)


def arguments_of(action: Action, target: str, view: View) -> ActionArguments:
    """The arguments of the action."""
    alert = find_alert(view, target) if action.name == "silence" else None
    arguments = {"target": _number(action, target)}
    if action.part == "models":
        arguments["model"] = target.rpartition("/")[0]
    if alert is None:
        return arguments
    import json

    return {**arguments, "labels": json.dumps(dict(alert.labels) or {"alertname": alert.name})}


def _number(action: Action, target: str) -> str:
    """A row of the models is called by its model and number; actions want the number."""
    return target.rpartition("/")[2] if action.part == "models" else target
