"""The lab's models, and how each stands: its contract, its versions in the registry, what is champion."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.base.model_id import folder_name, is_training, slug_of
from lab.base.model_versions import ModelVersion
from lab.base.names import in_order
from lab.base.runs import RunStatus
from lab.config import LabConfig
from lab.governance.rules.approval_states import ALIASES, PROBE
from lab.governance.rules.registry_findings import Registry
from lab.models.model_folder import Model, models_in
from lab.models.soundness import trouble
from lab.operations.model_environments import state_of
from lab.services.dagster import Dagster
from lab.services.http import Http
from lab.services.mlflow import Mlflow

_ANSWER_S = 10.0
# Of how many runs that ended a model's newest one is looked for.
_RUNS = 100


@dataclass(frozen=True)
class ModelState:
    """One model. `problem` is why it can't be trained; `versions` is None where the registry doesn't answer.

    `removed`: only the registry still has it. `failed_run` is its newest run that ended, if that failed, and `failure`
    why. `newest` is the number of its newest version, but for those on which a verification tried the guardrails and
    those that nobody governed, and `approval` and `blocked` are what the registry says of that;
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
    removed: bool = False
    failed_run: str = ""
    failure: str = ""
    versions: int | None = None
    newest: str = ""
    approval: str = ""
    blocked: str = ""
    staging: str = ""
    champion: str = ""
    environment: str = ""


@dataclass(frozen=True)
class ModelList:
    """`unread` says why nothing is known of the registry, `runs_unread` of the runs; empty where they answered."""

    models: tuple[ModelState, ...]
    unread: str = ""
    runs_unread: str = ""

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
    if unread:
        return ModelList(_sorted(rows), unread)
    (registry, unread), (failures, runs_unread) = await asyncio.gather(_registry(config), _failures(config))
    if registry is not None:
        taken = {one.contract.name: one.slug for one in found.sound}
        rows = _as_registered(rows, registry, taken)
    return ModelList(_sorted([_with_failure(row, failures) for row in rows]), unread, runs_unread)


def _with_failure(row: ModelState, failures: Mapping[str, tuple[str, str]]) -> ModelState:
    # The default model's job bears no model's name.
    run, why = failures.get("" if row.default else row.folder, ("", ""))
    return row if row.removed else replace(row, failed_run=run, failure=why)


def _sorted(rows: Sequence[ModelState]) -> tuple[ModelState, ...]:
    return tuple(sorted(rows, key=lambda one: one.name))


async def _failures(config: LabConfig) -> tuple[Mapping[str, tuple[str, str]], str]:
    """By folder the newest run that ended, if that failed, and why; and why nothing is known of the runs."""
    dagster = Dagster(Http.to(Service.DAGSTER, config.url(Service.DAGSTER), _ANSWER_S))
    try:
        async with asyncio.timeout(_ANSWER_S):
            ended = await dagster.runs(_RUNS, statuses=[one for one in RunStatus if one.finished])
            newest = {slug_of(run.job): run for run in reversed(ended) if is_training(run.job) and run.owner != PROBE}
            failed = {slug: run.run_id for slug, run in newest.items() if run.status is RunStatus.FAILURE}
            reasons = await asyncio.gather(*map(dagster.failure, failed.values()))
            return {slug: (run, why) for (slug, run), why in zip(failed.items(), reasons, strict=True)}, ""
    except (LabError, TimeoutError) as err:
        return {}, err.message if isinstance(err, LabError) else f"Dagster didn't answer within {_ANSWER_S:.0f} s."
    finally:
        await dagster.aclose()


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
    # A contract that can't be read tells no name: its folder does.
    unread = {folder_name(name): name for name in governed}
    rows = [row if row.name else replace(row, name=unread.get(row.folder, "")) for row in rows]
    gone = governed - {row.name for row in rows}
    every = [*rows, *(ModelState(name, "", removed=True) for name in gone)]
    # A folder that claims another one's name has none of its versions.
    owners = {row.name for row in every if not row.problem or row.name in governed}
    return [
        _with_versions(row, versions.get(row.name, ()), registry.aliases.get(row.name, {}))
        if row.name in owners and taken.get(row.name, row.folder) == row.folder
        else replace(row, versions=0)
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
    real = [one for one in found if one.tags.get("owner") != PROBE and one.tags.get("audit_hash")]
    newest = max(real, key=lambda one: in_order(one.version), default=None)
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
