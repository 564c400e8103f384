"""The code location, `dagster api grpc -m pipelines.definitions`."""

import os

import dagster as dg

from lab.training.definitions import of_models
from lab.training.step_environment import models_here


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster shows and runs; it calls this when it has loaded the module."""
    return dg.Definitions.merge(
        of_models(models_here(), os.environ),
        # Assets, jobs and sensors of your own.
        dg.Definitions(assets=[]),
    )
