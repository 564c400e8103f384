"""What Dagster is told of the models: their steps as assets, the job that runs each model's, and its schedule."""

import logging
from collections.abc import Mapping
from functools import lru_cache

import dagster as dg

from lab.base.runs import MODEL_TAG, TRIGGER_TAG
from lab.models.listing import MOST_MODELS
from lab.models.model_folder import Model, Models
from lab.training.asset_keys import ModelKeys
from lab.training.data_store import Storage
from lab.training.governance_resource import Governance
from lab.training.step_environment import models_here
from lab.training.steps.ingest_step import ingest_step
from lab.training.steps.register_step import register_step
from lab.training.steps.train_step import train_step
from lab.training.steps.validate_step import validate_step

log = logging.getLogger("lab.models")


@lru_cache(maxsize=MOST_MODELS)
def steps_of(model: Model) -> tuple[dg.AssetsDefinition, ...]:
    """The model's four steps, in order; made once: Dagster asks for all definitions twice when it loads them."""
    keys, contract = ModelKeys.of(model.id), model.contract
    return (
        ingest_step(keys, model),
        validate_step(keys, contract),
        train_step(keys, model),
        register_step(keys, contract),
    )


def make_ahead() -> None:
    """Makes every model's steps, so that a process that is forked from this one finds those that didn't change."""
    for model in models_here().sound:
        steps_of(model)


def schedule_status(environ: Mapping[str, str]) -> dg.DefaultScheduleStatus:
    """Whether runs begin by themselves, until somebody decides otherwise in Dagster's pages."""
    off = environ.get("TRAINING_SCHEDULE") == "off"
    return dg.DefaultScheduleStatus.STOPPED if off else dg.DefaultScheduleStatus.RUNNING


def of_models(models: Models, environ: Mapping[str, str]) -> dg.Definitions:
    """Everything that is needed to run the sound ones, by hand and by themselves; the others are named in the log.

    Raises SettingsError when none is sound: code that was in service before stays so until one is mended.
    """
    if models.broken and not models.sound:
        raise models.broken[0].problem
    for broken in models.broken:
        log.error("event=model-left-out folder=%s problem=%r", broken.slug, str(broken.problem))
    made = [(model, steps_of(model)) for model in models.sound]
    jobs = [
        dg.define_asset_job(
            model.id.job,
            selection=dg.AssetSelection.assets(*steps),
            description=_said_of(model),
            tags={MODEL_TAG: model.contract.name},
            executor_def=dg.in_process_executor,
        )
        for model, steps in made
    ]
    return dg.Definitions(
        assets=[step for _, steps in made for step in steps],
        jobs=jobs,
        schedules=[_schedule(model, schedule_status(environ)) for model in models.sound if model.contract.schedule],
        resources={"governance": Governance(owner="", role="", environment=""), "storage": Storage(timeout_s=30.0)},
        # Also for what is materialised by hand: a process per step would cost seconds each.
        executor=dg.in_process_executor,
    )


def _said_of(model: Model) -> str:
    return f"Ingest, validate, train and register {model.contract.name}; every step is decided by policy and audited."


def _schedule(model: Model, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=model.id.schedule,
        job_name=model.id.job,
        cron_schedule=model.contract.schedule,
        execution_timezone="UTC",
        tags={TRIGGER_TAG: "schedule"},
        # A scheduled run meets the same guard as any other, so it may run without being asked for.
        default_status=status,
    )
