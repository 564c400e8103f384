"""Loads one registered version and lets it score rows of its training data as a user has them.

`python -m lab.training.score_version MODEL VERSION DIGEST CSV [ENVIRONMENTS]`, with the audited digest of the version's
files, others are never loaded, a file that begins as the training data does, and the folder of models' environments.

Runs in a process of its own, because what a model does while it loads must not happen where secrets are in memory.
Prints one line of JSON and exits with 0, or with 1 when the model can't be used.
"""

import contextlib
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from lab.base.errors import told
from lab.base.mlflow_private import SCORING_APPLICATION
from lab.base.model_versions import files_digest
from lab.dagster_host.keeping import kept
from lab.models.environment import LOCK_KEY
from lab.models.environment_making import python_in
from lab.training.apart import process, score_here

# Whoever started this process gives up first.
DEADLINE_S = 600.0


class Replaced(Exception):
    """The files aren't those that training audited."""


def try_out(name: str, version: str, digest: str, path: str, environments: str = "") -> dict[str, Any]:
    """The number of rows predicted, the same in each way; raises whatever keeps the model from it.

    A model with packages of its own is tried in a process of its environment, below the folder `environments`.
    """
    from mlflow.artifacts import download_artifacts

    # Downloaded once: what is loaded must be what was hashed.
    folder = download_artifacts(artifact_uri=f"models:/{name}/{version}")
    if not any(Path(folder).rglob("*")):
        raise Replaced("the model's files are gone from the artifact store: restore a backup, or train anew")
    if (found := files_digest(Path(folder))) != digest:
        raise Replaced(f"the model's files have the digest {found[:12]}, audited {digest[:12] or 'none'}")
    if not (locked := _locked(Path(folder))):
        return score_here.tried(folder, path, SCORING_APPLICATION)
    python = python_in(Path(environments), locked) if environments else None
    if python is None:
        raise Replaced(
            f"its environment isn't here, the one of the lock {locked[:12]}: put that uv.lock back and type "
            "`invoke train NAME`, or train anew"
        )
    return _apart(python, folder, path)


def _locked(folder: Path) -> str:
    """The hash of the lock that the model was fitted with; empty for one of the lab's own packages."""
    from mlflow.models import Model

    return str((Model.load(str(folder)).metadata or {}).get(LOCK_KEY, ""))


def _apart(python: Path, folder: str, path: str) -> dict[str, Any]:
    script = Path(score_here.__file__).read_text(encoding="utf-8")
    order = {"model": folder, "rows": path, "application": SCORING_APPLICATION}
    with tempfile.TemporaryDirectory() as scratch:
        return process.carried_out(python, script, order, Path(scratch), lambda line: print(line), DEADLINE_S)  # noqa: T201 - to standard error


def _import_ahead() -> None:
    """What nearly every model needs. Skops comes first: it looks for functions in all that is imported by then."""
    with kept(), contextlib.suppress(ImportError):
        for name in ("skops.io", "mlflow.artifacts", "mlflow.pyfunc", "mlflow.sklearn"):
            importlib.import_module(name)


def main(arguments: list[str]) -> int:
    """Tries the version named on the command line."""
    # For a few rows, threads that wait for each other on cores that others use cost more than they bring.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        # Libraries print on the way; only the answer may stand on standard output.
        with contextlib.redirect_stdout(sys.stderr):
            _import_ahead()
            answer = try_out(*arguments)
    except Replaced as err:
        answer = {"error": str(err)}
    except Exception as err:  # whatever a model's code raises is an answer here
        answer = {"error": told(err)[:500]}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
