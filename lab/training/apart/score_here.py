"""A registered model's files tried on rows of its training data, in each way that a user may have them.

It stands alone, on mlflow and pandas: in the model's own environment it is `python score_here.py FOLDER`, with
`order.json` there and the answer in `answer.json`; elsewhere the lab calls it.
"""

import json
import math
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.pyfunc import PyFuncModel
    from mlflow.types import Schema


def tried(folder: str, path: str, application: str) -> dict[str, Any]:
    """The number of rows predicted, the same in each way; raises whatever keeps the model from it.

    `application` names what makes MLflow's scoring server of a model.
    """
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
        "as JSON through MLflow's server": lambda: served(model, rows, application),
    }
    first: list[Any] = []
    for way, predict in ways.items():
        try:
            predictions = predict()
        except Exception as err:
            raise ValueError(f"it can't score rows {way}: {_told(err)}") from err
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


def served(model: "PyFuncModel", rows: "pd.DataFrame", application: str) -> list[Any]:
    """What MLflow's scoring server answers, asked without a port."""
    import asyncio

    # pandas' own JSON rounds numbers, and a tree may stand just between; an empty cell is null.
    cells = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
    body = json.dumps({"dataframe_split": {"columns": list(rows.columns), "data": cells}}).encode()
    status, answer = asyncio.run(_asked(resolve_name(application)(model), body))
    if status != 200:
        raise ValueError(f"HTTP {status}: {answer.decode(errors='replace')}")
    return list(json.loads(answer)["predictions"])


async def _asked(app: Any, body: bytes) -> tuple[int, bytes]:
    """One POST to an ASGI application: an HTTP client may not be among the model's packages."""
    import asyncio

    given, done, got = [{"type": "http.request", "body": body, "more_body": False}], asyncio.Event(), []

    async def receive() -> dict[str, Any]:
        if given:
            return given.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        got.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
    }
    scope |= {"path": "/invocations", "raw_path": b"/invocations", "root_path": "", "query_string": b""}
    heads = {b"host": b"model", b"content-type": b"application/json", b"content-length": str(len(body)).encode()}
    scope |= {"headers": list(heads.items()), "client": ("model", 1), "server": ("model", 80)}
    await asyncio.wait_for(app(scope, receive, send), 60)
    return int(got[0]["status"]), b"".join(one.get("body", b"") for one in got[1:])


def _told(err: BaseException) -> str:
    """As `lab.base.errors` has it."""
    kind, said = type(err).__name__, " ".join(str(err).split())
    return f"{kind}: {said}" if said else f"{kind}, without a message"


def main(folder: Path) -> int:
    """0 when it could be used; the answer says why not otherwise."""
    threading.Thread(target=_end_with_asker, daemon=True).start()
    order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
    try:
        answer = tried(order["model"], order["rows"], order["application"])
    except BaseException as err:  # whatever a model's code raises is an answer here
        answer = {"failed": _told(err)[:500]}
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    sys.stdout.flush()
    return 1 if "failed" in answer else 0


def _end_with_asker() -> None:
    """Standard input is a pipe that closes when whoever asked is gone."""
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    os._exit(main(Path(sys.argv[1])))
