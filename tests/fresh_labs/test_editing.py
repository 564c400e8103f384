"""Editing the pipeline of a live lab: definitions follow within seconds, and a run executes what is on disk."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.base.catalogue import Service
from lab.base.source_code import fingerprint, sources
from lab.governance.ledger import Status
from tests.support.editing import SHOWN_S, EditedLab, edited, saying, waiting
from tests.support.lab import LiveLab
from tests.support.project import git
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture
def project(copied: LiveLab) -> Iterator[EditedLab]:
    """Has the asset `edited`, which says "one"; everything is as committed afterwards."""
    with edited(copied) as found:
        yield found


def test_an_added_asset_shows_and_runs_without_any_restart(project: EditedLab) -> None:
    before = project.lab.pids()
    run_id = project.launch()
    assert project.lab.finished(run_id) == "SUCCESS"
    assert project.said(run_id) == ["one"]
    assert project.lab.pids() == before


def test_a_run_executes_what_was_saved_last(project: EditedLab) -> None:
    for text in ("two", "six"):
        project.edit(saying(text))
        run_id = project.launch()
        assert project.lab.finished(run_id) == "SUCCESS"
        assert project.said(run_id) == [text]


def test_a_run_under_way_goes_on_with_the_code_it_began_with(project: EditedLab, tmp_path: Path) -> None:
    later, go, began = project.lab.root / "pipelines" / "later.py", tmp_path / "go", tmp_path / "began"
    later.write_text('TEXT = "old"\n')
    project.edit(waiting(began, go) + f"from pipelines import later\n    {saying('{later.TEXT}').replace(': ', ': f')}")
    run_id = project.launch()
    eventually(began.exists, SHOWN_S, "the run under way")

    later.write_text('TEXT = "new"\n')
    project.definitions.write_text("this is no Python\n")
    go.touch()

    assert project.lab.finished(run_id) == "SUCCESS"
    assert project.said(run_id) == ["old"]


def test_code_that_does_not_load_fails_runs_with_its_error_and_heals_when_saved_again(project: EditedLab) -> None:
    shown = project.shown()
    project.definitions.write_text(project.definitions.read_text() + "def oops(:\n")
    log = project.lab.home / "logs" / "dagster-code.log"
    eventually(lambda: "doesn't load" in log.read_text(), SHOWN_S, "the error in the log")
    assert "SyntaxError" in log.read_text()
    assert project.shown() == shown

    run_id = project.launch()
    assert project.lab.finished(run_id) == "FAILURE"
    assert "SyntaxError" in str(project.events(run_id))

    project.edit(saying("mended"))
    run_id = project.launch()
    assert project.lab.finished(run_id) == "SUCCESS"
    assert project.said(run_id) == ["mended"]


def test_the_trail_tells_an_edited_pipeline_from_the_committed_one(project: EditedLab) -> None:
    root = project.lab.root
    project.edit("pass", governed=True)
    eventually(lambda: project.takes("governance"), SHOWN_S, "the governed asset")
    git(root, "commit", "-q", "-a", "-m", "edited")
    try:
        said = []
        for text in (project.definitions.read_text(), project.definitions.read_text() + "# a thought\n"):
            project.definitions.write_text(text)
            run_id = project.launch()
            assert project.lab.finished(run_id) == "SUCCESS"
            (version,) = {entry.code_version for entry in project.lab.entries_of(run_id)}
            assert version.split()[-1] == f"code:{fingerprint(sources(root))[:12]}"
            said.append(version.split()[0])
        commit = git(root, "rev-parse", "HEAD")
        assert said == [f"git:{commit}", f"git:{commit}+dirty"]
    finally:
        git(root, "reset", "-q", "--hard", "HEAD~1")


@pytest.mark.parametrize(
    "eating", ["held = bytearray(2 << 30)", "held = []\n        while True: held.append(bytes(4096))"]
)
def test_a_run_that_eats_memory_fails_alone_and_says_why(project: EditedLab, tmp_path: Path, eating: str) -> None:
    go, began = tmp_path / "go", tmp_path / "began"
    project.edit(waiting(began, go) + saying("unharmed"))
    other = project.launch()
    eventually(began.exists, SHOWN_S, "the other run under way")
    before = {process.pid for process in project.lab.processes()}

    project.edit(eating, governed=True)
    eventually(lambda: project.takes("governance"), SHOWN_S, "the governed asset")
    eater = project.launch()

    assert project.lab.finished(eater) == "FAILURE"
    assert "needs more than RUN_MEMORY_LIMIT_MB=400 allows" in str(project.events(eater))
    assert [(e.action, e.status) for e in project.lab.entries_of(eater)] == [
        ("edited", Status.STARTED),
        ("edited", Status.FAILURE),
    ]
    assert "needs more than RUN_MEMORY_LIMIT_MB=400 allows" in project.lab.entries_of(eater)[-1].details["reason"]
    go.touch()
    assert project.lab.finished(other) == "SUCCESS"
    assert project.said(other) == ["unharmed"]
    daemon = project.lab.pids()[Service.DAGSTER_DAEMON]
    assert {process.pid for process in psutil.Process(daemon).children(recursive=True)} <= before
