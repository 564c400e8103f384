"""The code location: `dagster api grpc -m pipelines.definitions`."""

import os
from collections.abc import Mapping

import dagster as dg

from lab.base.runs import JOB, SCHEDULE, TRIGGER_TAG
from lab.training.data_store import Storage
from lab.training.governance_resource import Governance
from pipelines.ingest import ingest_data
from pipelines.register import register_with_governance
from pipelines.train import train_model
from pipelines.validate import validate_data

_STEPS = [ingest_data, validate_data, train_model, register_with_governance]


def schedule_status(environ: Mapping[str, str]) -> dg.DefaultScheduleStatus:
    """Whether runs begin by themselves, until somebody decides otherwise in Dagster's pages."""
    off = environ.get("TRAINING_SCHEDULE") == "off"
    return dg.DefaultScheduleStatus.STOPPED if off else dg.DefaultScheduleStatus.RUNNING


training_job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.assets(*_STEPS),
    description="Ingest, validate, train and register the credit model; every step is decided by policy and audited.",
    executor_def=dg.in_process_executor,
)


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster shows and runs; it calls this when it has loaded the module."""
    schedule = dg.ScheduleDefinition(
        name=SCHEDULE,
        job=training_job,
        cron_schedule="0 */6 * * *",
        execution_timezone="UTC",
        tags={TRIGGER_TAG: "schedule"},
        # A scheduled run meets the same guard as any other, so it may run without being asked for.
        default_status=schedule_status(os.environ),
    )
    return dg.Definitions(
        assets=_STEPS,
        jobs=[training_job],
        schedules=[schedule],
        resources={"governance": Governance(owner="", role="", environment=""), "storage": Storage(timeout_s=30.0)},
        # Also for what is materialised by hand: a process per step would cost seconds each.
        executor=dg.in_process_executor,
    )
