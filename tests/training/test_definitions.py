"""The names that users know, and a code location that starts fast."""

import subprocess
import sys

import dagster as dg

from lab.base.runs import JOB, SCHEDULE, STEPS
from lab.training.definitions import schedule_status
from pipelines.definitions import defs
from tests.support.contracts import MODEL_ASSET


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


def test_loading_imports_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys, pipelines.definitions\n"
        "pipelines.definitions.defs()\n"
        "print([m for m in ('mlflow', 'sklearn', 'pandas', 'pandera', 'matplotlib', 'boto3') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert shown.stdout.strip() == "[]"
