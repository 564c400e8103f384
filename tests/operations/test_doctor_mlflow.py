"""What is deleted in MLflow is named by the doctor, with the way back."""

from typing import Any

import httpx
import pytest

from lab.base.model_id import ModelId
from lab.operations.doctor.doctor_mlflow import _findings
from lab.operations.doctor.finding import Finding, Verdict
from tests.support.contracts import MODEL as SHIPPED

URL = "http://127.0.0.1:5000"
GONE: tuple[int, dict[str, Any]] = (200, {})
VERSION = {"version": "3", "source": "models:/m-1"}
MODEL = (200, {"registered_models": [{"name": "CreditRiskModel", "latest_versions": [VERSION]}]})
RUNS: dict[str, Any] = {"runs": [{"info": {}}]}


def experiment(stage: str) -> tuple[int, dict[str, Any]]:
    return 200, {"experiments": [{"name": "credit-risk", "experiment_id": "7", "lifecycle_stage": stage}]}


def found(
    experiment: tuple[int, Any],
    model: tuple[int, Any] = MODEL,
    runs: dict[str, Any] | None = None,
    files: dict[str, Any] | None = None,
) -> list[Finding]:
    answers = {
        "experiments/search": experiment,
        "registered-models/search": model,
        "runs/search": (200, RUNS if runs is None else runs),
        "logged-models/m-1": (200, {"model": {"info": {"artifact_uri": "mlflow-artifacts:/1/models/m-1/artifacts"}}}),
        "mlflow-artifacts/artifacts": (200, {"files": [{"path": "MLmodel"}]} if files is None else files),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        status, body = answers[request.url.path.removeprefix("/api/2.0/").removeprefix("mlflow/")]
        return httpx.Response(status, json=body)

    with httpx.Client(base_url=f"{URL}/api/2.0/", transport=httpx.MockTransport(answer)) as client:
        return list(_findings(client, URL, [SHIPPED.id]))


def test_a_deleted_experiment_comes_with_the_call_that_restores_it() -> None:
    (finding,) = found(experiment("deleted"))
    assert finding.verdict is Verdict.WARN
    assert "credit-risk is deleted" in finding.detail
    assert f"curl -X POST {URL}/api/2.0/mlflow/experiments/restore" in finding.remedy
    assert '{"experiment_id": "7"}' in finding.remedy


def test_a_deleted_model_is_told_from_one_that_was_never_registered() -> None:
    (finding,) = found(experiment("active"), GONE)
    assert finding.verdict is Verdict.WARN
    assert "CreditRiskModel is deleted" in finding.detail
    assert "invoke restore" in finding.remedy
    assert found(experiment("active"), GONE, {})[0].verdict is Verdict.OK


def test_a_version_whose_files_are_gone_is_named() -> None:
    (finding,) = found(experiment("active"), files={})
    assert finding.verdict is Verdict.WARN
    assert "the files of CreditRiskModel 3 are gone" in finding.detail
    assert found(experiment("active"))[0].verdict is Verdict.OK


def test_before_the_first_run_there_is_nothing_to_say() -> None:
    assert found(GONE, GONE) == []


def test_what_is_no_answer_of_mlflow_is_an_error_that_the_caller_leaves_out() -> None:
    with pytest.raises((httpx.HTTPError, LookupError)):
        found((404, {"detail": "no such page"}))


def test_many_models_are_asked_about_in_pages_and_not_one_by_one() -> None:
    asked: list[str] = []
    models = [ModelId(f"Copy{number}", f"copy_{number}") for number in range(50)]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path.rpartition("mlflow/")[2])
        if "experiments" in asked[-1]:
            kept = [{"name": one.experiment, "experiment_id": "7", "lifecycle_stage": "active"} for one in models]
            second = request.url.params.get("page_token") == "more"
            page = {"experiments": kept[49:]} if second else {"experiments": kept[:49], "next_page_token": "more"}
            return httpx.Response(200, json=page)
        return httpx.Response(200, json={"registered_models": [{"name": one.name} for one in models]})

    with httpx.Client(base_url=f"{URL}/api/2.0/", transport=httpx.MockTransport(answer)) as client:
        found = list(_findings(client, URL, models))
    assert [one.verdict for one in found] == [Verdict.OK] * 50
    assert asked == ["experiments/search", "experiments/search", "registered-models/search"]
