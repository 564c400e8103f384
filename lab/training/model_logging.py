"""Which of MLflow's flavours keeps a fitted model, and how its code comes along."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.base.errors import RunFailed
from lab.models.environment import LOCK_KEY
from lab.training.fitting import Trained
from lab.training.own_environment import Saved

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.models.model import ModelInfo

# Given, because MLflow would otherwise load the model in a new process to find out, which takes ten seconds.
_REQUIREMENTS = ("mlflow", "scikit-learn", "skops", "pandas", "numpy")
# By the package that a model's class comes from: the flavour that logs it, by the name of the argument for it.
_FLAVOURS: Mapping[str, str] = {"xgboost": "xgb_model", "lightgbm": "lgb_model", "catboost": "cb_model"}
_TORCH = ("torch", "pytorch", "pytorch_model")
# Where types come from that a scikit-learn model is made of, whose loading runs no code of anybody else.
_HARMLESS = ("sklearn.", "numpy.", "scipy.")


def log_model(trained: Trained, signature: "ModelSignature") -> "ModelInfo":
    """Logs the model into the active run. Raises RunFailed for what no flavour takes, and MlflowException."""
    model = trained.model
    common: dict[str, Any] = {"name": "model", "signature": signature, "input_example": trained.example}
    try:
        with by_value(trained.module):
            return _logger(model)(model, common)
    except (TypeError, AttributeError, ImportError) as err:
        what = f"{type(model).__module__}.{type(model).__name__}"
        raise RunFailed(f"MLflow can't log a {what}: {err}.", "Let fit return a model of a flavour of MLflow.") from err


def log_saved(saved: Saved) -> "ModelInfo":
    """Logs a model as its own environment's MLflow saved it, without loading it. Raises RunFailed, MlflowException."""
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    class AsSaved:
        """What MLflow takes for a flavour: it is told where the files are to be, and which ids they get."""

        @staticmethod
        def save_model(path: str, mlflow_model: Model) -> None:
            shutil.copytree(saved.folder, path, dirs_exist_ok=True)
            made = Model.load(path)
            for name in ("artifact_path", "run_id", "model_id", "model_uuid"):
                setattr(made, name, getattr(mlflow_model, name))
            made.metadata = {LOCK_KEY: saved.lock_hash}
            made.save(str(Path(path) / "MLmodel"))
            mlflow_model.flavors, mlflow_model.signature = made.flavors, made.signature

    try:
        Model.load(str(saved.folder))
    except (MlflowException, OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as err:
        said = " ".join(str(err).split())[:300]
        raise RunFailed(f"The model's environment saved what MLflow can't read: {said}.", "Look at train.py.") from None
    info: ModelInfo = Model.log(artifact_path=None, flavor=AsSaved, name="model")
    return info


def _logger(model: Any) -> "Callable[[Any, dict[str, Any]], ModelInfo]":
    from mlflow.pyfunc.model import PythonModel

    if isinstance(model, PythonModel):
        return _as_function
    package = type(model).__module__.partition(".")[0]
    if package in _FLAVOURS:
        return lambda one, common: _by_flavour(package, package, _FLAVOURS[package], one, common)
    if any((one.__module__, one.__name__) == ("torch.nn.modules.module", "Module") for one in type(model).__mro__):
        return lambda one, common: _by_flavour(*_TORCH, one, common)
    return _as_sklearn


def _by_flavour(package: str, flavour: str, argument: str, model: Any, common: dict[str, Any]) -> "ModelInfo":
    from importlib import import_module

    log = import_module(f"mlflow.{flavour}").log_model
    info: ModelInfo = log(**{argument: model}, **common, pip_requirements=requirements(package))
    return info


def _as_function(model: Any, common: dict[str, Any]) -> "ModelInfo":
    import mlflow.pyfunc

    needed = requirements("cloudpickle")
    info: ModelInfo = mlflow.pyfunc.log_model(python_model=model, **common, pip_requirements=needed)
    return info


def _as_sklearn(model: Any, common: dict[str, Any]) -> "ModelInfo":
    import mlflow.sklearn

    trusted = untrusted(model)
    if trusted is None:
        how: dict[str, Any] = {"serialization_format": "cloudpickle", "pip_requirements": requirements("cloudpickle")}
    else:
        # skops loads no arbitrary code, which a pickle does.
        how = {"serialization_format": "skops", "pip_requirements": requirements()}
        how |= {"skops_trusted_types": trusted} if trusted else {}
    info: ModelInfo = mlflow.sklearn.log_model(model, **common, **how)
    return info


def untrusted(model: Any) -> list[str] | None:
    """Types in the model that skops doesn't know and that are scikit-learn's; None when it holds other code."""
    import skops.io

    try:
        found: list[str] = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    except Exception:  # whatever an estimator of somebody's own raises, skops isn't for it
        return None
    return found if all(name.startswith(_HARMLESS) for name in found) else None


def requirements(*more: str) -> list[str]:
    """The packages that load the model, in the versions that made it."""
    found = []
    for package in (*_REQUIREMENTS, *more):
        try:
            found.append(f"{package}=={version(package)}")
        except PackageNotFoundError:
            continue
    return found


@contextmanager
def by_value(module: str) -> Iterator[None]:
    """Functions and classes of the model's `train.py` are pickled with the model: who loads it has no such module."""
    import cloudpickle

    own = sys.modules.get(module)
    if own is None or not module.endswith(".train"):
        yield
        return
    cloudpickle.register_pickle_by_value(own)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(own)
