"""What Dagster is told of a model: its steps as assets, the job that runs them, and its schedule."""

from collections.abc import Mapping

import dagster as dg

from lab.base.runs import JOB, SCHEDULE, TRIGGER_TAG
from lab.models.model_folder import Model
from lab.training.asset_keys import ModelKeys
from lab.training.data_store import Storage
from lab.training.governance_resource import Governance
from lab.training.ingest_step import ingest_step
from lab.training.register_step import register_step
from lab.training.train_step import train_step
from lab.training.validate_step import validate_step


def steps_of(model: Model) -> list[dg.AssetsDefinition]:
    """The model's four steps, in order."""
    keys, contract = ModelKeys.of(model), model.contract
    return [
        ingest_step(keys),
        validate_step(keys, contract),
        train_step(keys, model),
        register_step(keys, contract),
    ]


def schedule_status(environ: Mapping[str, str]) -> dg.DefaultScheduleStatus:
    """Whether runs begin by themselves, until somebody decides otherwise in Dagster's pages."""
    off = environ.get("TRAINING_SCHEDULE") == "off"
    return dg.DefaultScheduleStatus.STOPPED if off else dg.DefaultScheduleStatus.RUNNING


def of_model(model: Model, environ: Mapping[str, str]) -> dg.Definitions:
    """Everything that is needed to run `model`, by hand and by itself."""
    steps = steps_of(model)
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(*steps),
        description=(
            f"Ingest, validate, train and register {model.contract.name}; every step is decided by policy and audited."
        ),
        executor_def=dg.in_process_executor,
    )
    schedule = dg.ScheduleDefinition(
        name=SCHEDULE,
        job=job,
        cron_schedule="0 */6 * * *",
        execution_timezone="UTC",
        tags={TRIGGER_TAG: "schedule"},
        # A scheduled run meets the same guard as any other, so it may run without being asked for.
        default_status=schedule_status(environ),
    )
    return dg.Definitions(
        assets=steps,
        jobs=[job],
        schedules=[schedule],
        resources={"governance": Governance(owner="", role="", environment=""), "storage": Storage(timeout_s=30.0)},
        # Also for what is materialised by hand: a process per step would cost seconds each.
        executor=dg.in_process_executor,
    )
