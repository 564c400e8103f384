"""From one thing to another that belongs to it: run, version, data and audit entry, each by what names it."""

from collections.abc import Iterable

from lab.base.runs import REGISTER
from lab.governance.ledger import Entry
from lab.views.by_model import default_model, model_of_entry, models_of_runs
from lab.views.details.data_views import data_hashes
from lab.views.models_panel import version_key
from lab.views.view import View


def version_of_run(run_id: str, entries: Iterable[Entry], view: View) -> str:
    """The version that a run registered, as a row of the models; empty where nothing that is known names it.

    `entries` are the run's, as far as they are known.
    """
    listed = view.snapshot.models.value or ()
    for version in listed:
        if version.tags.get("dagster_run_id") == run_id:
            return version_key(version)
    registered = [entry for entry in entries if entry.model_version and entry.run_id == run_id]
    for entry in sorted(registered, key=lambda one: one.action != REGISTER):
        if key := _named(entry, view):
            return key
    return ""


def version_of_entry(entry: Entry, view: View) -> str:
    """The version that an entry is about, or that the run which wrote it registered."""
    return _named(entry, view) or (version_of_run(entry.run_id, _known(view), view) if entry.run_id else "")


def _named(entry: Entry, view: View) -> str:
    if not entry.model_version:
        return ""
    model = model_of_entry(entry, view.snapshot, models_of_runs(view.snapshot)) or default_model(view.snapshot)
    # Where a number was given twice, the run tells which one is meant; the row is the number's.
    number = entry.model_version.partition("@")[0]
    return f"{model}/{number}" if model else ""


def data_of_entry(entry: Entry, view: View) -> str:
    """The data that an entry names, or that its version was trained on."""
    if found := data_hashes(entry):
        return found[0]
    key = version_of_entry(entry, view)
    version = next((one for one in view.snapshot.models.value or () if version_key(one) == key), None)
    if version and version.tags.get("data_hash"):
        return version.tags["data_hash"]
    return data_of_run(entry.run_id, _known(view), view) if entry.run_id else ""


def data_of_run(run_id: str, entries: Iterable[Entry], view: View) -> str:
    """The data that a run trained on; empty where nothing that is known names it."""
    found = [one for entry in entries if entry.run_id == run_id for one in data_hashes(entry)]
    tagged = (v.tags for v in view.snapshot.models.value or ())
    return next(iter(found), "") or next(
        (tags["data_hash"] for tags in tagged if tags.get("dagster_run_id") == run_id and tags.get("data_hash")), ""
    )


def _known(view: View) -> tuple[Entry, ...]:
    return view.snapshot.audit.value.entries if view.snapshot.audit.value else ()
