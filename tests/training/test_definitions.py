"""The names that users know, and a code location that starts fast."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import dagster as dg
import pytest

from lab.base.errors import SettingsError
from lab.base.runs import JOB, SCHEDULE, STEPS
from lab.models.model_folder import Models, models_in
from lab.training.definitions import of_models, schedule_status, steps_of
from pipelines.definitions import defs
from tests.support.contracts import MODEL_ASSET, write_model


def test_the_job_has_the_four_steps_in_order() -> None:
    job = defs().resolve_job_def(JOB)
    assert tuple(node.name for node in job.nodes_in_topological_order) == STEPS
    assert job.executor_def.name == dg.in_process_executor.name


def test_the_schedule_runs_the_job_every_six_hours() -> None:
    schedule = defs().resolve_schedule_def(SCHEDULE)
    assert (schedule.job_name, schedule.cron_schedule) == (JOB, "0 */6 * * *")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule_status({"TRAINING_SCHEDULE": "on"}) is dg.DefaultScheduleStatus.RUNNING


def test_the_schedule_can_be_off() -> None:
    assert schedule_status({"TRAINING_SCHEDULE": "off"}) is dg.DefaultScheduleStatus.STOPPED


def test_the_assets_form_one_chain_up_to_the_model() -> None:
    graph = defs().resolve_asset_graph()
    chain = [dg.AssetKey(MODEL_ASSET)]
    while parents := graph.get(chain[-1]).parent_keys:
        (parent,) = parents
        chain.append(parent)
    assert [key.to_user_string() for key in reversed(chain)] == [
        "data/credit_risk",
        "data/credit_risk_validated",
        "models/credit_risk_candidate",
        "models/CreditRiskModel",
    ]


def test_every_check_but_drift_blocks() -> None:
    graph = defs().resolve_asset_graph()
    blocking = {key.name: graph.get(key).blocking for key in graph.asset_check_keys}
    assert blocking.pop("has_not_drifted") is False
    assert len(blocking) == 4
    assert all(blocking.values())


def test_defaults_leave_owner_role_and_environment_to_the_process() -> None:
    config = {"resources": {"governance": {"config": {"owner": "eve"}}}}
    assert dg.validate_run_config(defs().resolve_job_def(JOB), config)["resources"]["governance"]["config"] == {
        "owner": "eve",
        "role": "",
        "environment": "",
    }


@pytest.fixture
def several(tmp_path: Path) -> Models:
    """A default model, one that trains by itself at night, one that never does, and one that is broken."""
    write_model(tmp_path, "fraud", "Fraud", default="true", schedule="0 */6 * * *")
    write_model(tmp_path, "churn", "Churn", schedule="0 3 * * *")
    write_model(tmp_path, "prices", "Prices")
    write_model(tmp_path, "broken", text="columns: [")
    return models_in(tmp_path)


def test_each_model_has_a_job_of_its_own_steps(several: Models) -> None:
    made = of_models(several, {})
    repository = made.get_repository_def()
    jobs = {name for name in repository.job_names if not name.startswith("__")}
    assert jobs == {JOB, "churn_training", "prices_training"}
    steps = {name: [node.name for node in made.resolve_job_def(name).nodes_in_topological_order] for name in jobs}
    assert steps[JOB] == list(STEPS)
    assert steps["churn_training"] == [f"churn__{step}" for step in STEPS]
    every = [one for names in steps.values() for one in names]
    assert len(set(every)) == len(every) == 3 * len(STEPS)
    assert {name: made.resolve_job_def(name).tags["lab/model"] for name in jobs} == {
        JOB: "Fraud",
        "churn_training": "Churn",
        "prices_training": "Prices",
    }


def test_what_dagster_asks_for_twice_is_made_once(several: Models, tmp_path: Path) -> None:
    first, again = (of_models(models, {}).assets or () for models in (several, models_in(tmp_path)))
    assert len(list(first)) == 12
    assert all(one is other for one, other in zip(first, again, strict=True))


def test_a_further_models_steps_are_made_without_parsing_text_or_signatures(several: Models) -> None:
    first, second, *_ = several.sound
    steps_of(first)
    called: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called[f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}"] += 1

    steps_of.cache_clear()
    sys.setprofile(note)
    try:
        steps_of(second)
    finally:
        sys.setprofile(None)
    # Dagster still looks at each function; what it finds was worked out for the first model.
    assert called["inspect._signature_from_callable"] > 0
    assert (called["inspect._signature_from_function"], called["parser.parse"]) == (0, 0)


def test_a_changed_contract_is_made_anew(several: Models, tmp_path: Path) -> None:
    write_model(tmp_path, "prices", "Costs")
    graph = of_models(models_in(tmp_path), {}).resolve_asset_graph()
    assert dg.AssetKey(["models", "Costs"]) in graph.get_all_asset_keys()
    assert dg.AssetKey(["models", "Prices"]) not in graph.get_all_asset_keys()


def test_a_model_trains_by_itself_only_where_its_contract_says_when(several: Models) -> None:
    repository = of_models(several, {"TRAINING_SCHEDULE": "off"}).get_repository_def()
    assert {one.name: (one.job_name, one.cron_schedule) for one in repository.schedule_defs} == {
        SCHEDULE: (JOB, "0 */6 * * *"),
        "churn_training_schedule": ("churn_training", "0 3 * * *"),
    }
    assert {one.default_status for one in repository.schedule_defs} == {dg.DefaultScheduleStatus.STOPPED}


def test_a_broken_model_is_left_out_and_named_in_the_log(several: Models, caplog: pytest.LogCaptureFixture) -> None:
    made = of_models(several, {})
    groups = {made.resolve_asset_graph().get(key).group_name for key in made.resolve_asset_graph().get_all_asset_keys()}
    assert groups == {"fraud", "churn", "prices"}
    [record] = caplog.records
    assert "model-left-out folder=broken" in record.getMessage()
    assert "is no YAML" in record.getMessage()


def test_a_lab_without_models_loads_and_one_whose_only_model_is_broken_says_why(tmp_path: Path) -> None:
    assert list(of_models(models_in(tmp_path), {}).resolve_asset_graph().get_all_asset_keys()) == []
    write_model(tmp_path, "broken", text="columns: [")
    with pytest.raises(SettingsError, match="is no YAML"):
        of_models(models_in(tmp_path), {})


def test_loading_imports_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys, pipelines.definitions\n"
        "pipelines.definitions.defs()\n"
        "print([m for m in ('mlflow', 'sklearn', 'pandas', 'pandera', 'matplotlib', 'boto3') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert shown.stdout.strip() == "[]"
