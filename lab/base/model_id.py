"""What a model is called in each place: in the registry, as a folder, in Dagster, in MLflow and in the data bucket."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lab.base.dataset import BASELINE_KEY, CURRENT_KEY, profile_key
from lab.base.runs import JOB, SCHEDULE, STEPS

_SLUG = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_SLUG = 50
SLUG_RULE = f"lower-case letters, digits and single _ between them, at most {LONGEST_SLUG} in all"
# Dagster names a step once in a code location; no folder's name has two underscores in a row.
_OF_STEP = "__"
# What belongs to a model that isn't the default one, in the data bucket.
OF_MODELS = "models/"
_OF_JOB, _OF_SCHEDULE = "_training", "_training_schedule"


@dataclass(frozen=True, order=True)
class ModelId:
    """`name` is the registered one, `slug` that of its folder in `pipelines/` and of its group of assets.

    The default model is the one that commands mean when they name none; its job, steps and objects are called as they
    were when a lab held one model.
    """

    name: str
    slug: str
    default: bool = False

    @property
    def job(self) -> str:
        return JOB if self.default else self.slug + _OF_JOB

    @property
    def schedule(self) -> str:
        return SCHEDULE if self.default else self.slug + _OF_SCHEDULE

    @property
    def experiment(self) -> str:
        """In MLflow."""
        return self.slug.replace("_", "-")

    @property
    def current_key(self) -> str:
        """Where the data bucket says which of the model's data sets is in force."""
        return self._key(CURRENT_KEY)

    @property
    def baseline_key(self) -> str:
        """Where the data bucket says which of them is the baseline."""
        return self._key(BASELINE_KEY)

    @property
    def seeding(self) -> str:
        """What to type for a baseline."""
        return "invoke seed" if self.default else f"invoke seed --model {self.name}"

    def profile_key(self, digest: str) -> str:
        """Where the profile of a baseline lies: another model on the same data may look at other columns of them."""
        return self._key(profile_key(digest))

    def op(self, step: str) -> str:
        """What Dagster calls one of its steps."""
        return step if self.default else f"{self.slug}{_OF_STEP}{step}"

    def _key(self, name: str) -> str:
        return name if self.default else f"{OF_MODELS}{self.slug}/{name}"


def is_slug(name: str) -> bool:
    """Whether a model's folder may be called so."""
    return len(name) <= LONGEST_SLUG and _SLUG.fullmatch(name) is not None


def step_of(op: str) -> str:
    """The step that Dagster's name of it means, whichever model it is of."""
    step = op.rpartition(_OF_STEP)[2]
    return step if step in STEPS else op


def models_among(ops: Iterable[str]) -> frozenset[str]:
    """The folders of the models whose steps are among Dagster's `ops`; empty text is the default model's."""
    return frozenset(op.rpartition(_OF_STEP)[0] for op in ops if step_of(op) in STEPS)


def is_training(job: str) -> bool:
    """Whether a job of Dagster trains a governed model, one that isn't there any more included."""
    return job == JOB or job.endswith(_OF_JOB)


def slug_of(job: str) -> str:
    """The folder of the model that a training job is of; empty for the default model's job, and for any other."""
    return job.removesuffix(_OF_JOB) if job != JOB and job.endswith(_OF_JOB) else ""


def folder_name(name: str) -> str:
    """The folder that `new-model` makes for a model of this name: `ChurnModel-2` has `churn_model_2`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[_-]+", "_", apart).strip("_").lower()
