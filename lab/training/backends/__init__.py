"""Where a model is trained: in the run's own process, or as a job of AWS Batch. One call decides: `carried_out`."""

from collections.abc import Callable

import dagster as dg

from lab.training.backends.batch_settings import Order, Result, Work, read_settings
from lab.training.data_store import DataStore

__all__ = ["Order", "Result", "Work", "carried_out"]


def carried_out(
    context: dg.AssetExecutionContext, work: Work, order: Order, store: DataStore, note: Callable[..., None]
) -> Result:
    """What `work` makes of `order`, where TRAINING_BACKEND says; `note` adds to the step's audit entry.

    `work` is a function of a module, and order and result are JSON: another process finds and gives the same. Raises
    whatever `work` raises, SettingsError, and LabError with the reason when a job doesn't come to its end.
    """
    settings = read_settings()
    if settings is None:
        return work(order, store, context.log.info)
    from lab.training.backends import batch

    return batch.carried_out(context, work, order, settings, note)
