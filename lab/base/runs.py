"""Pipeline runs as every front end shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

JOB = "ml_training_pipeline"
SCHEDULE = "ml_training_schedule"
INGEST, VALIDATE, TRAIN, REGISTER = "ingest_data", "validate_data", "train_model", "register_with_governance"
STEPS = (INGEST, VALIDATE, TRAIN, REGISTER)
# What the last step asks the registry for is an entry of its own, before the step's success.
REGISTRATION_REQUEST = "register_model"

# Run tags: who a run belongs to, and what started it.
OWNER_TAG = "lab/owner"
ROLE_TAG = "lab/role"
ENVIRONMENT_TAG = "lab/environment"
TRIGGER_TAG = "lab/trigger"
# The registered name of the model that a run trains.
MODEL_TAG = "lab/model"


class RunStatus(StrEnum):
    """Dagster's run states."""

    QUEUED = "QUEUED"
    NOT_STARTED = "NOT_STARTED"
    MANAGED = "MANAGED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"

    @property
    def finished(self) -> bool:
        return self in {RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED}


def _between(began: float | None, ended: float | None) -> float | None:
    return None if began is None or ended is None else ended - began


@dataclass(frozen=True)
class Step:
    """One step of a run. `status` is Dagster's (IN_PROGRESS, SUCCESS, FAILURE, SKIPPED); times are epoch seconds."""

    name: str
    status: str
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def seconds(self) -> float | None:
        return _between(self.started_at, self.ended_at)


@dataclass(frozen=True)
class Run:
    """One pipeline run; times are epoch seconds. `steps` is in the order the steps began; `model` is what it trains,
    empty where its tags don't say so.
    """

    run_id: str
    job: str
    status: RunStatus
    created_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    owner: str = ""
    role: str = ""
    environment: str = ""
    trigger: str = ""
    steps: tuple[Step, ...] = ()
    model: str = ""

    @property
    def seconds(self) -> float | None:
        """Wall time from start to end; None while it runs."""
        return _between(self.started_at, self.ended_at)


@dataclass(frozen=True)
class RunDetail:
    """A run with what it was started with: `config` is YAML, `parent` the run that it repeats, if any."""

    run: Run
    config: str
    tags: Mapping[str, str]
    parent: str = ""


@dataclass(frozen=True)
class ScheduleState:
    """The training schedule: running or stopped, and its next tick (epoch seconds)."""

    name: str
    status: str
    cron: str
    next_tick: float | None = None
