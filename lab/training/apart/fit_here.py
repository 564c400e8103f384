"""In a model's own environment: `python fit_here.py FOLDER` does what `order.json` in that folder says.

It stands alone, on mlflow and pandas. The answer is `answer.json`, and files beside it that the two know by name.
"""

import importlib
import json
import os
import re
import resource
import sys
import threading
from pathlib import Path
from typing import Any

_FLAVOURS = {"xgboost": "xgb_model", "lightgbm": "lgb_model", "catboost": "cb_model"}
# Kept back for saying how it ended, in bytes.
_RESERVE = 64 << 20
_given = threading.Semaphore(0)


def fit(order: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Fits, saves the model as MLflow has it, and only then asks for the held-out rows, predicts and evaluates them."""
    import pandas as pd

    code = _code(order)
    model = _fitted(code, _read(folder / "known.parquet", order), order)
    _save(model, pd.read_parquet(folder / "example.parquet"), order, folder / "model")
    _ask("rows", order)
    features = _read(folder / "held_out.parquet", order)
    _predict(model, features, order, folder)
    found: dict[str, Any] = {"algorithm": _algorithm(model), "own": {}}
    if evaluate := getattr(code, "evaluate", None):
        _ask("target", order)
        truth = _read(folder / "target.parquet", order)[order["target"]]
        told = evaluate(model, features, truth if order["task"] == "regression" else truth.astype(object))
        found["own"] = {str(name): _number(value) for name, value in told.items()}
    return found


def load(order: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The model's own data, as Parquet."""
    import pyarrow as pa
    from pyarrow import parquet

    frame = _code(order).load()
    table = pa.Table.from_pandas(frame, preserve_index=False) if hasattr(frame, "iloc") else pa.table(frame)
    parquet.write_table(table, folder / "loaded.parquet")
    return {"rows": table.num_rows}


def _read(path: Path, order: dict[str, Any]) -> Any:
    import pandas as pd

    frame, kinds = pd.read_parquet(path), order["categories"]
    return frame.astype({name: pd.CategoricalDtype(kinds[name]) for name in kinds if name in frame})


def _ask(what: str, order: dict[str, Any]) -> None:
    """Waits until the run has put it into the folder."""
    os.write(order["asking"], f"{what}\n".encode())
    _given.acquire()


def _code(order: dict[str, Any]) -> Any:
    module = importlib.import_module(order["module"])
    if not callable(getattr(module, "fit", None)):
        raise TypeError("train.py has no function fit")
    return module


def _fitted(code: Any, known: Any, order: dict[str, Any]) -> Any:
    features, target = getattr(code, "features", None), order["target"]
    if features is None:
        return _predicting(code.fit(known, order["parameters"], order["seed"]))
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    made = features(known.drop(columns=target))
    if len(made) != len(known) or target in made.columns:
        raise ValueError("features must give a row for each row, and not the target")
    model = code.fit(made.assign(**{target: known[target]}), order["parameters"], order["seed"])
    return Pipeline([("features", FunctionTransformer(features)), ("model", _predicting(model))])


def _predicting(model: Any) -> Any:
    """As `lab.training.fitting` has it."""
    if not callable(getattr(model, "predict", None)):
        what = "nothing" if model is None else f"a {type(model).__name__}, which has no predict"
        raise TypeError(f"fit returned {what}: let it return the fitted model")
    return model


def _answer(model: Any, features: Any) -> Any:
    from inspect import signature

    return (
        model.predict(None, features) if "context" in signature(model.predict).parameters else model.predict(features)
    )


def _predict(model: Any, features: Any, order: dict[str, Any], folder: Path) -> None:
    """Writes what the model says of each row, with the chance of each class that it knows."""
    import numpy as np
    import pandas as pd

    guess = np.asarray(_answer(model, features)).ravel()
    columns = {"guess": guess.astype(float) if order["task"] == "regression" else guess.astype(str)}
    classes = [str(one) for one in getattr(model, "classes_", ())] if hasattr(model, "predict_proba") else []
    if classes:
        chances = np.asarray(model.predict_proba(features), dtype=float)
        columns |= {f"chance of {label}": chances[:, place] for place, label in enumerate(classes)}
    pd.DataFrame(columns).to_parquet(folder / "predicted.parquet", index=False)


def _algorithm(model: Any) -> str:
    while steps := getattr(model, "steps", None):
        model = steps[-1][1]
    return type(model).__name__


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _save(model: Any, example: Any, order: dict[str, Any], target: Path) -> None:
    import cloudpickle
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import Schema

    example.columns = example.columns.astype(object)
    outputs = infer_signature(example, _answer(model, example)).outputs
    signature = ModelSignature(Schema.from_json(order["inputs"]), outputs)
    common = {"path": str(target), "signature": signature, "input_example": example}
    # Whoever loads the model has no module of this name.
    own = [one for name, one in sys.modules.items() if name.startswith("pipelines.") and getattr(one, "__file__", None)]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    _flavour(model, common | {"pip_requirements": _requirements(order["packages"])})


def _flavour(model: Any, common: dict[str, Any]) -> None:
    from mlflow.pyfunc.model import PythonModel

    package = type(model).__module__.partition(".")[0]
    told: dict[str, Any]
    if isinstance(model, PythonModel):
        name, told = "pyfunc", {"python_model": model}
    elif package in _FLAVOURS:
        name, told = package, {_FLAVOURS[package]: model}
    elif any((one.__module__, one.__name__) == ("torch.nn.modules.module", "Module") for one in type(model).__mro__):
        name, told = "pytorch", {"pytorch_model": model}
    else:
        name, told = "sklearn", {"sk_model": model, "serialization_format": "cloudpickle"}
    importlib.import_module(f"mlflow.{name}").save_model(**told, **common)


def _requirements(packages: list[str]) -> list[str]:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in sorted({"mlflow", "pandas", "numpy", "cloudpickle", *packages}):
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _limit(order: dict[str, Any]) -> None:
    """As `lab.dagster_host.memory_limit`, from now on: what libraries took for themselves isn't counted."""
    if sys.platform != "linux":
        return
    status = Path("/proc/self/status").read_text()
    now = {name: int(found) << 10 for name, found in re.findall(r"^(VmRSS|VmData):\s+(\d+) kB", status, re.MULTILINE)}
    room = [order["memory"]] if order["memory"] else []
    room += [order["container_memory"] - now["VmRSS"]] if order["container_memory"] else []
    if room:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = now["VmData"] + max(0, min(room))
        most = soft + _RESERVE if hard == resource.RLIM_INFINITY else min(hard, soft + _RESERVE)
        resource.setrlimit(resource.RLIMIT_DATA, (min(soft, most), most))


def _give_reserve() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _end_with_run() -> None:
    """Standard input is a pipe that the run holds: it closes when the run is gone, however that went.

    A byte comes when what was asked for is there.
    """
    while os.read(0, 1):
        _given.release()
    os._exit(1)


def _told(err: BaseException) -> str:
    """As `lab.base.errors` has it."""
    kind, said = type(err).__name__, " ".join(str(err).split())
    return f"{kind}: {said}" if said else f"{kind}, without a message"


def _place(err: BaseException, code: Path) -> str:
    """Where in the model's own code it happened."""
    import traceback

    frames = [one for one in traceback.extract_tb(err.__traceback__) if Path(one.filename).is_relative_to(code)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def main(folder: Path) -> int:
    """0 when it was done; the answer says why not otherwise."""
    threading.Thread(target=_end_with_run, daemon=True).start()
    order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
    sys.path.insert(0, str(folder / "code"))
    answer: dict[str, Any]
    try:
        importlib.import_module("mlflow.pyfunc")
        importlib.import_module("pandas")
        _limit(order)
        answer = {work.__name__: work for work in (fit, load)}[order["work"]](order, folder)
    except MemoryError:
        _give_reserve()
        answer = {"memory": True}
    except BaseException as err:  # whatever a model's code raises is an answer here
        import traceback

        traceback.print_exc()
        answer = {"failed": f"{_told(err)[:700]}{_place(err, folder / 'code')}"}
    (folder / "answer.part").write_text(json.dumps(answer), encoding="utf-8")
    (folder / "answer.part").replace(folder / "answer.json")
    sys.stdout.flush()
    sys.stderr.flush()
    return 1 if {"failed", "memory"} & set(answer) else 0


if __name__ == "__main__":
    # Not by way of the interpreter's end: threads of libraries may keep it from that.
    os._exit(main(Path(sys.argv[1])))
