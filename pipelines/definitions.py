"""The code location, `dagster api grpc -m pipelines.definitions`."""

import os

import dagster as dg

from lab.training.definitions import of_model
from lab.training.step_environment import the_model_here


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster shows and runs; it calls this when it has loaded the module."""
    return dg.Definitions.merge(
        of_model(the_model_here(), os.environ),
        # Assets, jobs and sensors of your own.
        dg.Definitions(assets=[]),
    )
