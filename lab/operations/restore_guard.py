"""Whether a lab may be restored into: it holds nothing yet, or only what `invoke up` itself puts there."""

import json
from collections.abc import Mapping
from pathlib import Path

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.base.progress import Progress, Report
from lab.config import LabConfig
from lab.governance.ledger import PAGE, Entry, Status, key_of, parse
from lab.governance.rules.policy import Action
from lab.runtime.layout import write_private
from lab.runtime.runtime import Runtime
from lab.services.postgres import Database
from lab.services.provision import provision_postgres, provision_store
from lab.services.s3 import READER, S3, AuditStore

_TIMEOUT_S = 15.0
_PROVISION_S = 120.0
_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
# What `up` leaves in the trail of a new lab: that a baseline was asked for and set.
_SEEDED = [Status.REQUESTED, Status.SUCCESS]


class RestoreMark:
    """Says in the lab's home that a restore has begun and not ended, of which file."""

    def __init__(self, config: LabConfig) -> None:
        self._path = config.home / "restoring.json"

    def set(self, file: Path) -> None:
        write_private(self._path, json.dumps({"file": str(file)}))

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)

    def there(self) -> bool:
        return self._path.exists()


def refuse_half_restored(config: LabConfig) -> None:
    """Raises LabError where a restore was interrupted: parts of a lab must not pass for one."""
    if RestoreMark(config).there():
        raise LabError(
            "A restore of this lab was interrupted; only parts of its data are here.",
            "Type `invoke restore FILE` again, or `invoke nuke`.",
        )


def make_room(config: LabConfig, runtime: Runtime, known: Mapping[str, Database], report: Report) -> str:
    """Makes sure that nothing is in a restore's way; returns what was removed for that, in words, or nothing.

    Raises LabError for a lab that somebody has used.
    """
    if RestoreMark(config).there():
        return _wipe(runtime, "what an interrupted restore had left", report)
    used, touched = _look(config, runtime, known, report)
    if used:
        raise LabError(
            f"This lab is in use: {', '.join(used)}. Nothing may replace its audit trail, and nothing was changed.",
            "Give a new lab: LAB_NAME, LAB_HOME, LAB_ENV_FILE and PORT_OFFSET, or type `invoke nuke` first.",
        )
    return _wipe(runtime, "the empty lab that `up` had made, with its audit entries", report) if touched else ""


def _wipe(runtime: Runtime, what: str, report: Report) -> str:
    report(Progress("lab", "preparing", f"removing {what}"))
    runtime.wipe(lambda text: report(Progress("lab", "preparing", text)))
    return what


def provision(config: LabConfig, runtime: Runtime, deadline_s: float) -> None:
    """Makes databases and buckets where there are none, and waits until both servers can be used. Raises LabError."""
    if runtime.provision(deadline_s) is None:
        provision_postgres(config, deadline_s)
        provision_store(config, deadline_s)


def _look(config: LabConfig, runtime: Runtime, known: Mapping[str, Database], report: Report) -> tuple[list[str], bool]:
    """As `_used`; where PostgreSQL or the store don't run, they do for the time of the look."""
    needed = (Service.POSTGRES, Service.OBJECT_STORE)
    facts = runtime.facts()
    if all(facts[service].state == "running" for service in needed):
        return _used(config, known)
    try:
        runtime.prepare(lambda text: report(Progress("lab", "preparing", text)))
        for service in needed:
            runtime.start(service)
        provision(config, runtime, _PROVISION_S)
        used, touched = _used(config, known)
    finally:
        runtime.release()
    if used and not any(fact.state == "running" for fact in facts.values()):
        runtime.down(lambda _: None)
    return used, touched


def _used(config: LabConfig, known: Mapping[str, Database]) -> tuple[list[str], bool]:
    """What somebody made in the lab, in words; and whether it holds anything at all."""
    s3 = S3.of_lab(config, READER, _TIMEOUT_S)
    entries = _first_entries(config, s3)
    found = {
        "runs": known["dagster"].number("SELECT count(*) FROM runs"),
        "MLflow runs": known["mlflow"].number("SELECT count(*) FROM runs"),
        "model versions": known["mlflow"].number("SELECT count(*) FROM model_versions"),
        "artifacts": len(s3.keys_after(config.artifact_bucket, "", "", PAGE)),
        "audit entries": 0 if _is_empty_start(entries) else len(entries),
    }
    tables = sum(database.number(_TABLES) for database in known.values())
    data = s3.keys_after(config.data_bucket, "", "", 1)
    return [f"{number} {name}" for name, number in found.items() if number], bool(tables or data or entries)


def _first_entries(config: LabConfig, s3: S3) -> list[Entry | None]:
    """Up to a page of the trail; None for what can't be read."""
    store = AuditStore(s3, config.audit_bucket, config.audit_prefix)
    found: list[Entry | None] = []
    for key in store.keys_after(key_of(config.audit_prefix, 0), PAGE):
        try:
            found.append(parse(store.read(key)))
        except LabError:
            found.append(None)
    return found


def _is_empty_start(entries: list[Entry | None]) -> bool:
    """Whether the trail says no more than that a baseline of each model was set once, without anybody's signature."""
    unsigned = [one for one in entries if one and one.action == Action.BASELINE and "signature" not in one.details]
    of_model: dict[str, list[Status]] = {}
    for one in unsigned:
        of_model.setdefault(str(one.details.get("model", "")), []).append(one.status)
    once = all(statuses == _SEEDED[: len(statuses)] for statuses in of_model.values())
    return len(unsigned) == len(entries) and once
