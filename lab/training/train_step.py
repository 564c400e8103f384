"""Step `train_model`: fits the model on the validated data and logs everything to MLflow."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from lab.base.dataset import DatasetRef
from lab.base.runs import STEPS
from lab.models.model_folder import Model
from lab.training.asset_keys import ModelKeys
from lab.training.data_store import Storage, lineage
from lab.training.governance_resource import Governance
from lab.training.step_environment import read_environment
from lab.training.validate_step import STEP as VALIDATE

STEP = STEPS[2]


def train_step(keys: ModelKeys, model: Model) -> dg.AssetsDefinition:
    """The step of one model."""
    described = "trained model, logged to MLflow and not registered"

    @dg.multi_asset(
        name=STEP,
        specs=[dg.AssetSpec(keys.candidate, deps=[keys.validated], description=described)],
        group_name=keys.group,
    )
    def train_model(
        context: dg.AssetExecutionContext, governance: Governance, storage: Storage
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Trains on a seeded split: the same data gives the same metrics."""
        yield from _trained(context, governance, storage, model)

    return train_model


def _trained(
    context: dg.AssetExecutionContext, governance: Governance, storage: Storage, model: Model
) -> Iterator[dg.MaterializeResult[None]]:
    from lab.training import fitting, tracking

    with governance.step(context, STEP) as record, tempfile.TemporaryDirectory() as folder:
        env, store, path = read_environment(), storage.open(), Path(folder) / "data.csv"
        ref = DatasetRef(**store.handed_on(lineage(context), VALIDATE)["dataset"])
        store.fetch(ref.sha256, path)
        claim = governance.claim(env)
        tags = {
            "dagster_run_id": context.run.run_id,
            "data_hash": ref.sha256,
            "owner": claim.owner,
            "role": claim.role,
            "environment": claim.environment,
            "mlflow.user": claim.owner,
            "mlflow.source.name": model.module,
            "code_version": env.code_version,
        }
        name = f"train-{context.run.run_id[:8]}"
        with tracking.training_run(env.tracking_uri, name, tags, env.mlflow_url) as mlflow_run:
            record.note(data_hash=ref.sha256, mlflow_run_id=mlflow_run)
            tracking.log_data(mlflow_run, model.slug, ref.sha256, ref.key, ref.rows)
            trained = fitting.train(fitting.load(path, model.contract), model.contract, fitting.fit_of(model))
            logged = tracking.log_training(trained)
        metrics = trained.evaluation.metrics.as_dict()
        # An audit entry holds no floats: their text form differs between languages.
        texts = {name: str(value) for name, value in metrics.items()}
        record.note(model_id=logged.model_id, model_digest=logged.digest, **texts)
        store.hand_on(
            context.run.run_id,
            STEP,
            {
                "mlflow_run_id": mlflow_run,
                "model_id": logged.model_id,
                "model_uri": logged.uri,
                "model_digest": logged.digest,
                "metrics": metrics,
            },
        )
        link = f"{env.mlflow_url}/#/runs/{mlflow_run}"
        yield dg.MaterializeResult(
            metadata={"mlflow_run": dg.MetadataValue.url(link), "model_id": logged.model_id, **metrics},
        )
