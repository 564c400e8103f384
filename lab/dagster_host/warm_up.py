"""What servers do ahead of the processes that they fork: imports, and work that libraries put off until first use."""

import importlib
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from pkgutil import resolve_name

from lab.base.mlflow_private import LOOK_UP_PACKAGES
from lab.dagster_host import source_snapshot
from lab.dagster_host.keeping import kept

MODULES = (
    # First: it looks for the home of each of a thousand functions in every module that is imported by then.
    "skops.io",
    "boto3.s3.inject",
    "dagster._cli.api",
    "dagster_postgres",
    "fairlearn.metrics",
    "git",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.store.artifact.mlflow_artifacts_repo",
    "mlflow.store.model_registry.rest_store",
    "mlflow.store.tracking.rest_store",
    "opentelemetry.sdk.trace",
    "pandas",
    "pandera.pandas",
    "scipy.stats",
    "sklearn.compose",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.preprocessing",
    "upath.registry",
)
# By its name: it is imported anew whenever the lab's code has changed.
_STEPS = "lab.training.definitions"
# What steps import when they need it.
IN_STEPS = ("lab.training.evaluating", "lab.training.model_logging", "lab.training.plots", "lab.training.tracking")
# What the daemon needs as well.
SHARED = ("dagster._cli.api", "dagster_postgres")


def import_shared() -> None:
    """Imports what the daemon and its prefork server need, ahead of the fork that makes two of one."""
    with kept():
        for name in SHARED:
            importlib.import_module(name)


def warm_up() -> None:
    """Imports and rehearses; what fails is reported and left to the run that needs it."""
    with kept():
        for name in MODULES:
            _try(name, partial(importlib.import_module, name))
        for rehearsal in (_draw, _check, _look_up_packages):
            _try(rehearsal.__name__, rehearsal)


def take_ahead(
    root: Path = source_snapshot.ROOT, read: Mapping[str, bytes] | None = None, modules: Sequence[str] = ()
) -> None:
    """Takes the code, see `source_snapshot.take`, and makes the models' steps of it for every process forked from here.

    `modules` of the lab are imported as well. Nothing of a model's own code is executed. What fails is left to the
    process that needs it, which says so.
    """
    with kept():
        source_snapshot.take(root, read)
        with suppress(Exception):
            importlib.import_module(_STEPS).make_ahead()
            for name in modules:
                importlib.import_module(name)


def _try(name: str, work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as err:
        print(f"prefork server: {name} failed ahead of the runs: {err!r}", file=sys.stderr)  # noqa: T201  # its log is stderr


def _draw() -> None:
    """Finds fonts and picture formats."""
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    figure.add_subplot().set_title("a")
    figure.savefig(io.BytesIO(), format="png")


def _check() -> None:
    """Registers pandera's backends."""
    import pandas as pd
    import pandera.pandas as pa

    schema = pa.DataFrameSchema({"a": pa.Column(checks=[pa.Check.isin(["x"])])}, strict="filter")
    schema.validate(pd.DataFrame({"a": ["x"]}), lazy=True)


def _look_up_packages() -> None:
    """Reads the metadata of every installed package, which MLflow does once per process."""
    resolve_name(LOOK_UP_PACKAGES)(["mlflow"])
