"""One version in full: its decisions, groups of people, run and champion; over a trail in memory."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from lab.base.errors import NotFound
from lab.base.model_versions import ApprovalState, ModelVersion
from lab.governance.ledger import Entry, Status
from lab.governance.rules.approval_states import MOVES
from lab.governance.rules.policy import Action
from lab.models.groups import Comparison, Group, Measured
from lab.observe.details.version_groups import groups_in
from lab.observe.details.version_source import VersionSource, decisions_in, next_action
from tests.services.answers import answer
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import OFFICER, GovernedLab
from tests.support.played_lab import config
from tests.support.trails import PREFIX, entry, filled


async def test_decisions_about_a_version_are_found_and_no_others(tmp_path: Path) -> None:
    lab = GovernedLab(tmp_path).staffed()
    first, second = lab.train(), lab.train()
    await lab.act(Action.APPROVE, first, OFFICER)
    await lab.act(Action.REJECT, second, OFFICER)
    await lab.act(Action.PROMOTE, first, OFFICER)
    version = ModelVersion("CreditRiskModel", first, 0.0, tags=lab.registry.tags[first])
    found = decisions_in(lab.store, lab.config.audit_prefix, version)
    said = [(one.action, str(one.status)) for one in found.entries]
    assert said[0] == ("register_model", "requested")
    assert ("approve", "approved") in said
    assert said[-1][0] == "promote"
    assert all(one.model_version in {first, ""} for one in found.entries)


def test_the_newest_decision_is_found_however_late_it_came() -> None:
    many = [entry("r", n, model_version="9") for n in range(700)]
    late = entry("r", 701, "promote", model_version="3")
    store = filled(entry("r", 0, "register_model"), *many, late)
    version = ModelVersion("M", "3", 0.0, tags={"audit_seq": "1", "decision_seq": "702"})
    found = decisions_in(store, PREFIX, version)
    assert [one.seq for one in found.entries] == [1, 702]
    assert [first <= last for first, last in found.searched] == [True, True]
    assert all(a[1] < b[0] for a, b in pairwise(found.searched))


def test_groups_are_those_that_the_training_of_this_version_audited(tmp_path: Path) -> None:
    lab = GovernedLab(tmp_path).staffed()
    old = Group("old", 90, 80, 0.1, 0.05, 0.15)
    told = Measured("mean_error_difference", 30, (Comparison("age", "m", "mean_error", 30, (old,)),)).as_details()
    first, second = lab.train(groups=told), lab.train()

    def of(number: str, run: str = "") -> Measured:
        run = run or lab.registry.runs[number]
        version = ModelVersion("CreditRiskModel", number, 0.0, tags=lab.registry.tags[number], run_id=run)
        return groups_in(lab.store, lab.config.audit_prefix, version)

    assert of(first).as_details() == told
    with pytest.raises(NotFound, match="No column of its contract was protected"):
        of(second)
    with pytest.raises(NotFound, match="no training of it"):
        of(second, "another run")


@pytest.mark.parametrize("tags", [{}, {"audit_seq": "x"}, {"audit_seq": "99"}])
def test_a_version_that_names_no_entry_has_no_decisions(tags: dict[str, str]) -> None:
    found = decisions_in(filled(entry("r", 0)), PREFIX, ModelVersion("M", "1", 0.0, tags=tags))
    assert (found.entries, found.searched) == ((), ())


def test_what_comes_next_follows_from_the_state() -> None:
    assert next_action("pending_staging") is Action.APPROVE
    assert next_action("approved_staging") is Action.PROMOTE
    assert next_action("archived") is None
    assert next_action("made up") is None
    for state in ApprovalState:
        action = next_action(state)
        assert action is None or (state, action) in MOVES


async def test_a_version_comes_with_its_run_and_the_champion(tmp_path: Path) -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/2.0/mlflow/")
        if path == "artifacts/list":
            name = "mlflow_artifacts_plots" if request.url.params.get("path") else "mlflow_artifacts"
            return httpx.Response(200, json=answer(name))
        names = {
            "model-versions/get": "mlflow_version",
            "registered-models/search": "mlflow_models",
            "runs/get": "mlflow_run",
        }
        return httpx.Response(200, json=answer(names[path]))

    details = VersionSource(config(tmp_path), httpx.MockTransport(serve))
    found = await details.version(MODEL_NAME, "1")
    await details.aclose()
    assert found.run is not None
    assert [one.path for one in found.run.files] == ["plots/confusion_matrix.png", "plots/roc.png"]
    assert found.run.params


def test_decisions_are_those_of_the_version_and_not_of_another_with_its_number() -> None:
    def said(action: str, status: Status, run: str, number: str = "1") -> Entry:
        made = Entry(action, status, "ann", "ml-engineer", "dev", "t", model_version=number)
        return replace(made, details={"mlflow_run_id": run})

    store = filled(
        said("register_model", Status.REQUESTED, "old", ""),
        said("register_with_governance", Status.SUCCESS, "old"),
        said("approve", Status.APPROVED, "old"),
        said("register_model", Status.REQUESTED, "new", ""),
        said("register_with_governance", Status.SUCCESS, "new"),
        said("reject", Status.REJECTED, "old"),
        said("promote", Status.REFUSED, "new"),
    )
    numbers = {
        (run, begin): [one.seq for one in decisions_in(store, PREFIX, version).entries]
        for run, begin in (("old", "1"), ("new", "4"), ("new", "1"))
        for version in (ModelVersion("M", "1", 0.0, run, tags={"audit_seq": begin}),)
    }
    assert numbers == {("old", "1"): [1, 2, 3], ("new", "4"): [4, 5, 7], ("new", "1"): []}
