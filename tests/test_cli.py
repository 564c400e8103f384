"""The console command as a user meets it: exit codes, messages, no tracebacks."""

import asyncio
import gc
import json
import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from lab import cli
from lab.base.errors import LabError
from lab.base.interruption import PIPE_CLOSED
from lab.screen import terminal
from lab.screen.app import LabApp
from tests.screen import recordings
from tests.support import forked
from tests.support.ports import never_started

ROOT = Path(cli.__file__).parents[1]


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    return never_started(tmp_path)


def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return forked.run([sys.executable, "-m", "lab.cli", *arguments], env)


def test_once_on_a_lab_that_is_not_up_prints_what_it_knows_and_what_to_type(nowhere: dict[str, str]) -> None:
    found = run("--once", env=nowhere)
    assert found.returncode == 1
    assert "The lab nowhere was never started." in found.stdout
    assert "○ PostgreSQL" in found.stdout
    assert found.stderr == "error: The lab nowhere isn't up.\n  → Type `invoke up`.\n"


def test_once_json_is_one_document_also_when_the_lab_is_not_up(nowhere: dict[str, str]) -> None:
    found = run("--once", "--json", env=nowhere)
    assert found.returncode == 1
    document = json.loads(found.stdout)
    assert document["schema"] == 2
    assert document["lab"]["name"] == "nowhere"
    assert document["overall"] == "down"


def test_a_setting_that_is_wrong_is_explained(nowhere: dict[str, str]) -> None:
    found = run("--once", env=nowhere | {"ENVIRONMENT": "production"})
    assert found.returncode == 1
    first, second = found.stderr.splitlines()
    assert first.startswith("error: ENVIRONMENT")
    assert "'production'" in first
    assert second == "  → Use one of: dev, staging, prod."
    assert found.stdout == ""


def test_the_screen_needs_a_terminal(nowhere: dict[str, str]) -> None:
    found = run(env=nowhere)
    assert found.returncode == 1
    assert found.stderr.startswith("error: The screen needs a terminal.")


@pytest.mark.parametrize("arguments", [["--once"], ["--once", "--json"]], ids=["text", "json"])
def test_a_closed_pipe_is_no_traceback(nowhere: dict[str, str], arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        found = subprocess.run(
            [sys.executable, "-m", "lab.cli", *arguments],
            cwd=ROOT,
            env=nowhere,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert found.returncode == PIPE_CLOSED
    assert found.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json"],
        ["--once", "--refresh", "5"],
        ["--refresh", "0"],
        ["--refresh", "soon"],
        ["--refresh", "nan"],
        ["--nonsense"],
        ["--on"],
        ["word"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: mlops-lab" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "verify", "--published-heads", "/nonexistent"],
        ["audit", "verify", "--witness", "/nonexistent"],
        ["audit", "verify", "--from-export", "/nonexistent"],
        ["audit", "verify", "--from-export", __file__, "--witness", "/"],
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_read_is_explained(nowhere: dict[str, str], arguments: list[str]) -> None:
    found = run(*arguments, env=nowhere)
    assert found.returncode == 1
    assert found.stderr.startswith("error: ")
    assert "Traceback" not in found.stderr


def test_an_export_without_an_entry_is_not_intact(nowhere: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "trail.jsonl").touch()
    found = run("audit", "verify", "--from-export", str(tmp_path / "trail.jsonl"), "--json", env=nowhere)
    assert found.returncode == 1
    assert json.loads(found.stdout)["intact"] is False


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("mlops-lab ")


def test_an_interrupt_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_once", interrupted)
    assert cli.main(["--once"]) == 130


def test_the_screen_imports_nothing_heavy_before_it_paints() -> None:
    code = "import sys, lab.cli, lab.screen.app; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(found.stdout.split())
    heavy = {"httpx", "boto3", "botocore", "pydantic", "mlflow", "dagster", "pandas", "sklearn", "docker", "psycopg2"}
    assert loaded & heavy == set()
    mine = ("lab.services", "lab.operations", "lab.observe", "lab.runtime", "lab.governance.cases", "lab.wiring")
    values = {"lab.observe", "lab.observe.snapshot", "lab.observe.polling"}
    assert {name for name in loaded if name.startswith(mine)} <= values


# Runs the screen until it has painted, and says what was imported for that.
_PAINTED = """
import os, sys
from lab import cli
from lab.screen import terminal
from lab.screen.app import LabApp

class Painting(LabApp):
    def run(self):
        super().run(headless=True)
    def _heartbeat(self):
        "Time may pass on a busy machine; nothing of what it brings is for the first paint."
    def _begin(self):
        print(*sys.modules, file=sys.__stdout__)
        self.exit()

terminal.need_terminal = lambda: None
import lab.screen.app
lab.screen.app.LabApp = Painting
cli.main([])
"""


def test_what_the_first_paint_does_not_draw_is_imported_after_it(nowhere: dict[str, str], tmp_path: Path) -> None:
    env = nowhere | {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-c", _PAINTED], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True, env=env
    )
    loaded = {name for name in found.stdout.split() if name.startswith("lab.")}
    assert {"lab.screen.app", "lab.screen.screens.main_screen", "lab.views.runs_panel"} <= loaded
    # Drill-downs, actions, tabs and dashboards; a person's own file; what the lab's services are asked with, and the
    # mathematics and settings that only those need.
    absent = (
        *("lab.views.details", "lab.views.lab_tabs", "lab.views.links", "lab.views.feed", "lab.screen.widgets.lab_bar"),
        *("lab.screen.dash", "lab.screen.replay", "lab.screen.palette", "lab.screen.action_controller"),
        *("lab.screen.curves", "lab.screen.user.reading", "lab.screen.user.judging", "lab.screen.user.own_commands"),
        *("lab.recording", "lab.dashboards", "lab.settings", "lab.config", "lab.services", "lab.models"),
        *("lab.base.drift", "lab.base.dataset", "lab.base.tallies", "lab.base.chance", "lab.base.dependencies"),
        *("lab.base.monitoring", "lab.base.names"),
    )
    assert [one for one in sorted(loaded) if any(one == name or one.startswith(f"{name}.") for name in absent)] == []
    drawn = {"lab.screen.screens", "lab.screen.screens.main_screen", "lab.screen.screens.row_actions"}
    assert {name for name in loaded if name.startswith("lab.screen.screens")} == drawn


def test_garbage_is_collected_again_once_the_screen_has_painted(
    nowhere: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    collecting = []

    async def paint(app: LabApp) -> None:
        collecting.append(gc.isenabled())
        async with app.run_test() as pilot:
            while not gc.isenabled():
                await pilot.pause(0.05)
            collecting.append(gc.isenabled())

    for name, value in {**nowhere, "XDG_STATE_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(terminal, "need_terminal", lambda: None)
    monkeypatch.setattr(LabApp, "run", lambda app: asyncio.run(paint(app)))
    try:
        assert cli.main([]) == 0
    finally:
        gc.unfreeze()
        gc.enable()
    assert collecting == [False, True]


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_can_complete_the_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("record", "replay", "serve", "readonly"):
        assert word in script


def test_the_completion_for_bash_is_a_sound_script(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["completion", "bash"])
    script = capsys.readouterr().out
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    asked = 'source /dev/stdin; COMP_WORDS=(mlops-lab re); COMP_CWORD=1; _shtab_mlops_lab; echo "${COMPREPLY[@]}"'
    found = subprocess.run(["bash", "-c", asked], input=script, text=True, capture_output=True, check=False)
    assert set(found.stdout.split()) == {"reject", "reconcile", "record", "replay"}


WRONG_CALLS: dict[str, tuple[list[str], str]] = {
    "record without a file": (["record"], "the following arguments are required: FILE"),
    "record for no duration": (["record", "x", "--for", "soon"], "'soon' is no duration; say 90s, 15m, 8h or 7d"),
    "record too often": (["record", "x", "--refresh", "0.1"], "not between 0.5 and 3600 seconds"),
    "replay without a file": (["replay"], "the following arguments are required: FILE"),
    "an unknown shell": (["completion", "fish"], "there is no shell 'fish'"),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_wrong_usage_of_a_subcommand_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, reason = WRONG_CALLS[name]
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("command", ["record", "replay", "serve"])
def test_a_file_that_is_no_recording_is_explained_and_left_alone(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("dear all")
    assert cli.main([command, str(path)]) == 1
    assert capsys.readouterr().err == (
        f"error: {path} is no recording of mlops-lab.\n  → Make one with `mlops-lab record FILE`.\n"
    )
    assert path.read_text() == "dear all"


def test_a_replay_needs_a_terminal(tmp_path: Path, nowhere: dict[str, str]) -> None:
    path = recordings.made(tmp_path / "lab.jsonl.gz", recordings.day(1))
    found = run("replay", str(path), env=nowhere)
    assert found.returncode == 1
    assert found.stderr.startswith("error: The screen needs a terminal.")


def test_an_option_before_the_subcommand_holds_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[float] = []
    monkeypatch.setattr(
        "lab.recording.recorder.record", lambda connect, path, interval_s, for_s: seen.append(interval_s) or 0
    )
    for arguments in (["--refresh", "5", "record"], ["record", "--refresh", "7"], ["record"]):
        assert cli.main([*arguments, str(tmp_path / "x")]) == 0
    assert seen == [5.0, 7.0, 2.0]


def test_a_lab_elsewhere_is_served_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr("lab.screen.web.serve", lambda port, arguments: seen.append(list(arguments)) or 0)
    assert cli.main(["--at", "lab.example:100", "--mlflow-url", "http://m.example:1", "serve", "--readonly"]) == 0
    assert seen == [["--refresh", "2", "--readonly", "--at=lab.example:100", "--mlflow-url=http://m.example:1"]]


@pytest.mark.parametrize(("encoding", "message"), [("ascii", "draws in UTF-8"), ("utf-8", "")])
def test_a_terminal_that_cannot_show_the_screen_is_told_what_to_set(
    encoding: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdin", "stdout", "stderr"):
        shown = TextIOWrapper(BytesIO(), encoding=encoding)
        monkeypatch.setattr(shown, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(sys, name, shown)
    monkeypatch.delenv(terminal.DRIVER, raising=False)
    if not message:
        terminal.need_terminal()
        return
    with pytest.raises(LabError, match=message) as caught:
        terminal.need_terminal()
    assert "LC_ALL=C.UTF-8" in caught.value.remedy


# --- dashboards ---


@pytest.mark.parametrize("how", [["--once"], ["--json"]], ids=" ".join)
def test_a_dashboard_of_a_lab_that_is_not_up_says_so_and_shows_its_panels(
    nowhere: dict[str, str], how: list[str]
) -> None:
    found = run("dash", *how, env=nowhere)
    assert found.returncode == 1
    assert "No panel of MLOps observability was answered: Prometheus doesn't listen" in found.stderr
    assert "Traceback" not in found.stderr
    if how == ["--json"]:
        assert json.loads(found.stdout)["title"] == "MLOps observability"
    else:
        assert "Services" in found.stdout


def test_a_dashboard_with_a_wrong_name_lists_those_that_are_there(nowhere: dict[str, str]) -> None:
    found = run("dash", "nonsense", "--once", env=nowhere)
    assert found.returncode == 1
    assert "one of: drift, governance, infrastructure" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--range", "soon", "--once"], 2),
        (["--range", "now..now-1h", "--once"], 2),
        (["--var", "job", "--once"], 2),
        (["--export", "board.gif"], 1),
        (["--refresh", "30s", "--once"], 2),
        (["--refresh", "off", "--json"], 2),
        (["--refresh", "30s", "--export", "board.svg"], 2),
        (["/nonexistent.json", "--once"], 1),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else str(given),
)
def test_what_a_dashboard_cannot_be_asked_for_is_explained(
    nowhere: dict[str, str], arguments: list[str], code: int
) -> None:
    found = run("dash", *arguments, env=nowhere)
    assert found.returncode == code
    assert found.stderr.startswith("error: ")
    assert "  → " in found.stderr


def test_a_dashboard_needs_a_terminal_for_its_screen(nowhere: dict[str, str]) -> None:
    found = run("dash", env=nowhere)
    assert found.returncode == 1
    assert found.stderr.startswith("error: The screen needs a terminal.")


def test_dashboards_cost_nothing_until_they_are_wanted() -> None:
    look = "print([m for m in sys.modules if m.startswith('lab.dashboards')])"
    script = f"import sys, lab.cli; lab.cli._parser().whole(); {look}"
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["identiy", "list"], "there is no command 'identiy'\n  → Did you mean identity?"),
        (["identity", "lst"], "Did you mean list?"),
        (["--onec"], "unrecognized arguments: --onec\n  → Did you mean --once?"),
        (["audit", "verify", "--form-export", "x"], "Did you mean --from-export? `mlops-lab audit verify --help`"),
        (["alerts", "--hours", "many"], "`mlops-lab alerts --help` shows all."),
    ],
)
def test_what_is_mistyped_is_told_with_what_may_be_meant(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
