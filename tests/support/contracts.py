"""The shipped model's contract, which the shipped data keeps."""

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


def profile_of(rows: Iterable[Mapping[str, str]], sha256: str) -> Profile:
    """The baseline profile of rows of the shipped data."""
    return profile(rows, sha256, *CONTRACT.profiled)
