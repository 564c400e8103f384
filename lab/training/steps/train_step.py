"""Step `train_model`: fits the model on the validated data and logs everything to MLflow."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg

from lab.base.dataset import DatasetRef
from lab.base.runs import TRAIN, VALIDATE
from lab.governance.rules.policy import Claim
from lab.models.contract import Resources
from lab.models.environment import LOCK_KEY
from lab.models.model_folder import Model
from lab.training.asset_facts import owners_of
from lab.training.asset_keys import ModelKeys
from lab.training.backends import Order, Result, carried_out
from lab.training.data_store import DataStore, Storage, lineage
from lab.training.governance_resource import Governance
from lab.training.limits import limited
from lab.training.own_environment import own_environment, trained
from lab.training.step_environment import StepEnvironment, read_environment, the_model_here
from lab.training.steps.step_asset import step_asset


def train_step(keys: ModelKeys, model: Model) -> dg.AssetsDefinition:
    """The step of one model."""
    described = "trained model, logged to MLflow and not registered"

    @step_asset(
        keys.op(TRAIN),
        "Trains on a seeded split: the same data gives the same metrics.",
        dg.AssetSpec(
            keys.candidate,
            deps=[keys.validated],
            description=described,
            owners=owners_of(model.contract),
            kinds={"mlflow", "python"},
            group_name=keys.group,
        ),
    )
    def train_model(
        context: dg.AssetExecutionContext, governance: Governance, storage: Storage
    ) -> Iterator[dg.MaterializeResult[None]]:
        yield from _trained(context, governance, storage, keys, model)

    return train_model


def _trained(
    context: dg.AssetExecutionContext, governance: Governance, storage: Storage, keys: ModelKeys, model: Model
) -> Iterator[dg.MaterializeResult[None]]:
    from lab.training import tracking

    with governance.step(context, TRAIN, keys.model) as record:
        env, store = read_environment(), storage.open(keys.model)
        ref = DatasetRef(**store.handed_on(lineage(context), VALIDATE)["dataset"])
        tags = _run_tags(context, governance.claim(env), ref, model, env)
        if own := own_environment(model):
            tags[LOCK_KEY] = own.lock_hash
            record.note(**{LOCK_KEY: own.lock_hash})
        name = f"train-{context.run.run_id[:8]}"
        with tracking.training_run(env.tracking_uri, keys.model.experiment, name, tags, env.mlflow_url) as mlflow_run:
            record.note(data_hash=ref.sha256, mlflow_run_id=mlflow_run)
            order = {"model": model.slug, "dataset": asdict(ref), "mlflow_run_id": mlflow_run}
            logged = carried_out(context, fit, order, store, record.note)
        record.note(**_audited(logged, model))
        handed = {"mlflow_run_id": mlflow_run, LOCK_KEY: own.lock_hash if own else "", **logged}
        store.hand_on(context.run.run_id, TRAIN, handed)
        link = f"{env.mlflow_url}/#/runs/{mlflow_run}"
        yield dg.MaterializeResult(
            metadata={"mlflow_run": dg.MetadataValue.url(link), "model_id": logged["model_id"], **logged["metrics"]},
        )


def _run_tags(
    context: dg.AssetExecutionContext, claim: Claim, ref: DatasetRef, model: Model, env: StepEnvironment
) -> dict[str, str]:
    """What MLflow's page says of the run."""
    return {
        "dagster_run_id": context.run.run_id,
        "data_hash": ref.sha256,
        "owner": claim.owner,
        "role": claim.role,
        "environment": claim.environment,
        "mlflow.user": claim.owner,
        "mlflow.source.name": model.module,
        "code_version": env.code_version,
    }


def _audited(logged: Result, model: Model) -> dict[str, Any]:
    """What the step's audit entry says of the trained model."""
    # An audit entry holds no floats: their text form differs between languages.
    metrics = {name: str(value) for name, value in logged["metrics"].items()}
    fairness = {"fairness": logged["fairness"]} if model.contract.protected else {}
    return {"model_id": logged["model_id"], "model_digest": logged["model_digest"], **metrics, **fairness}


def _limits(model: Model) -> AbstractContextManager[None]:
    """A process of its own environment has its limits there: what is over here is waiting for it."""
    return limited(Resources() if own_environment(model) else model.contract.resources)


def fit(order: Order, store: DataStore, say: Callable[[str], object]) -> Result:
    """Trains on the data set of the order and logs into its MLflow run; what the steps after it need of the model.

    The run's process calls it, or a job's: see `lab.training.backends`. Raises LabError.
    """
    from lab.training import tracking

    model, ref = the_model_here(order["model"]), DatasetRef(**order["dataset"])
    say(f"Training on {ref.rows} rows of {ref.sha256[:12]}.")
    with (
        tempfile.TemporaryDirectory() as folder,
        tracking.continued(read_environment().tracking_uri, order["mlflow_run_id"]),
        ExitStack() as kept,
    ):
        path = Path(folder) / "data.csv"
        tracking.log_data(order["mlflow_run_id"], model.slug, ref.sha256, ref.key, ref.rows)
        store.fetch(ref.sha256, path)
        with _limits(model):
            found = kept.enter_context(trained(model, path, say))
        say("Trained; logging the model to MLflow.")
        logged = tracking.log_training(found)
    return {
        "model_id": logged.model_id,
        "model_uri": logged.uri,
        "model_digest": logged.digest,
        "metrics": dict(found.evaluation.metrics),
        "fairness": found.evaluation.groups.as_details(),
    }
