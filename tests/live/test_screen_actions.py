"""Deciding about versions on the screen, as different people, against a live lab."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lab import wiring
from lab.base.model_versions import ModelVersion
from lab.base.runs import STEPS
from lab.governance.ledger import Status
from lab.governance.rules.approval_states import parse_statement
from lab.observe.polling import Connection
from lab.observe.snapshot import Health, ServiceState
from lab.screen.action_runner import Processes
from lab.screen.app import LabApp
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.screen.screens.sign_screen import SignScreen
from lab.views.jobs import Job
from tests.support.lab import LiveLab
from tests.support.launching import run_tags
from tests.support.people import ENGINEER, OFFICER, People
from tests.support.waiting import tasks_ended

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture
def people(live: LiveLab) -> People:
    return People.of(live)


# The lab's own helpers run event loops of theirs.
aside = asyncio.to_thread


@asynccontextmanager
async def screen(live: LiveLab, **variables: str) -> AsyncIterator[tuple[LabApp, Pilot[None]]]:
    """The screen on the live lab; what it starts has the lab's environment and `variables`."""

    def connect() -> Connection:
        return Connection(wiring.observer(live.config), wiring.first_snapshot(live.config, time.time()))

    app = LabApp(connect, runner=Processes({**live.environ, **variables}))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.view.snapshot.models.value and app.view.snapshot.audit.value)
        yield app, pilot
    await tasks_ended()


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """The test's own timeout is the deadline."""
    while not condition():
        await pilot.pause(0.1)


async def ended(app: LabApp, pilot: Pilot[None]) -> Job:
    """The newest action, once it is done."""
    await until(pilot, lambda: app.view.jobs.all and not app.view.jobs.running)
    return app.view.jobs.all[-1]


async def confirm(app: LabApp, pilot: Pilot[None]) -> None:
    """Answers the question, once it is there and its safe button has the focus."""
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.screen.focused is not None)
    await pilot.press("left", "enter")


def monitor_pid(app: LabApp) -> int | None:
    return next(one.pid for one in app.view.snapshot.services.value or () if one.name == "drift-monitor")


async def decide(app: LabApp, pilot: Pilot[None], key: str, reason: str) -> tuple[str, Job]:
    """Presses `key` on the newest version, and confirms; what the confirmation showed, and how it ended."""
    await pilot.press("3", "g")
    if app.chosen("models").endswith("/"):
        # The heading of a model's versions.
        await pilot.press("j")
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, SignScreen) and app.screen.query("#body Static"))
    body = app.screen.query_one("#body Static", Static)
    await until(pilot, lambda: "looking at the gates" not in str(body.render()))
    shown = str(body.render())
    await pilot.press(*reason, "enter", "left", "enter")
    return shown, await ended(app, pilot)


async def found_version(live: LiveLab, version: str) -> ModelVersion:
    return next(one for one in await aside(live.versions) if one.version == version)


async def test_another_person_than_the_owner_approves_and_promotes(live: LiveLab, people: People) -> None:
    await aside(live.invoke, "demo-run")
    version = (await aside(live.versions))[0].version
    async with screen(live, SIGNING_KEY=str(people.keys[OFFICER])) as (app, pilot):
        shown, approved = await decide(app, pilot, "a", "it is as good as the last one")
    async with screen(live, SIGNING_KEY=str(people.keys[ENGINEER])) as (app, pilot):
        _, promoted = await decide(app, pilot, "P", "to staging with it")

    assert OFFICER in shown
    assert str(people.keys[OFFICER]) in shown
    assert "every gate is open" in shown
    assert approved.result is not None
    assert approved.result.ok, approved.result
    assert f"approve version {version}: pending_staging → approved_staging" in approved.result.said
    assert promoted.result is not None
    assert promoted.result.ok, promoted.result
    found = await found_version(live, version)
    assert (found.tags["approval_state"], found.aliases) == ("pending_prod", ("staging",))
    decisions = [
        one for one in await aside(live.entries) if one.model_version == version and one.details.get("signature")
    ]
    assert [(one.status, one.owner) for one in decisions] == [(Status.APPROVED, OFFICER), (Status.PROMOTED, ENGINEER)]
    assert parse_statement(decisions[0].details["statement"]).reason == "it is as good as the last one"
    assert (await aside(live.verified)).intact


async def test_the_owner_is_refused_and_the_ledger_says_so(live: LiveLab, people: People) -> None:
    await aside(live.invoke, "demo-run", RUN_OWNER=OFFICER, RUN_ROLE="risk-officer")
    version = (await aside(live.versions))[0].version
    async with screen(live, SIGNING_KEY=str(people.keys[OFFICER])) as (app, pilot):
        shown, job = await decide(app, pilot, "a", "because it is mine")
        await until(pilot, lambda: app._notifications)
        notices = {notice.severity for notice in app._notifications}

    assert "refused by 1 of" in shown
    assert job.result is not None
    assert not job.result.ok
    assert job.result.said.startswith(f"refused: approve version {version}, by the gate four eyes; audit entry ")
    assert "error" in notices
    last = (await aside(live.entries))[-1]
    assert (last.action, last.status, last.model_version, last.owner) == ("approve", Status.REFUSED, version, OFFICER)
    assert (
        next(one for one in await aside(live.versions) if one.version == version).tags["approval_state"]
        == "pending_staging"
    )


async def test_a_demo_run_from_the_screen_tells_of_its_steps_and_is_run_again(live: LiveLab) -> None:
    before = (await aside(live.versions))[0].version
    async with screen(live) as (app, pilot):
        await pilot.press("2", "n")
        await confirm(app, pilot)
        job = await ended(app, pilot)
        assert job.result is not None
        assert job.result.ok, job.result
        assert all(f"{step} success" in " | ".join(job.lines) for step in STEPS)
        first = (await aside(live.run_ids))[0]
        await until(
            pilot, lambda: app.view.snapshot.runs.value and app.view.snapshot.runs.value.runs[0].run_id == first
        )
        await pilot.press("g")
        assert app.chosen("runs") == first

        await pilot.press("R")
        await confirm(app, pilot)
        await until(pilot, lambda: len(app.view.jobs.all) == 2)
        again = await ended(app, pilot)
    assert again.result is not None
    assert again.result.ok, again.result
    assert (await aside(live.versions))[0].version == str(int(before) + 2)
    found = await aside(run_tags, live, (await aside(live.run_ids))[0])
    assert found["dagster/parent_run_id"] == first
    assert found["lab/trigger"] == "relaunch"


async def test_drift_is_planted_and_taken_back_from_the_palette(live: LiveLab) -> None:
    async with screen(live) as (app, pilot):
        app.want("drift")
        await confirm(app, pilot)
        planted = await ended(app, pilot)
        try:
            assert planted.result is not None
            assert "drifted" in planted.result.said
        finally:
            app.want("reset")
            await confirm(app, pilot)
            await until(pilot, lambda: len(app.view.jobs.all) == 2)
            reset = await ended(app, pilot)
    assert reset.result is not None
    assert "no drift" in reset.result.said


async def test_a_service_is_restarted(live: LiveLab) -> None:
    async with screen(live) as (app, pilot):
        await pilot.press("1")
        while app.chosen("services") != "drift-monitor":
            await pilot.press("j")
        await until(pilot, lambda: monitor_pid(app))
        pid = monitor_pid(app)
        await pilot.press("R")
        await confirm(app, pilot)
        job = await ended(app, pilot)
        assert job.result is not None
        assert job.result.ok, job.result
        await until(pilot, lambda: monitor_pid(app) not in {None, pid})


async def test_what_fails_says_why_and_what_to_do(live: LiveLab, tmp_path: Path) -> None:
    variables = {"RUN_ROLE": "analyst", "ENVIRONMENT": "prod"}
    async with screen(live, **variables) as (app, pilot):
        await pilot.press("2", "n")
        await confirm(app, pilot)
        job = await ended(app, pilot)
    assert job.result is not None
    assert job.result.said.startswith("Blocked before anything started")
    assert job.result.next.startswith("Run as a role that the policy allows")
    assert (await aside(live.entries))[-1].status is Status.BLOCKED


async def test_a_service_is_stopped_says_so_and_is_started_again(live: LiveLab) -> None:
    async with screen(live) as (app, pilot):

        def monitor() -> ServiceState:
            return next(one for one in app.view.snapshot.services.value or () if one.name == "drift-monitor")

        await until(pilot, lambda: monitor().cpu is not None)
        assert app.main_screen is not None
        app.main_screen.go_to_row("services", "drift-monitor")
        await pilot.press("x")
        await confirm(app, pilot)
        job = await ended(app, pilot)
        assert job.result is not None
        assert job.result.ok, job.result
        await until(pilot, lambda: monitor().stopped)
        assert monitor().reason.startswith(f"stopped by {live.config.actor.owner} at ")
        assert (await aside(live.invoke, "status", check=False)).returncode == 1

        await pilot.press("u")
        await confirm(app, pilot)
        job = await ended(app, pilot)
        assert job.result is not None
        assert job.result.ok, job.result
        await until(pilot, lambda: monitor().health is Health.UP and not monitor().stopped)
