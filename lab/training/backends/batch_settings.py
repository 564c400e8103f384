"""What the environment says of where training runs, and what is trained on either side."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.base.errors import SettingsError
from lab.training.data_store import DataStore

Order = Mapping[str, Any]
Result = Mapping[str, Any]
# Trains by the order, with what it needs of the data bucket, and says how it gets on.
Work = Callable[[Order, DataStore, Callable[[str], object]], Result]

BACKENDS = ("local", "batch")
# Below this prefix of the artifact bucket, jobs write what they have to say.
PREFIX = "dagster/training"


@dataclass(frozen=True)
class BatchSettings:
    """Where jobs are submitted; `bucket` is where they report to.

    Seconds: one attempt may take `timeout_s` (0: what the job definition says), and a job that hasn't begun after
    `start_s` is given up.
    """

    queue: str
    definition: str
    bucket: str
    lab: str
    timeout_s: int = 0
    start_s: int = 3600


def read_settings(environ: Mapping[str, str] = os.environ) -> BatchSettings | None:
    """None for training in the run's process. Raises SettingsError for what can't be used."""
    backend = environ.get("TRAINING_BACKEND") or "local"
    if backend not in BACKENDS:
        raise SettingsError(f"TRAINING_BACKEND: {backend!r} is unknown.", f"Use one of: {', '.join(BACKENDS)}.")
    if backend == "local":
        return None
    return BatchSettings(
        queue=_needed(environ, "TRAINING_QUEUE"),
        definition=_needed(environ, "TRAINING_JOB_DEFINITION"),
        bucket=_needed(environ, "ARTIFACT_BUCKET"),
        lab=_needed(environ, "LAB_NAME"),
        timeout_s=_seconds(environ, "TRAINING_TIMEOUT_SECONDS", 0),
        start_s=_seconds(environ, "TRAINING_START_SECONDS", 3600),
    )


def _needed(environ: Mapping[str, str], name: str) -> str:
    if value := environ.get(name, ""):
        return value
    raise SettingsError(f"TRAINING_BACKEND is batch, and {name} isn't set.", "Terraform's task definitions set it.")


def _seconds(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "") or str(default)
    # Batch takes no attempt shorter than a minute.
    if not text.isdecimal() or (name == "TRAINING_TIMEOUT_SECONDS" and 0 < int(text) < 60):
        raise SettingsError(f"{name}: {text!r} is no number of seconds.", "Use a whole number, 60 or more.")
    return int(text)
