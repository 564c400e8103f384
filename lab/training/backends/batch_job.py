"""The other end of `lab.training.backends.batch`, in the job's container: `python -m lab.training.backends.batch_job`.

What it is to do stands in its environment; what it has to say goes to S3. It writes no audit entries: the run does.
"""

import importlib
import sys
from typing import IO, Any

from dagster_pipes import (
    PipesContext,
    PipesParams,
    PipesS3MessageWriter,
    PipesS3MessageWriterChannel,
    open_dagster_pipes,
)

from lab.base.errors import LabError, told
from lab.services.s3 import S3
from lab.training.backends.batch_settings import Work
from lab.training.data_store import Storage
from lab.training.step_environment import the_model_here

_WRITE_S = 2.0


class Channel(PipesS3MessageWriterChannel):
    """Goes on with the numbers of an attempt before this one: whoever reads them has got so far."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        super().__init__(client, bucket, prefix, interval=_WRITE_S)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        self._before = sum(page.get("KeyCount", 0) for page in pages)

    def upload_messages_chunk(self, payload: IO[str], index: int) -> None:
        super().upload_messages_chunk(payload, index + self._before)


class Writer(PipesS3MessageWriter):
    """Reports below the prefix that the run reads."""

    def make_channel(self, params: PipesParams) -> Channel:
        return Channel(self._client, str(params["bucket"]), str(params["key_prefix"]))


def work_named(name: str) -> Work:
    """The function that `module:function` names."""
    module, _, function = name.partition(":")
    work: Work = getattr(importlib.import_module(module), function)
    return work


def perform(pipes: PipesContext) -> bool:
    """Does what the run ordered, and reports the result or why there is none."""
    try:
        work = work_named(pipes.get_extra("work"))
        order = pipes.get_extra("order")
        store = Storage(timeout_s=30.0).open(the_model_here(order["model"]).id)
        result = work(order, store, pipes.log.info)
    except LabError as err:
        pipes.report_custom_message({"failed": {"message": err.message, "remedy": err.remedy}})
    except Exception as err:
        # In the words that a step's entry has when it is trained in the run's process.
        pipes.report_custom_message({"failed": {"message": told(err)}})
        raise
    else:
        pipes.report_custom_message({"result": dict(result)})
        return True
    return False


def main() -> None:
    """Ends with 0 when a model came out."""
    writer = Writer(S3.from_environment(30.0).client, interval=_WRITE_S)
    with open_dagster_pipes(message_writer=writer) as pipes:
        done = perform(pipes)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
