"""The lab's models, and how each stands: its contract, its versions in the registry, what is champion."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.base.model_versions import ModelVersion
from lab.base.names import in_order
from lab.config import LabConfig
from lab.governance.rules.approval_states import ALIASES, PROBE
from lab.governance.rules.registry_findings import Registry
from lab.models.model_folder import Model, models_in
from lab.models.soundness import trouble
from lab.operations.model_environments import state_of
from lab.services.http import Http
from lab.services.mlflow import Mlflow

_ANSWER_S = 10.0


@dataclass(frozen=True)
class ModelState:
    """One model. `problem` is why it can't be trained; `versions` is None where the registry doesn't answer.

    `newest` is the number of its newest version, but for those on which a verification tried the guardrails, and
    `approval` and `blocked` are what the registry says of that;
    `staging` and `champion` are the numbers of the versions that have these aliases.
    `environment` is empty for a model that runs with the lab's packages.
    """

    name: str
    folder: str
    default: bool = False
    task: str = ""
    schedule: str = ""
    owner: str = ""
    problem: str = ""
    versions: int | None = None
    newest: str = ""
    approval: str = ""
    blocked: str = ""
    staging: str = ""
    champion: str = ""
    environment: str = ""


@dataclass(frozen=True)
class ModelList:
    """`unread` says why nothing is known of the registry; empty where it answered."""

    models: tuple[ModelState, ...]
    unread: str = ""

    @property
    def sound(self) -> bool:
        return not any(one.problem for one in self.models)


async def list_models(config: LabConfig, unread: str = "") -> ModelList:
    """Every model with a folder, by name, and those that only the registry still has. Never raises for the lab.

    `unread`: why the registry isn't asked, where it isn't.
    """
    found = models_in(config.pipelines)
    rows = [_of_contract(config, one) for one in found.sound]
    rows += (ModelState(one.name, one.slug, problem=str(one.problem)) for one in found.broken)
    registry = None
    if not unread:
        registry, unread = await _registry(config)
    if registry is not None:
        taken = {one.contract.name: one.slug for one in found.sound}
        rows = _as_registered(rows, registry, taken)
    return ModelList(tuple(sorted(rows, key=lambda one: one.name)), unread)


async def _registry(config: LabConfig) -> tuple[Registry | None, str]:
    """Every version and alias, or else why nothing is known of them."""
    mlflow = Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW), _ANSWER_S))
    try:
        return await asyncio.wait_for(mlflow.registry(), _ANSWER_S), ""
    except (LabError, TimeoutError) as err:
        return None, err.message if isinstance(err, LabError) else f"MLflow didn't answer within {_ANSWER_S:.0f} s."
    finally:
        await mlflow.aclose()


def _as_registered(rows: Sequence[ModelState], registry: Registry, taken: Mapping[str, str]) -> list[ModelState]:
    """With their versions, and with the models that only the registry has; `taken` are folders by the model's name."""
    versions: dict[str, list[ModelVersion]] = {}
    for one in registry.versions:
        versions.setdefault(one.name, []).append(one)
    # What nobody governed is none of the lab's.
    governed = {name for name, listed in versions.items() if any(one.tags.get("audit_hash") for one in listed)}
    gone = governed - {row.name for row in rows}
    every = [*rows, *(ModelState(name, "", problem="its folder is gone; its versions stay governed") for name in gone)]
    # A folder that claims another one's name has none of its versions.
    owners = {row.name for row in every if not row.problem or row.name in governed}
    return [
        _with_versions(row, versions.get(row.name, ()), registry.aliases.get(row.name, {}))
        if row.name in owners and taken.get(row.name, row.folder) == row.folder
        else row
        for row in every
    ]


def _of_contract(config: LabConfig, model: Model) -> ModelState:
    contract, state = model.contract, state_of(config, model)
    return ModelState(
        contract.name,
        model.slug,
        contract.default,
        str(contract.task),
        contract.schedule,
        contract.owner,
        problem=f"{state.problem} {state.remedy}" if state and state.problem else trouble(model.folder, model.data),
        environment=str(state or ""),
    )


def _with_versions(row: ModelState, found: Sequence[ModelVersion], aliases: Mapping[str, Sequence[str]]) -> ModelState:
    real = [one for one in found if one.tags.get("owner") != PROBE]
    newest = max(real or found, key=lambda one: in_order(one.version), default=None)
    held = {alias: number for number, names in aliases.items() for alias in names if alias in ALIASES}
    return replace(
        row,
        versions=len(found),
        newest=newest.version if newest else "",
        approval=newest.tags.get("approval_state", "") if newest else "",
        blocked=newest.tags.get("deployment_blocked_reason", "") if newest else "",
        staging=held.get("staging", ""),
        champion=held.get("champion", ""),
    )
