"""A lab that runs from a copy of the project, whose pipeline a test edits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.lab import LiveLab
from tests.support.launching import launch
from tests.support.project import git, with_asset
from tests.support.waiting import eventually

# Seconds after which an edit must show, on a busy machine.
SHOWN_S = 120.0
_ASSETS = "{assetNodes {assetKey {path}}}"
_EVENTS = """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {
  ... on MessageEvent {message}
  ... on RunFailureEvent {error {message cause {message}}}
  ... on ExecutionStepFailureEvent {error {message cause {message}}}
  ... on EngineEvent {engineError: error {message cause {message}}}
  ... on MaterializationEvent {metadataEntries {... on TextMetadataEntry {text}}}}}}}"""


@dataclass(frozen=True)
class EditedLab:
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
        return launch(self.lab, job="__ASSET_JOB", assetSelection=[{"path": ["edited"]}])

    def events(self, run_id: str) -> list[dict[str, Any]]:
        return [event for event in self.lab.graphql(_EVENTS, id=run_id)["logsForRun"]["events"] if event]

    def said(self, run_id: str) -> list[str]:
        """The text that the asset materialised with."""
        return [entry["text"] for event in self.events(run_id) for entry in event.get("metadataEntries", []) if entry]


@contextmanager
def edited(lab: LiveLab) -> Iterator[EditedLab]:
    """Has the asset `edited`, which says "one"; everything is as committed afterwards."""
    project = EditedLab(lab)
    project.edit(saying("one"))
    eventually(lambda: "edited" in project.shown(), SHOWN_S, "the added asset")
    try:
        yield project
    finally:
        git(lab.root, "checkout", "-q", ".")
        git(lab.root, "clean", "-fdq")
    eventually(lambda: "edited" not in project.shown(), SHOWN_S, "the definitions from before")


def saying(text: str) -> str:
    """A body that materialises with this text."""
    return f'return dg.MaterializeResult(metadata={{"said": "{text}"}})'


def waiting(began: Path, go: Path) -> str:
    """The beginning of a body: makes the first file, and waits for the second one."""
    return (
        f"import pathlib, time\n    pathlib.Path({str(began)!r}).touch()\n"
        f"    while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.1)\n    "
    )
