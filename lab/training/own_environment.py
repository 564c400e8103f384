"""A model with packages of its own, trained in a process of its environment; here is the run's side of it.

The lab splits and judges, as for every model. One process fits and saves the model; only when it has ended, another
one is given the held-out rows, without their target, and says what the saved model makes of them.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.errors import RunFailed
from lab.dagster_host import memory_limit
from lab.dagster_host.source_snapshot import ROOT, read_bytes
from lab.models.contract import Contract, Kind, Task
from lab.models.environment import OwnEnvironment, environment_of
from lab.models.environment_making import VARIABLE, prepared
from lab.models.model_folder import Model
from lab.training import fitting
from lab.training.apart import process
from lab.training.fitting import Trained

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Say = Callable[[str], object]
_HERE = Path(__file__).resolve().parent / "apart" / "fit_here.py"


def own_environment(model: Model) -> OwnEnvironment | None:
    """The model's, as it was when the run began. Raises SettingsError."""
    return environment_of(model.folder, read_bytes)


def environments_here(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of all of them. Raises RunFailed where none can be made."""
    if told := environ.get(VARIABLE, ""):
        return Path(told)
    raise RunFailed(
        "This model has packages of its own, and here is no folder for them: a job of AWS Batch has its image and "
        "nothing else.",
        "Train it with TRAINING_BACKEND=local.",
    )


@dataclass(frozen=True)
class Saved:
    """A model as its environment's MLflow saved it, with what it said of the rows that it was asked about."""

    folder: Path
    lock_hash: str
    guess: "np.ndarray[Any, Any]"

    def predict(self, features: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """Of the held-out rows, and of no others."""
        if len(features) != len(self.guess):
            raise RunFailed("A model of another environment can't be asked here.")
        return self.guess


@dataclass(frozen=True)
class SavedClassifier(Saved):
    """As `Saved`, with the chance of each class."""

    classes_: tuple[str, ...]
    chances: "np.ndarray[Any, Any]"

    def predict_proba(self, features: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """As `predict`."""
        self.predict(features)
        return self.chances


@contextmanager
def trained(model: Model, data: Path, say: Say) -> Iterator[Trained]:
    """The model fitted on a validated data set, here or in its own environment; its files are there in the body.

    Raises RunFailed for what its code does, and SettingsError for a lock that doesn't fit.
    """
    own, frame = own_environment(model), fitting.load(data, model.contract)
    if own is None:
        yield fitting.train(frame, model.contract, fitting.code_of(model))
        return
    with tempfile.TemporaryDirectory() as folder:
        yield _trained_apart(model, own, frame, Path(folder), say)


def loader(model: Model, say: Say) -> Callable[[], Any] | None:
    """The model's `load`, if it has one: in its own environment, where it has that. Raises RunFailed."""
    own = own_environment(model)
    if own is None:
        return fitting.code_of(model).load
    # Looked for and not imported: its packages aren't here.
    return (lambda: _loaded_apart(model, own, say)) if _defines_load(model) else None


def _defines_load(model: Model) -> bool:
    import ast

    try:
        tree = ast.parse(read_bytes(model.folder / "train.py"))
    except (OSError, ValueError, SyntaxError) as err:
        raise RunFailed(f"{model.slug}/train.py can't be read: {err}.", "Mend it there.") from None
    return any(isinstance(one, ast.FunctionDef) and one.name == "load" for one in tree.body)


def _loaded_apart(model: Model, own: OwnEnvironment, say: Say) -> Any:
    from pyarrow import parquet

    with tempfile.TemporaryDirectory() as scratch:
        _Apart.of(model, own, say).carried_out("load", {}, Path(scratch))
        return parquet.read_table(Path(scratch) / "loaded.parquet")


def _trained_apart(model: Model, own: OwnEnvironment, frame: "pd.DataFrame", folder: Path, say: Say) -> Trained:
    contract, apart = model.contract, _Apart.of(model, own, say)
    known, held_out = fitting.split(frame, contract)
    rows = fitting.example(known, contract)
    nullable = fitting.nullable(contract)
    columns = [name for name in contract.columns if name in {*contract.features, contract.target}]
    given = contract.columns
    order = {
        "target": contract.target,
        "task": str(contract.task),
        "parameters": dict(contract.parameters),
        "seed": contract.seed,
        "categories": {name: list(given[name].values) for name in columns if given[name].type is Kind.CATEGORY},
        "inputs": _inputs(rows, contract.numeric, nullable),
        "packages": list(own.packages),
    }
    fitted = apart.carried_out("fit", order, folder / "fit", known=_plain(known[columns], contract), example=rows)
    order |= {"flavour": str(fitted.get("flavour")), "model": str(folder / "fit" / "model")}
    asked = _plain(held_out[columns], contract)
    place = folder / "predict"
    answer = apart.carried_out("predict", order, place, held_out=asked.drop(columns=contract.target))
    saved = _saved(folder / "fit" / "model", place / "predicted.parquet", own.lock_hash, answer, contract.task)
    evaluation = fitting.evaluate(saved, held_out, contract)
    if fitted.get("evaluates"):
        # Behind what is judged, which the target can't change any more.
        told = apart.carried_out("evaluate", order, folder / "evaluate", held_out=asked)
        evaluation = replace(evaluation, own=fitting.own_metrics(told["own"]))
    return fitting.as_trained(saved, str(fitted["algorithm"]), evaluation, rows, (known, held_out), contract)


def _plain(part: "pd.DataFrame", contract: Contract) -> "pd.DataFrame":
    """Labels cross as text: Parquet keeps those of a category only that some row has."""
    texts = [name for name, one in contract.columns.items() if one.type is not Kind.NUMBER]
    return part.astype({column: object for column in texts if column in part})


def _inputs(rows: "pd.DataFrame", numeric: tuple[str, ...], nullable: frozenset[str]) -> str:
    from lab.training.tracking import input_schema

    return str(input_schema(list(rows.columns), numeric, nullable).to_json())


def _saved(model: Path, predicted: Path, lock_hash: str, answer: Mapping[str, Any], task: Task) -> Saved:
    """Raises RunFailed for what can't be read: the processes may have written anything."""
    import pandas as pd

    classes = tuple(map(str, answer.get("classes", ())))
    try:
        found = pd.read_parquet(predicted)
        guess = found["guess"].to_numpy()
        if not (model / "MLmodel").is_file():
            raise ValueError("no model was saved")
        if not classes or task is Task.REGRESSION:
            return Saved(model, lock_hash, guess)
        chances = found[[f"chance_{place}" for place in range(len(classes))]].to_numpy(dtype=float)
        return SavedClassifier(model, lock_hash, guess, classes, chances)
    except (OSError, ValueError, LookupError) as err:
        raise RunFailed(f"What the model's process left can't be used: {err}.", "Look at train.py.") from None


@dataclass(frozen=True)
class _Apart:
    """The environment of a model, made ready, and the time that all its processes have together."""

    model: Model
    python: Path
    say: Say
    deadline: process.Deadline

    @classmethod
    def of(cls, model: Model, own: OwnEnvironment, say: Say) -> "_Apart":
        python = prepared(own, environments_here(), ROOT, say)
        seconds = min(own.deadline_s, model.contract.resources.seconds or own.deadline_s)
        return cls(model, python, say, process.Deadline.after(seconds))

    def carried_out(
        self, work: str, order: Mapping[str, Any], folder: Path, **frames: "pd.DataFrame"
    ) -> dict[str, Any]:
        """The answer to an order, of a process that finds `frames` in `folder`."""
        _copy_code(self.model, folder / "code")
        for name, frame in frames.items():
            frame.to_parquet(folder / f"{name}.parquet", index=False)
        memory, container = memory_limit.for_another(most_mb=self.model.contract.resources.memory_mb)
        told = {**order, "work": work, "module": self.model.module, "memory": memory, "container_memory": container}
        return process.carried_out(self.python, read_bytes(_HERE).decode(), told, folder, self.say, self.deadline)


def _copy_code(model: Model, target: Path) -> None:
    """The model's own modules as they were when the run began, under the names that they have in the lab."""
    package = target / model.folder.parent.name / model.folder.name
    for source in sorted(model.folder.rglob("*.py")):
        copy = package / source.relative_to(model.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(read_bytes(source))
