"""Editing the pipeline of a live lab: definitions follow within seconds, and a run executes what is on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.clients.sources import fingerprint, sources
from lab.core.ledger import Status
from lab.core.services import Service
from tests.support.lab import LiveLab
from tests.support.project import copied, git, with_asset
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

_SHOWN_S = 60.0
_SELECTOR = {"repositoryLocationName": "pipelines", "repositoryName": "__repository__"}
_ASSETS = "{assetNodes {assetKey {path}}}"
_LAUNCH = """mutation($p: ExecutionParams!) {
  launchRun(executionParams: $p) {__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
_EVENTS = """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {
  ... on RunFailureEvent {error {message cause {message}}}
  ... on ExecutionStepFailureEvent {error {message cause {message}}}
  ... on EngineEvent {engineError: error {message cause {message}}}
  ... on MaterializationEvent {metadataEntries {... on TextMetadataEntry {text}}}}}}}"""


@dataclass(frozen=True)
class Desk:
    """A lab that runs from a copy of the project, and the file that is edited."""

    lab: LiveLab

    @property
    def definitions(self) -> Path:
        return self.lab.root / "pipelines" / "definitions.py"

    def edit(self, body: str, governed: bool = False) -> None:
        """Saves the pipeline with one more asset, `edited`, that does this."""
        self.definitions.write_text(with_asset(self.whole(), "edited", body, governed))

    def whole(self) -> str:
        return git(self.lab.root, "show", "HEAD:pipelines/definitions.py") + "\n"

    def shown(self) -> set[str]:
        """The assets in Dagster's pages."""
        return {"/".join(node["assetKey"]["path"]) for node in self.lab.graphql(_ASSETS)["assetNodes"]}

    def takes(self, resource: str) -> bool:
        """Whether the asset that Dagster shows needs this resource."""
        query = """query($key: AssetKeyInput!) {assetNodeOrError(assetKey: $key) {
          ... on AssetNode {requiredResources {resourceKey}}}}"""
        node = self.lab.graphql(query, key={"path": ["edited"]})["assetNodeOrError"]
        return resource in str(node)

    def launch(self) -> str:
        selector = {**_SELECTOR, "jobName": "__ASSET_JOB", "assetSelection": [{"path": ["edited"]}]}
        answer = self.lab.graphql(_LAUNCH, p={"selector": selector})["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def events(self, run_id: str) -> list[dict[str, Any]]:
        return [event for event in self.lab.graphql(_EVENTS, id=run_id)["logsForRun"]["events"] if event]

    def said(self, run_id: str) -> list[str]:
        """The text that the asset materialised with."""
        return [entry["text"] for event in self.events(run_id) for entry in event.get("metadataEntries", []) if entry]


@pytest.fixture(scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("edited")
    root = copied(folder / "project")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "as it was"]):
        git(root, *arguments)
    with LiveLab.prepared(folder, "edited-lab", root, RUN_MEMORY_LIMIT_MB="400") as lab:
        lab.invoke("up")
        yield Desk(lab)


@pytest.fixture
def desk(_desk: Desk) -> Iterator[Desk]:
    """Has the asset `edited`, which says "one"; everything is as committed afterwards."""
    _desk.edit(_saying("one"))
    eventually(lambda: "edited" in _desk.shown(), _SHOWN_S, "the added asset")
    yield _desk
    git(_desk.lab.root, "checkout", "-q", ".")
    git(_desk.lab.root, "clean", "-fdq")
    eventually(lambda: "edited" not in _desk.shown(), _SHOWN_S, "the definitions from before")


def _saying(text: str) -> str:
    return f'return dg.MaterializeResult(metadata={{"said": "{text}"}})'


def _waiting(began: Path, go: Path) -> str:
    """The beginning of a body: makes the first file, and waits for the second one."""
    return (
        f"import pathlib, time\n    pathlib.Path({str(began)!r}).touch()\n"
        f"    while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.1)\n    "
    )


def test_an_added_asset_shows_and_runs_without_any_restart(desk: Desk) -> None:
    before = {name: state.pid for name, state in desk.lab.states().items()}
    run_id = desk.launch()
    assert desk.lab.finished(run_id) == "SUCCESS"
    assert desk.said(run_id) == ["one"]
    assert {name: state.pid for name, state in desk.lab.states().items()} == before


def test_a_run_executes_what_was_saved_last(desk: Desk) -> None:
    for text in ("two", "six"):
        desk.edit(_saying(text))
        run_id = desk.launch()
        assert desk.lab.finished(run_id) == "SUCCESS"
        assert desk.said(run_id) == [text]


def test_a_run_under_way_goes_on_with_the_code_it_began_with(desk: Desk, tmp_path: Path) -> None:
    later, go, began = desk.lab.root / "pipelines" / "later.py", tmp_path / "go", tmp_path / "began"
    later.write_text('TEXT = "old"\n')
    waiting = _waiting(began, go)
    desk.edit(waiting + f"from pipelines import later\n    {_saying('{later.TEXT}').replace(': ', ': f')}")
    run_id = desk.launch()
    eventually(began.exists, _SHOWN_S, "the run under way")

    later.write_text('TEXT = "new"\n')
    desk.definitions.write_text("this is no Python\n")
    go.touch()

    assert desk.lab.finished(run_id) == "SUCCESS"
    assert desk.said(run_id) == ["old"]


def test_code_that_does_not_load_fails_runs_with_its_error_and_heals_when_saved_again(desk: Desk) -> None:
    shown = desk.shown()
    desk.definitions.write_text(desk.definitions.read_text() + "def oops(:\n")
    log = desk.lab.home / "logs" / "dagster-code.log"
    eventually(lambda: "doesn't load" in log.read_text(), _SHOWN_S, "the error in the log")
    assert "SyntaxError" in log.read_text()
    assert desk.shown() == shown

    run_id = desk.launch()
    assert desk.lab.finished(run_id) == "FAILURE"
    assert "SyntaxError" in str(desk.events(run_id))

    desk.edit(_saying("mended"))
    run_id = desk.launch()
    assert desk.lab.finished(run_id) == "SUCCESS"
    assert desk.said(run_id) == ["mended"]


def test_the_trail_tells_an_edited_pipeline_from_the_committed_one(desk: Desk) -> None:
    edited = fingerprint(sources(desk.lab.root))
    git(desk.lab.root, "checkout", "-q", ".")
    committed = fingerprint(sources(desk.lab.root))

    clean = desk.lab.json("demo-run")["run"]["run_id"]
    desk.edit(_saying("one"))
    dirty = desk.lab.json("demo-run")["run"]["run_id"]

    commit = git(desk.lab.root, "rev-parse", "HEAD")
    for run_id, mark, code in ((clean, "", committed), (dirty, "+dirty", edited)):
        (version,) = {entry.code_version for entry in desk.lab.entries_of(run_id)}
        assert version.split()[0] == f"git:{commit}{mark}"
        assert version.split()[-1] == f"code:{code[:12]}"


@pytest.mark.parametrize(
    "eating", ["held = bytearray(2 << 30)", "held = []\n        while True: held.append(bytes(4096))"]
)
def test_a_run_that_eats_memory_fails_alone_and_says_why(desk: Desk, tmp_path: Path, eating: str) -> None:
    go, began = tmp_path / "go", tmp_path / "began"
    desk.edit(_waiting(began, go) + _saying("unharmed"))
    other = desk.launch()
    eventually(began.exists, _SHOWN_S, "the other run under way")
    before = {process.pid for process in desk.lab.processes()}

    desk.edit(eating, governed=True)
    eventually(lambda: desk.takes("governance"), _SHOWN_S, "the governed asset")
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
