"""Editing the pipeline of a live lab: definitions follow within seconds, and a run executes what is on disk."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.base.catalogue import Service
from lab.base.source_code import fingerprint, sources
from lab.governance.ledger import Status
from tests.support.editing import SHOWN_S, Desk, edited, saying, waiting
from tests.support.lab import LiveLab
from tests.support.project import git
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture
def desk(copied: LiveLab) -> Iterator[Desk]:
    """Has the asset `edited`, which says "one"; everything is as committed afterwards."""
    with edited(copied) as found:
        yield found


def test_an_added_asset_shows_and_runs_without_any_restart(desk: Desk) -> None:
    before = {name: state.pid for name, state in desk.lab.states().items()}
    run_id = desk.launch()
    assert desk.lab.finished(run_id) == "SUCCESS"
    assert desk.said(run_id) == ["one"]
    assert {name: state.pid for name, state in desk.lab.states().items()} == before


def test_a_run_executes_what_was_saved_last(desk: Desk) -> None:
    for text in ("two", "six"):
        desk.edit(saying(text))
        run_id = desk.launch()
        assert desk.lab.finished(run_id) == "SUCCESS"
        assert desk.said(run_id) == [text]


def test_a_run_under_way_goes_on_with_the_code_it_began_with(desk: Desk, tmp_path: Path) -> None:
    later, go, began = desk.lab.root / "pipelines" / "later.py", tmp_path / "go", tmp_path / "began"
    later.write_text('TEXT = "old"\n')
    desk.edit(waiting(began, go) + f"from pipelines import later\n    {saying('{later.TEXT}').replace(': ', ': f')}")
    run_id = desk.launch()
    eventually(began.exists, SHOWN_S, "the run under way")

    later.write_text('TEXT = "new"\n')
    desk.definitions.write_text("this is no Python\n")
    go.touch()

    assert desk.lab.finished(run_id) == "SUCCESS"
    assert desk.said(run_id) == ["old"]


def test_code_that_does_not_load_fails_runs_with_its_error_and_heals_when_saved_again(desk: Desk) -> None:
    shown = desk.shown()
    desk.definitions.write_text(desk.definitions.read_text() + "def oops(:\n")
    log = desk.lab.home / "logs" / "dagster-code.log"
    eventually(lambda: "doesn't load" in log.read_text(), SHOWN_S, "the error in the log")
    assert "SyntaxError" in log.read_text()
    assert desk.shown() == shown

    run_id = desk.launch()
    assert desk.lab.finished(run_id) == "FAILURE"
    assert "SyntaxError" in str(desk.events(run_id))

    desk.edit(saying("mended"))
    run_id = desk.launch()
    assert desk.lab.finished(run_id) == "SUCCESS"
    assert desk.said(run_id) == ["mended"]


def test_the_trail_tells_an_edited_pipeline_from_the_committed_one(desk: Desk) -> None:
    root = desk.lab.root
    desk.edit("pass", governed=True)
    eventually(lambda: desk.takes("governance"), SHOWN_S, "the governed asset")
    git(root, "commit", "-q", "-a", "-m", "edited")
    try:
        said = []
        for text in (desk.definitions.read_text(), desk.definitions.read_text() + "# a thought\n"):
            desk.definitions.write_text(text)
            run_id = desk.launch()
            assert desk.lab.finished(run_id) == "SUCCESS"
            (version,) = {entry.code_version for entry in desk.lab.entries_of(run_id)}
            assert version.split()[-1] == f"code:{fingerprint(sources(root))[:12]}"
            said.append(version.split()[0])
        commit = git(root, "rev-parse", "HEAD")
        assert said == [f"git:{commit}", f"git:{commit}+dirty"]
    finally:
        git(root, "reset", "-q", "--hard", "HEAD~1")


@pytest.mark.parametrize(
    "eating", ["held = bytearray(2 << 30)", "held = []\n        while True: held.append(bytes(4096))"]
)
def test_a_run_that_eats_memory_fails_alone_and_says_why(desk: Desk, tmp_path: Path, eating: str) -> None:
    go, began = tmp_path / "go", tmp_path / "began"
    desk.edit(waiting(began, go) + saying("unharmed"))
    other = desk.launch()
    eventually(began.exists, SHOWN_S, "the other run under way")
    before = {process.pid for process in desk.lab.processes()}

    desk.edit(eating, governed=True)
    eventually(lambda: desk.takes("governance"), SHOWN_S, "the governed asset")
    eater = desk.launch()

    assert desk.lab.finished(eater) == "FAILURE"
    assert "needs more than RUN_MEMORY_LIMIT_MB=400 allows" in str(desk.events(eater))
    assert [(e.action, e.status) for e in desk.lab.entries_of(eater)] == [
        ("edited", Status.STARTED),
        ("edited", Status.FAILURE),
    ]
    assert "needs more than RUN_MEMORY_LIMIT_MB=400 allows" in desk.lab.entries_of(eater)[-1].details["reason"]
    go.touch()
    assert desk.lab.finished(other) == "SUCCESS"
    assert desk.said(other) == ["unharmed"]
    daemon = desk.lab.states()[Service.DAGSTER_DAEMON].pid
    assert {process.pid for process in psutil.Process(daemon).children(recursive=True)} <= before
