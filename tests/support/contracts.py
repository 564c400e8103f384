"""The shipped model's contract, which the shipped data keeps."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.base.drift import Profile, profile
from lab.models.model_folder import the_model

ROOT = Path(__file__).resolve().parents[2]
MODEL = the_model(ROOT / "pipelines")
CONTRACT = MODEL.contract
# What the shipped model is called in the registry, in MLflow's experiments and among the assets.
MODEL_NAME, EXPERIMENT = CONTRACT.name, MODEL.id.experiment
MODEL_ASSET = ("models", MODEL_NAME)
# What comes with the project, in the order of their folders; a checkout may have others beside them.
SHIPPED = ("CreditRiskModel", "DiabetesProgression")


def profile_of(rows: Iterable[Mapping[str, str]], sha256: str) -> Profile:
    """The baseline profile of rows of the shipped data."""
    return profile(rows, sha256, *CONTRACT.profiled)


_SMALL = """\
version: 1
name: {name}
owner: ann
purpose: Who leaves.
task: binary
target: left
positive: "yes"
columns:
  months: {{type: number, min: 0}}
  left: {{type: category, values: ["no", "yes"]}}
"""


def write_model(pipelines: Path, folder: str, name: str = "", text: str | None = None, **more: str) -> Path:
    """A model's folder below `pipelines`, with a small sound contract and what `more` adds, or with `text`."""
    made = pipelines / folder
    made.mkdir(parents=True, exist_ok=True)
    lines = (
        f"{key}: {json.dumps(value) if value not in {'true', 'false'} else value}\n" for key, value in more.items()
    )
    if not (made / "train.py").exists():
        (made / "train.py").write_text("def fit(frame, parameters, seed): ...\n")
    (made / "model.yaml").write_text(_SMALL.format(name=name) + "".join(lines) if text is None else text)
    return made
