"""Step `register_with_governance`: makes the model a version of the registry that the audit trail vouches for.

The order is: an entry `register_model` (requested) that names MLflow run, model and data; then the version, created in
one request together with all its tags, which name that entry; then the step's `success` entry, which names the version.
No version is ever without tags. A crash in between leaves either a request without a version, or a version whose entry
is known and whose step has a `started` entry without an end: both show when registry and trail are reconciled.

`deployment_blocked` is `true` from the start, because nothing is approved at registration; `deployment_blocked_reason`
says what stands in the way. Approval lifts the first reason; drift is lifted by training on other data only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from lab.base.model_versions import ApprovalState, GovernanceTags
from lab.base.runs import REGISTER, REGISTRATION_REQUEST, TRAIN, VALIDATE
from lab.governance.ledger import Entry, Status
from lab.governance.rules.criteria import criteria_of
from lab.models.contract import Contract
from lab.models.environment import LOCK_KEY
from lab.training.asset_facts import owners_of
from lab.training.asset_keys import ModelKeys
from lab.training.data_store import Storage, lineage
from lab.training.governance_resource import Governance
from lab.training.step_environment import read_environment
from lab.training.steps.step_asset import step_asset
from lab.training.version_card import version_card

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

AWAITING_APPROVAL = "awaiting approval"


@dataclass(frozen=True)
class Candidate:
    """A trained model on its way into the registry; `drift` is `stable`, `drifted` or `unknown`."""

    mlflow_run_id: str
    model_id: str
    model_uri: str
    model_digest: str
    data_hash: str
    drift: str
    drifted: tuple[str, ...]
    baseline_hash: str
    environment_lock: str = ""

    @property
    def blocked_reason(self) -> str:
        """Everything that stands between this model and a deployment."""
        reasons = [AWAITING_APPROVAL]
        if self.drift == "drifted":
            reasons.append(f"data drifted: {', '.join(self.drifted)}")
        elif self.drift != "stable":
            reasons.append("drift unknown: no baseline, or too few rows")
        return "; ".join(reasons)


def version_tags(candidate: Candidate, vouching: Entry) -> dict[str, str]:
    """All tags of a new version, taken from the entry that vouches for it."""
    required = GovernanceTags(
        owner=vouching.owner,
        environment=vouching.environment,
        role=vouching.role,
        approval_state=ApprovalState.PENDING_STAGING.value,
        data_hash=candidate.data_hash,
        audit_owner=vouching.owner,
        audit_env=vouching.environment,
        audit_timestamp=vouching.time,
        deployment_blocked="true",
        audit_seq=str(vouching.seq),
        audit_hash=vouching.hash,
    )
    return required.as_tags() | {
        "deployment_blocked_reason": candidate.blocked_reason,
        "drift_state": candidate.drift,
        "drift_baseline_hash": candidate.baseline_hash,
        "dagster_run_id": vouching.run_id,
        "code_version": vouching.code_version,
    }


def register_step(keys: ModelKeys, contract: Contract) -> dg.AssetsDefinition:
    """The step of one model."""
    described = f"governed version in MLflow's registry: {contract.purpose}"

    @step_asset(
        keys.op(REGISTER),
        "Registers the candidate, blocked from deployment until it is approved.",
        dg.AssetSpec(
            keys.registered,
            deps=[keys.candidate],
            description=described,
            owners=owners_of(contract),
            kinds={"mlflow"},
            group_name=keys.group,
        ),
    )
    def register_with_governance(
        context: dg.AssetExecutionContext, governance: Governance, storage: Storage
    ) -> Iterator[dg.MaterializeResult[None]]:
        yield from _registered(context, governance, storage, keys, contract)

    return register_with_governance


def _registered(
    context: dg.AssetExecutionContext, governance: Governance, storage: Storage, keys: ModelKeys, contract: Contract
) -> Iterator[dg.MaterializeResult[None]]:
    from lab.training import tracking

    with governance.step(context, REGISTER, keys.model) as record:
        env, store, runs = read_environment(), storage.open(keys.model), lineage(context)
        trained = store.handed_on(runs, TRAIN)
        candidate = _candidate(trained, store.handed_on(runs, VALIDATE))
        request = record.append(REGISTRATION_REQUEST, Status.REQUESTED, **_requested(keys, contract, candidate))
        tags = version_tags(candidate, request)
        with tracking.translated():
            card = version_card(contract, tags, trained["metrics"])
            version = create_version(tracking.connect(env.tracking_uri), contract, candidate, tags, card)
        record.model_version = version
        record.note(request_seq=request.seq, mlflow_run_id=candidate.mlflow_run_id, data_hash=candidate.data_hash)
        page = f"{env.mlflow_url}/#/models/{contract.name}/versions/{version}"
        yield dg.MaterializeResult(metadata=_metadata(page, version, tags, trained["metrics"]))


def _requested(keys: ModelKeys, contract: Contract, candidate: Candidate) -> dict[str, Any]:
    """What the entry says that vouches for the version."""
    return {
        "model": keys.model.name,
        "mlflow_run_id": candidate.mlflow_run_id,
        "model_id": candidate.model_id,
        "model_digest": candidate.model_digest,
        "data_hash": candidate.data_hash,
        "drift": candidate.drift,
        "baseline_hash": candidate.baseline_hash,
        # What the contract asks for as it is now; whoever judges compares it with what is in force then.
        "criteria": criteria_of(contract).as_details(),
        "primary": contract.decisive,
        **({LOCK_KEY: candidate.environment_lock} if candidate.environment_lock else {}),
    }


def create_version(
    client: "MlflowClient", contract: Contract, candidate: Candidate, tags: dict[str, str], card: str = ""
) -> str:
    """Creates the version with its tags in one request, never twice, and returns its number. Raises MlflowException."""
    from mlflow.exceptions import MlflowException

    from lab.training import tracking

    try:
        client.create_registered_model(contract.name, description=contract.purpose)
    except MlflowException as err:
        if err.error_code != "RESOURCE_ALREADY_EXISTS":
            raise

    def make() -> "ModelVersion":
        return client.create_model_version(
            contract.name,
            candidate.model_uri,
            run_id=candidate.mlflow_run_id,
            # MLflow refuses an empty tag value.
            tags={name: value for name, value in tags.items() if value},
            description=card or None,
            model_id=candidate.model_id,
        )

    def look() -> "ModelVersion | None":
        """The version of this very request; an earlier one of the same training names another entry."""
        found = client.search_model_versions(f"run_id='{candidate.mlflow_run_id}'")
        return next((one for one in found if one.tags.get("audit_hash") == tags["audit_hash"]), None)

    return str(tracking.created(make, look).version)


def _candidate(trained: Any, validated: Any) -> Candidate:
    drift = validated["drift"]
    return Candidate(
        mlflow_run_id=trained["mlflow_run_id"],
        model_id=trained["model_id"],
        model_uri=trained["model_uri"],
        model_digest=trained["model_digest"],
        data_hash=validated["dataset"]["sha256"],
        drift=drift["state"],
        drifted=tuple(drift["features"]),
        baseline_hash=drift["baseline_hash"],
        # What an earlier version of the lab handed on lacks it.
        environment_lock=trained.get(LOCK_KEY, ""),
    )


def _metadata(page: str, version: str, tags: dict[str, str], metrics: dict[str, float]) -> dict[str, Any]:
    return {
        "version": int(version),
        "model": dg.MetadataValue.url(page),
        "data_hash": tags["data_hash"],
        "approval_state": tags["approval_state"],
        "deployment_blocked_reason": tags["deployment_blocked_reason"],
        "audit_seq": int(tags["audit_seq"]),
        **metrics,
    }
