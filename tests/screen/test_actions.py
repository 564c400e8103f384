"""Doing things from the screen: asked before, shown while, told after, and never in the way of the keys."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Select, Static

from lab.commands.dispatch.action_process import PROCESSES
from lab.observe.snapshot_json import snapshot_json
from lab.screen.actions import ACTIONS
from lab.screen.app import LabApp
from lab.screen.screens.activity_screen import ActivityScreen
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.screen.screens.main_screen import MainScreen
from lab.screen.screens.sign_screen import SignScreen
from lab.views.activity import line, log
from lab.views.jobs import ActionResult
from tests.screen import snapshots
from tests.screen.doing import OWNERS_GATES, Scripted, confirming, doing, ended, with_down_lab

DONE = ActionResult(True, "it is done", "Go home.", ("one", "two"))


def text(lines: object) -> str:
    assert isinstance(lines, tuple)
    return "\n".join("".join(span.text for span in line) for line in lines)


def titles(app: LabApp) -> set[str]:
    return {command.title for command in app.get_system_commands(app.screen)}


def notices(app: LabApp) -> list[tuple[str, str]]:
    return [(notice.message, notice.severity) for notice in app._notifications]


def test_every_action_has_its_process() -> None:
    assert set(ACTIONS) == set(PROCESSES)


# Keys, which questions are answered how, and what is done then.
VERSION = {"target": snapshots.MODELS[0].version, "model": snapshots.MODELS[0].name}
RUN, SERVICE = snapshots.RUNS[0].run_id, snapshots.SERVICES[0].name
KEYS = {
    "n": ("2 n left enter", "demo-run", {"target": ""}),
    "re-launch": ("2 R left enter", "relaunch", {"target": RUN}),
    "cancel": ("2 j c left enter", "cancel", {"target": snapshots.RUNS[1].run_id}),
    "restart": ("1 R left enter", "restart", {"target": SERVICE}),
    "stop": ("1 x left enter", "stop", {"target": SERVICE}),
    "start": ("1 j j u left enter", "start", {"target": "mlflow"}),
    "approve": ("3 a w h y enter left enter", "approve", {**VERSION, "reason": "why", "role": ""}),
    "promote": ("3 P w h y enter left enter", "promote", {**VERSION, "reason": "why", "role": ""}),
    "reject": ("3 x w h y enter left enter", "reject", {**VERSION, "reason": "why", "role": ""}),
    "archive": ("3 X w h y enter left enter", "archive", {**VERSION, "reason": "why", "role": ""}),
}


@pytest.mark.parametrize("name", KEYS)
async def test_key_does_its_action_on_the_chosen_row(name: str) -> None:
    keys, action, arguments = KEYS[name]
    runner = Scripted(DONE)
    async with doing(runner) as (app, pilot):
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause()
        await ended(app, pilot)
        assert runner.asked == [(action, arguments)]
        assert isinstance(app.screen, MainScreen)


async def test_m_silences_the_chosen_alert_by_all_its_labels() -> None:
    alert = snapshots.ALERTS[1]
    runner = Scripted(DONE)
    async with doing(runner) as (app, pilot):
        await pilot.press("5", "j", "m")
        screen = await confirming(app, pilot)
        assert screen.query_one("#confirm").border_title == "Silence ServiceDown"
        await pilot.press(*"on it", "enter", "left", "enter")
        await ended(app, pilot)
        name, arguments = runner.asked[0]
        assert name == "silence"
        assert arguments["reason"] == "on it"
        assert json.loads(arguments["labels"]) == dict(alert.labels)


async def test_what_is_no_alert_is_not_silenced() -> None:
    async with doing(Scripted(DONE)) as (app, pilot):
        await pilot.press("5", "j", "j", "m")
        await pilot.pause()
        assert notices(app) == [("Choose an alert first: drift by itself can't be silenced.", "warning")]
        assert isinstance(app.screen, MainScreen)


async def test_progress_and_outcome_are_on_screen_and_can_be_looked_up() -> None:
    runner = Scripted(lines=("ingest_data success 0.4 s", "train_model in progress"))
    async with doing(runner) as (app, pilot):
        await pilot.press("2", "n", "left", "enter")
        await pilot.pause()
        shown = app.screen.query_one("#activity-line", Static)
        assert shown.display
        assert "◐ Launch a demo run · train_model in progress" in str(shown.render())
        await pilot.press("A")
        await pilot.pause()
        assert isinstance(app.screen, ActivityScreen)
        assert "ingest_data success 0.4 s" in text(log(app.view))
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_the_end_is_told_with_what_to_do_next() -> None:
    async with doing(Scripted(DONE)) as (app, pilot):
        await pilot.press("2", "n", "left", "enter")
        await ended(app, pilot)
        assert notices(app) == [("it is done\n→ Go home.", "information")]
        assert "✓ Launch a demo run · it is done → Go home." in "".join(span.text for span in line(app.view))
        assert all(word in text(log(app.view)) for word in ("it is done", "Go home.", "one", "two"))


async def test_a_failure_is_told_as_one() -> None:
    async with doing(Scripted(ActionResult(False, "Dagster is down.", "Type `invoke up`."))) as (app, pilot):
        await pilot.press("2", "n", "left", "enter")
        await ended(app, pilot)
        assert notices(app) == [("Dagster is down.\n→ Type `invoke up`.", "error")]
        assert "✗ Launch a demo run" in text(log(app.view))


async def test_keys_go_on_working_while_an_action_does() -> None:
    async with doing(Scripted()) as (app, pilot):
        await pilot.press("2", "n", "left", "enter", "4", "j", "enter", "j", "j")
        assert app.chosen("audit") == str(snapshots.TRAIL[1].seq)
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running


async def test_of_a_kind_one_at_a_time_of_others_as_many_as_wanted() -> None:
    runner = Scripted()
    async with doing(runner) as (app, pilot):
        await pilot.press("2", "n", "left", "enter", "n")
        await pilot.pause()
        assert [name for name, _ in runner.asked] == ["demo-run"]
        assert notices(app)[-1] == ("Launch a demo run: one like it is still under way; key A shows it.", "warning")
        app.want("reconcile")
        await pilot.pause()
        assert [name for name, _ in runner.asked] == ["demo-run", "reconcile"]
        assert "+1 more" in "".join(span.text for span in line(app.view))


async def test_leaving_says_what_goes_on() -> None:
    async with doing(Scripted()) as (app, pilot):
        await pilot.press("2", "n", "left", "enter", "q")
        await pilot.pause()
        assert not app.is_running
        assert "still going on, without the screen: Launch a demo run" in str(app._exit_renderables)


@pytest.mark.parametrize("name", ["drift", "verify-governance", "repair"])
async def test_what_changes_much_is_asked_about_first_and_escape_changes_nothing(name: str) -> None:
    runner = Scripted(DONE)
    async with doing(runner) as (app, pilot):
        app.want(name)
        await confirming(app, pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert runner.asked == []
        app.want(name)
        await confirming(app, pilot)
        await pilot.click("#no")
        await pilot.pause()
        assert runner.asked == []
        app.want(name)
        await confirming(app, pilot)
        await pilot.click("#yes")
        await ended(app, pilot)
        assert [asked for asked, _ in runner.asked] == [name]


async def test_no_answer_to_whether_a_run_is_cancelled_can_be_taken_for_the_other() -> None:
    async with doing(Scripted(ActionResult(True, "done")), snapshots.HEALTHY) as (app, pilot):
        await pilot.press("2", "j", "c")
        screen = await confirming(app, pilot)
        answers = [str(button.label) for button in screen.query(Button)]
        assert answers == ["Stop", "Keep running"]
        assert screen.query_one("#confirm").border_subtitle == "esc: keep running"


async def test_a_reason_must_be_given() -> None:
    runner = Scripted(DONE)
    async with doing(runner) as (app, pilot):
        app.want("seed")
        screen = await confirming(app, pilot)
        await pilot.press("space", "enter")
        await pilot.pause()
        assert app.screen is screen
        assert "Type a reason first" in str(screen.query_one("#said", Static).render())
        await pilot.press(*"new year", "enter", "left", "enter")
        await ended(app, pilot)
        assert runner.asked == [("seed", {"target": "", "reason": "new year"})]


async def gates_of(screen: ConfirmScreen, pilot: Pilot[None]) -> str:
    """What the question says of the gates, once it has looked at them."""
    while "looking at the gates" in (said := str(screen.query_one("#body Static", Static).render())) or not said:
        await pilot.pause(0.01)
    await pilot.pause()
    return said


async def test_the_question_shows_gates_key_and_identity() -> None:
    async with doing(Scripted(DONE)) as (app, pilot):
        await pilot.press("3", "a")
        shown = await gates_of(await confirming(app, pilot), pilot)
        for word in ("pending_staging → approved_staging", "olga@example.com", "/home/olga/.ssh/id_ed25519"):
            assert word in shown
        assert "four eyes" in shown
        assert "every gate is open" in shown


async def test_a_closed_gate_is_said_before_and_may_be_tried() -> None:
    runner = Scripted(ActionResult(False, "refused: approve version 7"), gates=OWNERS_GATES)
    async with doing(runner) as (app, pilot):
        await pilot.press("3", "a")
        shown = await gates_of(await confirming(app, pilot), pilot)
        assert "✗ four eyes" in shown
        assert "→ Somebody else must decide about it." in shown
        assert "refused by 1 of 6 gates" in shown
        await pilot.press(*"mine", "enter", "left", "enter")
        assert not (await ended(app, pilot)).result.ok  # type: ignore[union-attr]


async def test_a_look_at_the_gates_that_fails_is_told_instead_of_being_waited_for() -> None:
    async with doing(Scripted(DONE, gates={"from": "pending_staging"})) as (app, pilot):
        await pilot.press("3", "a")
        await confirming(app, pilot)
        while not (said := notices(app)):
            await pilot.pause(0.01)
        assert said == [("KeyError: 'to'. This is a mistake of the program: go back, and try again.", "error")]


async def test_the_role_can_be_chosen_where_the_key_has_several() -> None:
    runner = Scripted(DONE)
    async with doing(runner) as (app, pilot):
        await pilot.press("3", "a")
        screen = await confirming(app, pilot)
        await gates_of(screen, pilot)
        roles = screen.query_one("#roles", Select)
        assert roles.display
        roles.value = "platform-admin"
        while len(runner.looked) < 2:
            await pilot.pause()
        assert runner.looked[-1]["role"] == "platform-admin"
        screen.query_one("#reason", Input).focus()
        await pilot.press(*"why", "enter", "left", "enter")
        await ended(app, pilot)
        assert runner.asked[0][1]["role"] == "platform-admin"


async def test_typing_goes_on_while_the_gates_are_looked_at() -> None:
    class Slow(Scripted):
        async def run(self, name, arguments, tell):  # type: ignore[no-untyped-def]
            if arguments.get("dry_run"):
                self.result = None
                arguments = {key: value for key, value in arguments.items() if key != "dry_run"}
            return await super().run(name, arguments, tell)

    async with doing(Slow()) as (app, pilot):
        await pilot.press("3", "a")
        screen = await confirming(app, pilot)
        await pilot.press(*"still typing")
        assert screen.query_one("#reason", Input).value == "still typing"
        assert "looking at the gates" in str(screen.query_one("#body Static", Static).render())
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


LOCKED = ActionResult(
    False, "The key asks for its passphrase.", "Load it once with `ssh-add`.", data={"lock": "passphrase"}
)


async def test_a_locked_key_where_the_terminal_cannot_be_given_up_is_told_with_the_way_out() -> None:
    runner = Scripted(LOCKED)
    async with doing(runner) as (app, pilot):
        await pilot.press("3", "a", *"why", "enter", "left", "enter")
        await ended(app, pilot)
        assert runner.terminals == 0
        assert notices(app)[-1] == ("The key asks for its passphrase.\n→ Load it once with `ssh-add`.", "error")


async def test_a_locked_key_gets_the_terminal_for_its_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    runner = Scripted(LOCKED, in_terminal=DONE)
    async with doing(runner) as (app, pilot):
        monkeypatch.setattr(app, "suspend", nullcontext)
        await pilot.press("3", "a", *"why", "enter", "left", "enter")
        job = await ended(app, pilot)
        assert (runner.terminals, job.result) == (1, DONE)


async def test_the_palette_holds_every_action_and_says_about_what() -> None:
    async with doing(Scripted(DONE)) as (app, pilot):
        await pilot.press("5")
        assert {
            "Launch a demo run",
            "Seed the data",
            "Plant a drift",
            "Take the drift back",
            "Verify governance",
            "Reconcile",
            "Reconcile and repair",
            "Approve version 7",
            "Promote version 7",
            "Reject version 7",
            "Archive version 7",
            "Write the evidence of version 7",
            f"Re-launch run {RUN[:8]}",
            f"Restart {SERVICE}",
            "Silence SyntheticDataDriftDetected",
            "Open MLflow",
            "Theme",
            "Export the snapshot",
            "Refresh now",
            "Activity",
            "Go to audit",
            "Keys",
            "Quit",
        } <= titles(app)
        assert "Start the lab" not in titles(app)


async def test_a_lab_that_is_not_up_can_be_started_from_the_palette() -> None:
    runner = Scripted(DONE)
    async with doing(runner, with_down_lab(snapshots.HEALTHY)) as (app, pilot):
        assert "Start the lab" in titles(app)
        assert not any(title.startswith(("Approve", "Re-launch", "Silence")) for title in titles(app))
        await pilot.press("colon", *"start the lab")
        await pilot.pause(0.3)
        await pilot.press("enter")
        if not isinstance(app.screen, ConfirmScreen):
            await pilot.press("enter")
        await confirming(app, pilot)
        await pilot.press("left", "enter")
        await ended(app, pilot)
        assert runner.asked == [("up", {"target": ""})]


@pytest.mark.parametrize("key", ["ctrl+p", "colon"])
async def test_the_palette_does_what_is_typed(key: str) -> None:
    runner = Scripted(DONE)
    async with doing(runner) as (app, pilot):
        await pilot.press(key)
        await pilot.pause()
        await pilot.press(*"reconcile")
        await pilot.pause(0.3)
        await pilot.press("enter", "enter")
        await ended(app, pilot)
        assert [name for name, _ in runner.asked] == ["reconcile"]


async def test_a_read_only_screen_offers_nothing_that_changes_something() -> None:
    runner = Scripted(DONE)
    async with doing(runner, readonly=True) as (app, pilot):
        for panel, keys in (("1", "R"), ("2", "Rn"), ("3", "aPxX"), ("5", "m")):
            await pilot.press(panel, *keys)
            await pilot.pause()
            assert isinstance(app.screen, MainScreen)
            await pilot.press("question_mark")
            await pilot.pause()
            shown = " ".join(str(part.render()) for part in app.screen.query(Static))
            assert not {"Restart", "Re-launch", "New demo run", "Approve", "Promote", "Silence"} & set(shown.split())
            await pilot.press("escape")
        assert runner.asked == []
        changing = [action.title.split(" {")[0] for action in ACTIONS.values() if action.changes]
        assert not [
            title for title in titles(app) for word in changing if title.startswith(word + " ") or title == word
        ]
        assert "Reconcile" in titles(app)
        app.want("drift")
        await pilot.pause()
        assert notices(app)[-1][0].startswith("This screen is read-only")
        assert runner.asked == []


async def test_export_writes_the_snapshot_on_screen_to_a_new_file(tmp_path: Path) -> None:
    target = tmp_path / "shot.json"
    async with doing(Scripted()) as (app, pilot):
        app.action_export()
        screen = await confirming(app, pilot)
        name = screen.query_one("#reason", Input)
        assert name.value == "mlops-lab-20261123-143005.json"
        name.value = str(target)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
        assert json.loads(target.read_text()) == json.loads(json.dumps(snapshot_json(snapshots.DRIFTED)))

        app.action_export()
        screen = await confirming(app, pilot)
        screen.query_one("#reason", Input).value = str(target)
        await pilot.press("enter")
        await pilot.pause()
        assert "There is a file" in str(screen.query_one("#said", Static).render())
        screen.query_one("#reason", Input).value = str(tmp_path / "none" / "shot.json")
        await pilot.press("enter")
        await pilot.pause()
        assert "Can't write" in str(screen.query_one("#said", Static).render())


async def test_an_action_on_no_row_is_refused() -> None:
    async with doing(Scripted(DONE), replace(snapshots.EMPTY)) as (app, pilot):
        await pilot.press("3", "a")
        await pilot.pause()
        assert notices(app) == [("Choose a row of the panel models first.", "warning")]
        assert not isinstance(app.screen, ConfirmScreen | SignScreen)
