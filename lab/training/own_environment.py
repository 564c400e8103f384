"""A model with packages of its own, trained in a process of its environment; here is the run's side of it.

The lab splits and judges, as for every model; the process fits and saves the model. Only then is it given the held-out
rows to predict, and their target, for metrics of the model's own, only when its predictions have been taken.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
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
from lab.training.schema import input_schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Say = Callable[[str], object]
# Before a class's label, in the name of the column that has its chance.
_CHANCE = "chance of "
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
        _carried_out(model, own, {"work": "load"}, Path(scratch), say)
        return parquet.read_table(Path(scratch) / "loaded.parquet")


def _trained_apart(model: Model, own: OwnEnvironment, frame: "pd.DataFrame", folder: Path, say: Say) -> Trained:
    contract = model.contract
    known, held_out = fitting.split(frame, contract)
    rows = fitting.example(known, contract)
    given = [name for name in contract.columns if name in {*contract.features, contract.target}]
    _plain(known[given], contract).to_parquet(folder / "known.parquet", index=False)
    asked = _HeldOut(_plain(held_out[given], contract), contract.target, folder)
    rows.to_parquet(folder / "example.parquet", index=False)
    nullable = fitting.nullable(contract)
    order = {
        "work": "fit",
        "target": contract.target,
        "task": str(contract.task),
        "parameters": dict(contract.parameters),
        "seed": contract.seed,
        "categories": {
            name: list(contract.columns[name].values) for name in given if contract.columns[name].type is Kind.CATEGORY
        },
        "inputs": _inputs(rows, contract.numeric, nullable),
        "packages": list(own.packages),
    }
    answer = _carried_out(model, own, order, folder, say, asked.give)
    saved = _saved(folder / "model", own.lock_hash, asked, contract.task)
    evaluation = fitting.evaluate(saved, held_out, contract)
    evaluation = replace(evaluation, own=fitting.own_metrics(answer["own"]))
    return fitting.as_trained(saved, str(answer["algorithm"]), evaluation, rows, (known, held_out), contract)


@dataclass
class _HeldOut:
    """Rows that the process is asked about, handed over bit by bit."""

    rows: "pd.DataFrame"
    target: str
    folder: Path
    _taken: bytes = b""

    def give(self, what: str) -> None:
        """Raises RunFailed for a target that is asked for before the predictions are there."""
        if what == "rows":
            self.rows.drop(columns=self.target).to_parquet(self.folder / "held_out.parquet", index=False)
        elif what == "target":
            self.predicted()
            self.rows[[self.target]].to_parquet(self.folder / "target.parquet", index=False)

    def predicted(self) -> "pd.DataFrame":
        """What the process said of the rows, as it was when this was called first. Raises RunFailed."""
        import pandas as pd

        try:
            self._taken = self._taken or (self.folder / "predicted.parquet").read_bytes()
            return pd.read_parquet(BytesIO(self._taken))
        except (OSError, ValueError) as err:
            raise _unusable(err) from None


def _plain(part: "pd.DataFrame", contract: Contract) -> "pd.DataFrame":
    """Labels cross as text: Parquet keeps those of a category only that some row has."""
    texts = [name for name, one in contract.columns.items() if one.type is not Kind.NUMBER]
    return part.astype({column: object for column in texts if column in part})


def _unusable(err: Exception) -> RunFailed:
    return RunFailed(f"What the model's process left can't be used: {err}.", "Look at train.py.")


def _inputs(rows: "pd.DataFrame", numeric: tuple[str, ...], nullable: frozenset[str]) -> str:
    return str(input_schema(list(rows.columns), numeric, nullable).to_json())


def _saved(model: Path, lock_hash: str, asked: _HeldOut, task: Task) -> Saved:
    """Raises RunFailed for what can't be read: the process may have written anything."""
    found = asked.predicted()
    classes = tuple(name.removeprefix(_CHANCE) for name in found.columns if name.startswith(_CHANCE))
    try:
        guess = found["guess"].to_numpy()
        if not (model / "MLmodel").is_file():
            raise ValueError("no model was saved")
        if not classes or task is Task.REGRESSION:
            return Saved(model, lock_hash, guess)
        chances = found[[f"{_CHANCE}{label}" for label in classes]].to_numpy(dtype=float)
        return SavedClassifier(model, lock_hash, guess, classes, chances)
    except (OSError, ValueError, LookupError) as err:
        raise _unusable(err) from None


def _carried_out(
    model: Model,
    own: OwnEnvironment,
    order: Mapping[str, Any],
    folder: Path,
    say: Say,
    give: Say = lambda _: None,
) -> dict[str, Any]:
    python = prepared(own, environments_here(), ROOT, say)
    _copy_code(model, folder / "code")
    allowed = model.contract.resources
    memory, container = memory_limit.for_another(most_mb=allowed.memory_mb)
    deadline = min(own.deadline_s, allowed.seconds or own.deadline_s)
    told = {**order, "module": model.module, "memory": memory, "container_memory": container}
    return process.carried_out(python, read_bytes(_HERE).decode(), told, folder, say, deadline, give)


def _copy_code(model: Model, target: Path) -> None:
    """The model's own modules as they were when the run began, under the names that they have in the lab."""
    package = target / model.folder.parent.name / model.folder.name
    for source in sorted(model.folder.rglob("*.py")):
        copy = package / source.relative_to(model.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(read_bytes(source))
