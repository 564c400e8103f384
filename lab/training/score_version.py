"""Loads one registered version and lets it score rows of its training data as a user has them.

`python -m lab.training.score_version MODEL VERSION DIGEST CSV`, with the audited digest of the version's files,
others are never loaded, and a file that begins as the training data does.

Runs in a process of its own, because what a model does while it loads must not happen where secrets are in memory.
Prints one line of JSON and exits with 0, or with 1 when the model can't be used.
"""

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from lab.base.mlflow_private import SCORING_APPLICATION
from lab.base.model_versions import files_digest

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.pyfunc import PyFuncModel
    from mlflow.types import Schema


class Replaced(Exception):
    """The files aren't those that training audited."""


def try_out(name: str, version: str, digest: str, path: str) -> dict[str, Any]:
    """The number of rows predicted, the same in each way; raises whatever keeps the model from it."""
    from mlflow.artifacts import download_artifacts

    # Downloaded once: what is loaded must be what was hashed.
    folder = download_artifacts(artifact_uri=f"models:/{name}/{version}")
    if not any(Path(folder).rglob("*")):
        raise Replaced("the model's files are gone from the artifact store: restore a backup, or train anew")
    if (found := files_digest(Path(folder))) != digest:
        raise Replaced(f"the model's files have the digest {found[:12]}, audited {digest[:12] or 'none'}")
    import mlflow

    model = mlflow.pyfunc.load_model(folder)
    taken = model.metadata.get_input_schema()
    if taken is None:
        raise ValueError("it has no signature, so nobody can tell which columns it takes")
    rows = as_read(path, taken)
    numbers = rows.select_dtypes("number").columns
    ways: dict[str, Callable[[], list[Any]]] = {
        "as pandas reads them": lambda: list(model.predict(rows)),
        "with fractions": lambda: list(model.predict(rows.astype(dict.fromkeys(numbers, "float64")))),
        "one by one": lambda: [one for at in range(len(rows)) for one in model.predict(rows.iloc[[at]])],
        "as JSON through MLflow's server": lambda: _served(model, rows),
    }
    first: list[Any] = []
    for way, predict in ways.items():
        try:
            predictions = predict()
        except Exception as err:
            raise ValueError(f"it can't score rows {way}: {type(err).__name__}: {err}") from err
        first = first or predictions
        if not predictions or len(predictions) != len(rows) or not _same(predictions, first):
            raise ValueError(f"{way}: {len(predictions)} predictions for {len(rows)} rows, or others than before")
    return {"rows": len(rows), "predictions": sorted({_shown(one) for one in first})}


def as_read(path: str, taken: "Schema") -> "pd.DataFrame":
    """The rows as a user reads them: text where the model takes text, whatever it looks like."""
    import pandas as pd
    from mlflow.types.schema import DataType

    texts = {one.name: "str" for one in taken.inputs if one.type == DataType.string}
    # An empty cell alone is a missing one: `None` and `NA` are labels.
    rows: pd.DataFrame = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])
    return rows[taken.input_names()]


def _same(ours: list[Any], theirs: list[Any]) -> bool:
    """Numbers may differ by what one row and many at once round differently."""
    return all(a == b or (_is_float(a) and math.isclose(a, b, rel_tol=1e-6)) for a, b in zip(ours, theirs, strict=True))


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or type(value).__name__.startswith("float")


def _shown(value: Any) -> str:
    return f"{float(value):.6g}" if _is_float(value) else str(value)


def _served(model: "PyFuncModel", rows: "pd.DataFrame") -> list[Any]:
    """What MLflow's scoring server answers, asked without a port."""
    import asyncio

    import httpx

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=resolve_name(SCORING_APPLICATION)(model))
        async with httpx.AsyncClient(transport=transport, base_url="http://model", timeout=60) as client:
            # pandas' own JSON rounds numbers, and a tree may stand just between; an empty cell is null.
            cells = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
            body = json.dumps({"dataframe_split": {"columns": list(rows.columns), "data": cells}})
            return await client.post("/invocations", content=body, headers={"Content-Type": "application/json"})

    answer = asyncio.run(ask())
    if answer.status_code != 200:
        raise ValueError(f"HTTP {answer.status_code}: {answer.text}")
    return list(answer.json()["predictions"])


def main(arguments: list[str]) -> int:
    """Tries the version named on the command line."""
    # For a few rows, threads that wait for each other on cores that others use cost more than they bring.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
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
