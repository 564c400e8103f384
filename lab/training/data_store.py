"""The data bucket as the steps use it: data sets by hash, the current one, the baseline, and what steps hand on."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
from pydantic import Field

from lab.base.dataset import DatasetRef, dataset_key, hash_file
from lab.base.drift import Profile
from lab.base.errors import DatasetInvalid, NotFound
from lab.base.model_id import ModelId
from lab.services.s3 import S3
from lab.training.step_environment import read_environment


class Objects(Protocol):
    """What is needed of an object store; raises NotFound and ServiceUnavailable."""

    def get(self, bucket: str, key: str) -> bytes: ...
    def put(self, bucket: str, key: str, body: bytes) -> None: ...
    def exists(self, bucket: str, key: str) -> bool: ...
    def upload(self, bucket: str, key: str, path: Path) -> None: ...
    def download(self, bucket: str, key: str, path: Path) -> None: ...


class DataStore:
    """One model's view of the data bucket. Every method raises ServiceUnavailable when the store doesn't answer."""

    def __init__(self, objects: Objects, bucket: str, model: ModelId) -> None:
        self._objects, self._bucket, self._model = objects, bucket, model

    def keep(self, path: Path, digest: str) -> bool:
        """Stores a data set under its hash; False when it was there already."""
        key = dataset_key(digest)
        if self._objects.exists(self._bucket, key):
            return False
        self._objects.upload(self._bucket, key, path)
        return True

    def fetch(self, digest: str, path: Path) -> None:
        """Writes the data set to `path`. Raises DatasetInvalid when the stored bytes have another hash."""
        self._objects.download(self._bucket, dataset_key(digest), path)
        found = hash_file(path)
        if found != digest:
            raise DatasetInvalid(
                f"The stored data set {dataset_key(digest)} was changed: its hash is {found}.",
                "Remove that object and run the pipeline again.",
            )

    def download(self, bucket: str, key: str, path: Path) -> None:
        """Writes any object that the pipeline may read to `path`."""
        self._objects.download(bucket, key, path)

    def current(self) -> DatasetRef | None:
        """The model's data set in force, if any."""
        try:
            return DatasetRef.from_json(self._objects.get(self._bucket, self._model.current_key))
        except NotFound:
            return None

    def set_current(self, ref: DatasetRef) -> None:
        self._objects.put(self._bucket, self._model.current_key, ref.to_json())

    def baseline(self, digest: str = "") -> Profile | None:
        """The profile named by `digest`, or by the recorded baseline; None when there is no baseline."""
        try:
            body = b"" if digest else self._objects.get(self._bucket, self._model.baseline_key)
            named = digest or DatasetRef.from_json(body).sha256
            return Profile.from_json(self._objects.get(self._bucket, self._model.profile_key(named)))
        except NotFound:
            return None

    def hand_on(self, run_id: str, step: str, value: Mapping[str, Any]) -> None:
        """Keeps a step's result for the steps after it, in this run or in a re-execution."""
        self._objects.put(
            self._bucket, _handoff_key(run_id, self._model.op(step)), json.dumps(value, sort_keys=True).encode()
        )

    def handed_on(self, run_ids: list[str], step: str) -> Mapping[str, Any]:
        """The result of `step` in the first of the runs that has one. Raises NotFound when none has."""
        for run_id in run_ids:
            try:
                value = json.loads(self._objects.get(self._bucket, _handoff_key(run_id, self._model.op(step))))
            except NotFound:
                continue
            if isinstance(value, dict):
                return value
        raise NotFound(f"This run has no result of {step}.", "Launch the whole job, or re-execute a run that has one.")


class Storage(dg.ConfigurableResource):  # type: ignore[type-arg]  # the argument types a wrapped value, and there is none
    """Opens the data bucket with the process's own S3 identity."""

    timeout_s: float = Field(30.0, description="seconds that one part of a transfer may take")

    def open(self, model: ModelId) -> DataStore:
        """Makes no request. Raises SettingsError."""
        return DataStore(_objects(self.timeout_s), read_environment().data_bucket, model)


@lru_cache(maxsize=1)
def _objects(timeout_s: float) -> S3:
    # Making a client costs more than most requests do.
    return S3.from_environment(timeout_s)


def lineage(context: dg.AssetExecutionContext) -> list[str]:
    """This run's id and those of the runs it re-executes, newest first."""
    runs = [context.run.run_id]
    parent = context.run.parent_run_id
    while parent and parent not in runs:
        runs.append(parent)
        run = context.instance.get_run_by_id(parent)
        parent = run.parent_run_id if run else None
    return runs


def _handoff_key(run_id: str, step: str) -> str:
    return f"runs/{run_id}/{step}.json"
