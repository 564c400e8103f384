"""What MLflow's REST API answers, as values; fetching it is `lab.services.mlflow`'s."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from lab.base.errors import NotFound
from lab.base.model_versions import ModelVersion
from lab.services.http import BadStatus
from lab.services.json_reading import items, mapping, number, text, text_or

T = TypeVar("T")

# What MLflow calls the stage of a version that has none.
NO_STAGE = "None"
# A model, and the number of a version of it.
Place = tuple[str, str]
# MLflow takes 100,000 characters; no tag that the lab knows needs as many as these.
_LONGEST_TAG = 2000
_FINISHED = {"FINISHED", "FAILED", "KILLED"}


@dataclass(frozen=True)
class LoggedFile:
    """A file that a run logged; `size` in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class LoggedRun:
    """What is known of a run beside its metrics."""

    experiment: str
    params: Mapping[str, str]
    files: tuple[LoggedFile, ...]


def read_version(raw: object) -> ModelVersion:
    """A version out of a search or a get; a search gives no aliases."""
    item = mapping(raw)
    return ModelVersion(
        name=text(item["name"]),
        version=text(item["version"]),
        created_at=number(item["creation_timestamp"]) / 1000,
        run_id=text_or(item.get("run_id")),
        aliases=tuple(sorted(text(alias) for alias in items(item.get("aliases", [])))),
        tags=pairs(item.get("tags", []), _tag),
        stage="" if item.get("current_stage") == NO_STAGE else text_or(item.get("current_stage")),
    )


def read_aliases(answer: Mapping[str, Any]) -> dict[Place, tuple[str, ...]]:
    """Aliases by model and version out of a search for models."""
    found: dict[Place, list[str]] = {}
    for model in map(mapping, items(answer.get("registered_models", []))):
        for item in map(mapping, items(model.get("aliases", []))):
            found.setdefault((text(model["name"]), text(item["version"])), []).append(text(item["alias"]))
    return {place: tuple(sorted(names)) for place, names in found.items()}


def read_run(answer: Mapping[str, Any]) -> tuple[bool, dict[str, float]]:
    """Whether a run has ended, and the last value of each of its metrics."""
    run = mapping(answer["run"])
    finished = text(mapping(run["info"])["status"]) in _FINISHED
    return finished, pairs(mapping(run["data"]).get("metrics", []), number)


def pairs(found: object, convert: Callable[[object], T]) -> dict[str, T]:
    return {text(item["key"]): convert(item.get("value")) for item in map(mapping, items(found))}


def _tag(value: object) -> str:
    found = text_or(value)
    return found if len(found) <= _LONGEST_TAG else f"{found[:_LONGEST_TAG]}…"


def explained(err: BadStatus) -> Exception:
    """NotFound where MLflow says that the thing doesn't exist; the error as it is otherwise."""
    try:
        said = mapping(json.loads(err.body))
        code, message = said.get("error_code"), text(said.get("message"))
    except (ValueError, TypeError, RecursionError):
        return err
    # An unknown alias is INVALID_PARAMETER_VALUE; only its message tells.
    if code == "RESOURCE_DOES_NOT_EXIST" or message.endswith("not found."):
        return NotFound(f"{message.rstrip('.')}.", "Type `invoke status` for what there is.")
    return err
