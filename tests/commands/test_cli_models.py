"""`invoke models` and `invoke train` as typed, in a lab that is up or down, with models that are sound or broken."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.base.errors import SettingsError, UsageError
from lab.commands import training_commands
from lab.commands.approval_commands import registered_name
from lab.config import LabConfig
from lab.models.model_folder import the_model
from lab.operations import model_list
from lab.operations.model_list import ModelList, ModelState, list_models
from tests.commands.test_cli_governance import run
from tests.support.contracts import SHIPPED, write_model
from tests.support.governed_lab import GovernedLab
from tests.support.lab import INVOKE
from tests.support.played_lab import config
from tests.support.ports import NEVER_STARTED


@pytest.fixture
def down(tmp_path: Path) -> dict[str, str]:
    """The environment of a lab that was never started."""
    own = {"LAB_NAME": "nowhere", "LAB_HOME": str(tmp_path / "home"), "LAB_ENV_FILE": str(tmp_path / ".env")}
    return {**os.environ, **own, "PORT_OFFSET": str(NEVER_STARTED), "RUNTIME": "native"}


@pytest.fixture
def lab(tmp_path: Path) -> LabConfig:
    """A lab that is down, with three models of which one is broken."""
    write_model(tmp_path / "pipelines", "fraud", "Fraud", default="true", schedule="0 3 * * *")
    write_model(tmp_path / "pipelines", "churn", "Churn")
    write_model(tmp_path / "pipelines", "broken", text="name: Broken\nversion: 7\n")
    return replace(config(tmp_path), root=tmp_path)


async def test_models_are_listed_of_a_lab_that_is_down(lab: LabConfig, capsys: pytest.CaptureFixture[str]) -> None:
    found = await list_models(lab)
    assert [(one.name, one.default, one.versions) for one in found.models] == [
        ("Broken", False, None),
        ("Churn", False, None),
        ("Fraud", True, None),
    ]
    assert (found.sound, training_commands.unsound(found)) == (False, 1)
    training_commands.print_models(found)
    shown = capsys.readouterr().out
    assert "Fraud (default)" in shown
    assert "versions are unknown" in shown


async def test_code_and_data_that_cannot_be_used_are_named_before_anybody_trains(
    lab: LabConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab.pipelines / "churn" / "train.py").write_text("def fit(:\n")
    write_model(lab.pipelines, "prices", "Prices", data="data/absent.csv")
    found = await list_models(lab)
    problems = {one.name: one.problem for one in found.models}
    assert problems["Churn"] == "churn/train.py, line 1: invalid syntax. Mend it there."
    assert problems["Prices"].startswith(f"Can't read its data, {lab.pipelines.parent / 'data/absent.csv'}:")
    assert problems["Fraud"] == ""
    assert training_commands.unsound(found) == 1
    training_commands.print_models(found)
    assert "Churn: churn/train.py, line 1" in capsys.readouterr().out


async def test_models_are_listed_with_how_their_versions_stand(
    lab: LabConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    governed = GovernedLab(tmp_path).staffed()
    governed.set_baseline("Churn")
    for model in ("Churn", "Churn", "Gone"):
        governed.train(model=model)
    await governed.promoted("1", "staging", "Churn")
    governed.registry.of("Somebodys").tags["1"] = {}
    monkeypatch.setattr(model_list, "Mlflow", lambda _: governed.registry.client())
    found = {one.name: one for one in (await list_models(lab)).models}
    assert sorted(found) == ["Broken", "Churn", "Fraud", "Gone"]
    churn = found["Churn"]
    assert (churn.versions, churn.newest, churn.approval) == (2, "2", "pending_staging")
    assert (churn.staging, churn.champion, churn.folder) == ("1", "", "churn")
    # What a verification tried the guardrails on is nobody's newest version.
    governed.registry.of("Churn").tags["2"] |= {"owner": "verify-governance", "approval_state": "archived"}
    churn = {one.name: one for one in (await list_models(lab)).models}["Churn"]
    assert (churn.versions, churn.newest, churn.approval) == (2, "1", "pending_prod")
    assert (found["Fraud"].versions, found["Fraud"].schedule) == (0, "0 3 * * *")
    assert found["Broken"].versions == 0
    assert (found["Gone"].removed, found["Gone"].problem, found["Gone"].versions) == (True, "", 1)


async def test_a_model_whose_contract_cannot_be_read_keeps_its_name_and_versions(
    lab: LabConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    governed = GovernedLab(tmp_path).staffed()
    governed.set_baseline("Churn")
    governed.train(model="Churn")
    monkeypatch.setattr(model_list, "Mlflow", lambda _: governed.registry.client())
    (lab.pipelines / "churn" / "model.yaml").write_text("version: 1\ncolumns\nname: Churn\n")
    (churn,) = [one for one in (await list_models(lab)).models if one.folder == "churn"]
    assert (churn.name, churn.versions, churn.removed) == ("Churn", 1, False)
    assert "is no YAML" in churn.problem
    with pytest.raises(SettingsError, match="is no YAML"):
        the_model(lab.pipelines, "Churn")


def state(name: str, **known: Any) -> ModelState:
    return ModelState(**{"name": name, "folder": name.lower(), "versions": 0} | known)


@pytest.mark.parametrize(
    ("models", "after"),
    [
        ([state("Churn")], "invoke train Churn"),
        ([state("Churn", problem="no fit", failed_run="8d1c0a57"), state("A")], "mend churn, then type invoke models"),
        (
            [state("A"), state("Churn", failed_run="8d1c0a57", failure="train_model: no luck")],
            "mend what the reason names, then type invoke train Churn",
        ),
        (
            [state("Churn", versions=2, newest="2", approval="pending_staging", champion="1")],
            'somebody else: invoke approve --model Churn --version 2 --reason "…"',
        ),
        (
            [state("Churn", versions=2, newest="2", approval="approved_prod", champion="1", staging="2")],
            'invoke promote --model Churn --version 2 --reason "…"',
        ),
        (
            [state("Churn", versions=1, newest="1", approval="approved_prod", champion="1"), state("Late")],
            "invoke train Late",
        ),
        (
            [
                state("Churn", versions=1, newest="1", approval="approved_prod", champion="1"),
                state("Gone", folder="", removed=True, versions=3),
            ],
            "invoke new-model NAME --data FILE --target COLUMN makes another one",
        ),
    ],
)
def test_what_comes_next_is_about_the_model_that_needs_something(
    models: list[ModelState], after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ModelList(tuple(models))
    training_commands.print_models(found)
    assert capsys.readouterr().out.endswith(f"next: {after}\n")
    assert training_commands.unsound(found) == int("mend churn" in after)


def test_a_run_that_failed_is_told_with_its_reason_and_a_removed_folder_without_alarm(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed = state("Churn", failed_run="8d1c0a57-bd4f", failure="train_model: ValueError: no luck [today]\nmore")
    training_commands.print_models(ModelList((failed, state("Gone", folder="", removed=True)), runs_unread="no answer"))
    shown = capsys.readouterr().out
    assert "Churn: run 8d1c0a57, its newest, failed: train_model: ValueError: no luck [today]\n" in shown
    assert "Gone: its folder is gone; its versions stay governed" in shown
    assert "failed runs are unknown: no answer" in shown


def test_a_model_is_trained_only_by_a_name_that_there_is_in_a_lab_that_is_up(down: dict[str, str]) -> None:
    said = {line: run([INVOKE], *line.split(), env=down) for line in ("train CreditRiskModel", "train", "train Nobody")}
    assert [done.returncode for done in said.values()] == [1, 2, 2]
    assert "isn't up" in said["train CreditRiskModel"].stderr
    assert "There is no model Nobody" in said["train Nobody"].stderr
    assert not any("Traceback" in done.stderr for done in said.values())


def test_models_of_a_lab_that_is_down_are_one_json_document(down: dict[str, str]) -> None:
    done = run([INVOKE], "models", "--json", env=down)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [one["name"] for one in told["models"] if one["name"] in SHIPPED] == list(SHIPPED)
    assert told["unread"]


def test_a_command_takes_a_models_name_or_folder_and_means_the_default_one_without(lab: LabConfig) -> None:
    assert registered_name(lab, "") == "Fraud"
    assert registered_name(lab, "Churn") == registered_name(lab, "churn") == "Churn"
    # Its folder is gone, and its versions are governed all the same.
    assert registered_name(lab, "Gone") == "Gone"
    # One can't be trained, and still be rejected.
    assert registered_name(lab, "broken") == "Broken"
    with pytest.raises(UsageError, match="is no name of a model"):
        registered_name(lab, "a'b")


def test_without_a_default_one_a_model_must_be_named(tmp_path: Path) -> None:
    for folder in ("churn", "fraud"):
        write_model(tmp_path / "pipelines", folder, folder.title())
    with pytest.raises(UsageError, match="No model is named"):
        registered_name(replace(config(tmp_path), root=tmp_path), "")
