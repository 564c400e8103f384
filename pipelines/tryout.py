"""Loads one registered version and lets it predict on its own input example.

`python -m pipelines.tryout VERSION DIGEST`, with the audited digest of the version's files: others are never loaded.

Runs in a process of its own, because what a model does while it loads must not happen where secrets are in memory.
Prints one line of JSON and exits with 0, or with 1 when the model can't be used.
"""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from lab.core.model_files import files_digest
from lab.core.models import MODEL_NAME


class Replaced(Exception):
    """The files aren't those that training audited."""


def try_out(version: str, digest: str) -> dict[str, Any]:
    """The number of rows predicted; raises whatever keeps the model from it."""
    from mlflow.artifacts import download_artifacts

    # Downloaded once: what is loaded must be what was hashed.
    folder = download_artifacts(artifact_uri=f"models:/{MODEL_NAME}/{version}")
    if (found := files_digest(Path(folder))) != digest:
        raise Replaced(f"the model's files have the digest {found[:12]}, audited {digest[:12] or 'none'}")
    import mlflow

    model = mlflow.pyfunc.load_model(folder)
    example = model.input_example
    if example is None:
        raise ValueError("the model has no input example")
    predictions = list(model.predict(example))
    if not predictions or len(predictions) != len(example):
        raise ValueError(f"{len(predictions)} predictions for {len(example)} rows")
    return {"rows": len(example), "predictions": sorted({str(one) for one in predictions})}


def main(arguments: list[str]) -> int:
    """Tries the version named on the command line."""
    try:
        # Libraries print on the way; only the answer may stand on standard output.
        with contextlib.redirect_stdout(sys.stderr):
            answer = try_out(*arguments)
    except Replaced as err:
        answer = {"error": str(err)}
    except Exception as err:  # whatever a model's code raises is an answer here
        answer = {"error": f"{type(err).__name__}: {' '.join(str(err).split())[:500]}"}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
