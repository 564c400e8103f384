"""A lab with several models: which there are, what is whose, which metric decides, and a view of one of them only."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from lab.base.drift_report import DriftReport
from lab.base.model_versions import ModelVersion
from lab.base.runs import JOB, REGISTRATION_REQUEST, STEPS, Run
from lab.governance.ledger import Entry
from lab.observe.snapshot import Snapshot
from lab.views.same import Same
from lab.views.view import View, known_models

# Where no contract says what decides, as in what was recorded before it could: each task's first metric.
_USUAL = ("auc", "macro_f1", "rmse")
_LABELS = {"auc": "AUC", "ks": "KS", "rmse": "RMSE", "mae": "MAE", "mape": "MAPE", "r2": "R²", "macro_f1": "F1"}


def default_model(snapshot: Snapshot) -> str:
    """The model that is meant where none is named; empty where nothing tells."""
    infos = snapshot.lab.models
    if chosen := next((one.name for one in infos if one.default), ""):
        return chosen
    known = names(snapshot)
    return known[0] if len(known) == 1 else ""


def names(snapshot: Snapshot) -> tuple[str, ...]:
    """Every model that the lab has a folder, a version or a drift report of; the default one first, then by name."""
    default = next((one.name for one in snapshot.lab.models if one.default), "")
    return tuple(sorted(known_models(snapshot), key=lambda name: (name != default, name)))


def model_of_run(run: Run, snapshot: Snapshot) -> str:
    """What a run trains; runs that began before models had names trained the default one."""
    if run.model or run.job == JOB:
        return run.model or default_model(snapshot)
    # Imported with the first such run: before the first paint that would cost time.
    from lab.base.model_id import slug_of

    return slug_of(run.job)


def model_of_entry(entry: Entry, snapshot: Snapshot, of_run: dict[str, str]) -> str:
    """What an audit entry is about, empty for one about the lab; `of_run` are the models of runs."""
    # Imported when there is more than one model: before the first paint that would cost time.
    from lab.governance.rules.history import model_of

    known = model_of(entry) or of_run.get(entry.run_id, "")
    if known or not (entry.model_version or entry.action in {*STEPS, REGISTRATION_REQUEST}):
        return known
    return default_model(snapshot)


def models_of_runs(snapshot: Snapshot) -> dict[str, str]:
    """The models of the runs that are listed."""
    listed = snapshot.runs.value.runs if snapshot.runs.value else ()
    return {run.run_id: model_of_run(run, snapshot) for run in listed}


def model_of_row(part: str, key: str, snapshot: Snapshot) -> str:
    """The model that a panel's row is about; empty for none."""
    if part == "models":
        return key.rpartition("/")[0]
    if part == "runs":
        return models_of_runs(snapshot).get(key, "")
    if part == "audit":
        listed = snapshot.audit.value.entries if snapshot.audit.value else ()
        entry = next((one for one in listed if str(one.seq) == key), None)
        return model_of_entry(entry, snapshot, models_of_runs(snapshot)) if entry else ""
    if part == "drift" and not key.startswith("alert/"):
        return key.split("/", 2)[1]
    return ""


def foremost(view: View) -> DriftReport | None:
    """The report that stands for all: of a model whose data drifted, else of the default one."""
    reports = [report for report in view.snapshot.drift.value or () if report.features]
    default = default_model(view.snapshot)
    return min(reports, key=lambda one: (not one.detected, one.model != default, one.model), default=None)


def report_of(model: str, view: View) -> DriftReport | None:
    """One model's report."""
    return next((one for one in view.snapshot.drift.value or () if one.model == model), None)


def primary(model: str, view: View) -> str:
    """The metric that decides about a model's versions; empty where nothing tells."""
    said = next((one.primary for one in view.snapshot.lab.models if one.name == model), "")
    if said:
        return said
    known = {name for one in view.snapshot.models.value or () if one.name == model for name in one.metrics}
    return next((name for name in _USUAL if name in known), "") or next(
        (name for name in sorted(known) if name.lower().endswith("auc")), ""
    )


def label(metric: str) -> str:
    """A metric as a column's title."""
    return _LABELS.get(metric, "AUC" if metric.lower().endswith("auc") else metric.replace("_", " "))


def champions(versions: Sequence[ModelVersion]) -> dict[str, ModelVersion]:
    """The champion of each model that has one among the versions."""
    return {version.name: version for version in versions if "champion" in version.aliases}


def narrowed(view: View) -> View:
    """The view with what belongs to its model only; as it is where no model is chosen."""
    return replace(view, snapshot=_narrowed(Same(view.snapshot), view.model)) if view.model else view


# Asked at every second, of the newest snapshot of each lab.
@lru_cache(maxsize=16)
def _narrowed(of: Same[Snapshot], model: str) -> Snapshot:
    shot = of.value
    of_run = models_of_runs(shot)
    lab = replace(shot.lab, models=tuple(one for one in shot.lab.models if one.name == model))
    return replace(
        shot,
        lab=lab,
        runs=shot.runs.map(lambda v: replace(v, runs=tuple(r for r in v.runs if of_run[r.run_id] == model))),
        models=shot.models.map(lambda v: tuple(one for one in v if one.name == model)),
        drift=shot.drift.map(lambda v: tuple(one for one in v if one.model == model)),
        alerts=shot.alerts.map(lambda v: tuple(one for one in v if one.labels.get("model", model) == model)),
        audit=shot.audit.map(
            lambda v: replace(
                v,
                entries=_about(v.entries, model, shot, of_run),
                unfinished=_about(v.unfinished, model, shot, of_run),
            )
        ),
    )


def _about(entries: Iterable[Entry], model: str, shot: Snapshot, of_run: dict[str, str]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if model_of_entry(entry, shot, of_run) == model)
