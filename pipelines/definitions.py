"""The code location, `dagster api grpc -m pipelines.definitions`: what Dagster is told."""

import os

import dagster as dg

from lab.training.definitions import of_model, the_model_here

defs = dg.Definitions.merge(
    of_model(the_model_here(), os.environ),
    # Assets, jobs and sensors of your own.
    dg.Definitions(assets=[]),
)
