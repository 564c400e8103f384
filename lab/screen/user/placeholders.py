"""What stands in braces in a command of the user's: which names each panel's rows have, and what they are of a row.

Values come from outside and may hold anything. Each becomes a part of one argument, as it is; no shell ever sees it.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from lab.base.errors import LabError
from lab.base.names import shown
from lab.views import View
from lab.views.by_model import model_of_entry, model_of_run, models_of_runs
from lab.views.drift_panel import alert_key, feature_of_row, model_of_row

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
TAG = "tag:"
ANYWHERE = ("lab", "environment", "role", "owner_here")
NAMES: Mapping[str, tuple[str, ...]] = {
    "": (),
    "services": ("service", "title", "url", "health", "pid"),
    "runs": ("run_id", "model", "job", "status", "owner", "role_of_run", "trigger"),
    "models": ("model", "version", "run_id", "owner", "approval", "data_hash", "tag:NAME"),
    "audit": ("seq", "action", "status", "run_id", "model", "version", "owner", "hash"),
    "drift": ("model", "feature", "alert", "runbook"),
}
Values = Mapping[str, str]


def check(word: str, panel: str, program: bool) -> tuple[str, str] | None:
    """What is wrong with the placeholders of one word, and the remedy; None when nothing is."""
    allowed = (*NAMES[panel], *ANYWHERE)
    for found in _PLACEHOLDER.finditer(word):
        text, name = found.group(), found.group(1)
        if text in {"{", "}"}:
            return f"{shown(word)} has a brace of its own", "Write {{ and }} for braces that are meant as they are."
        if name is None:
            continue
        if program:
            return f"the program {shown(word)} depends on a row", "Name the program itself; arguments may have braces."
        if name not in allowed and not (panel == "models" and name.startswith(TAG) and len(name) > len(TAG)):
            rows = f"rows of {panel}" if panel else "the whole lab"
            return f"{{{name}}} is unknown of {rows}", f"Known are: {', '.join(f'{{{one}}}' for one in allowed)}."
    return None


def filled(argv: Sequence[str], values: Values) -> list[str]:
    """The command line. Raises LabError for a value that no argument can hold, or that a program would take for an
    option.
    """
    return [_filled(word, values, options_end="--" in argv[:number]) for number, word in enumerate(argv)]


def _filled(word: str, values: Values, options_end: bool) -> str:
    def value(found: re.Match[str]) -> str:
        if found.group(1) is None:
            return found.group()[0]
        return values.get(found.group(1), "")

    done = _PLACEHOLDER.sub(value, word)
    if "\0" in done:
        raise LabError(f"{shown(word)} would hold a zero byte, which no argument can.", "Look at the row's own value.")
    if done.startswith("-") and not word.startswith("-") and not options_end:
        raise LabError(
            f"{shown(word)} would begin with a dash, and a program would take it for an option.",
            'Put "--" before it in argv, if the program knows that, or name the option: "--owner={owner}".',
        )
    return done


def values(panel: str, key: str, view: View) -> Values | None:
    """What the placeholders are of row `key`; None where the row isn't there, or isn't of the kind that has any."""
    info = view.snapshot.lab
    common = {"lab": info.name, "environment": info.environment, "role": info.role, "owner_here": info.owner}
    if not panel:
        return common
    found = _ROWS[panel](key, view)
    return None if found is None else {**common, **found}


def _service(key: str, view: View) -> Values | None:
    one = next((one for one in view.snapshot.services.value or () if one.name == key), None)
    if one is None:
        return None
    pid = "" if one.pid is None else str(one.pid)
    return {"service": one.name, "title": one.title, "url": one.url, "health": str(one.health), "pid": pid}


def _run(key: str, view: View) -> Values | None:
    listed = view.snapshot.runs.value.runs if view.snapshot.runs.value else ()
    one = next((run for run in listed if run.run_id == key), None)
    if one is None:
        return None
    return {
        "run_id": one.run_id,
        "model": model_of_run(one, view.snapshot),
        "job": one.job,
        "status": str(one.status),
        "owner": one.owner,
        "role_of_run": one.role,
        "trigger": one.trigger,
    }


def _version(key: str, view: View) -> Values | None:
    name, _, number = key.rpartition("/")
    listed = view.snapshot.models.value or ()
    one = next((one for one in listed if (one.name, one.version) == (name, number)), None)
    if one is None:
        return None
    tags = {f"{TAG}{tag}": text for tag, text in one.tags.items()}
    return {
        **tags,
        "model": one.name,
        "version": one.version,
        "run_id": one.run_id,
        "owner": one.tags.get("owner", ""),
        "approval": one.tags.get("approval_state", ""),
        "data_hash": one.tags.get("data_hash", ""),
    }


def _entry(key: str, view: View) -> Values | None:
    audit = view.snapshot.audit.value
    one = next((entry for entry in audit.entries if str(entry.seq) == key), None) if audit else None
    if one is None:
        return None
    return {
        "seq": str(one.seq),
        "action": one.action,
        "status": str(one.status),
        "run_id": one.run_id,
        "model": model_of_entry(one, view.snapshot, models_of_runs(view.snapshot)),
        "version": one.model_version,
        "owner": one.owner,
        "hash": one.hash,
    }


def _drift(key: str, view: View) -> Values | None:
    alert = next((one for one in view.snapshot.alerts.value or () if alert_key(one) == key), None)
    if alert:
        model = alert.labels.get("model", "")
        return {"model": model, "feature": "", "alert": alert.name, "runbook": alert.runbook}
    if not key.startswith(("feature/", "model/")):
        return None
    return {"model": model_of_row(key), "feature": feature_of_row(key), "alert": "", "runbook": ""}


_ROWS: Mapping[str, Callable[[str, View], Values | None]] = {
    "services": _service,
    "runs": _run,
    "models": _version,
    "audit": _entry,
    "drift": _drift,
}
