"""What an upgrade does to a running lab: the steps of `lab.operations.upgrade`, on either runtime."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lab.base import interruption
from lab.base.catalogue import Service
from lab.base.errors import LabError, LedgerError
from lab.base.progress import Progress, Report
from lab.config import LabConfig
from lab.governance.cases import audit
from lab.governance.cases.reconcile import Reconciler
from lab.governance.cases.trail import entry_by_actor, ledger
from lab.governance.ledger import Status
from lab.governance.rules.registry_findings import Finding
from lab.operations import bring_up, lifecycle, own_lab, restore
from lab.operations.backup import Backup, back_up, counts, databases
from lab.operations.backup_file import BackupFile
from lab.operations.backup_manifest import DATABASE, Counts, Manifest
from lab.operations.restore_guard import provision
from lab.operations.starter import Provision
from lab.operations.upgrade import ACTION, Verified
from lab.operations.upgrade_mark import leftovers
from lab.runtime import stored_format
from lab.runtime.runtime import Runtime
from lab.runtime.stored_format import StoredFormat
from lab.services.migrations import DAGSTER_YAML, migrate
from lab.services.s3 import PIPELINE, S3, AuditStore

_SERVERS = (Service.POSTGRES, Service.OBJECT_STORE)
_SERVERS_S = 120.0
_TIMEOUT_S = 60.0
_SHOWN = 3


class LabSteps:
    """`lab.operations.upgrade.Steps` on a lab; `tools` is the folder of pg_dump and pg_restore."""

    def __init__(self, config: LabConfig, runtime: Runtime, tools: Path, target: Path, report: Report) -> None:
        self._config, self._runtime, self._tools = config, runtime, tools
        self._target, self._report = target, report
        self._known = databases(config, tools)
        self._findings: frozenset[str] | None = None

    def before(self) -> StoredFormat | None:
        return stored_format.recorded(self._config)

    def back_up(self) -> Backup:
        for path in leftovers(self._target):
            shutil.rmtree(path, ignore_errors=True)
        self._serve()
        own_lab.require(self._config, lambda: self._runtime)
        _refuse_other_server(self._known["dagster"].server_version(), self._tools)
        self._findings = self._registry()
        made = back_up(self._config, self._runtime.name, self._tools, self._target, self._report)
        if made.faults:
            raise LedgerError(
                f"The audit trail isn't intact: {made.faults[0]}. {made.file} is kept as evidence.",
                "Type `mlops-lab audit verify`.",
            )
        # What can't be read again is no way back.
        restore.examine(self._config, self._target, self._report)
        return made

    def record(self, status: Status, details: Mapping[str, object]) -> None:
        store = AuditStore(
            S3.of_lab(self._config, PIPELINE, _TIMEOUT_S), self._config.audit_bucket, self._config.audit_prefix
        )
        ledger(self._config, store).append(entry_by_actor(self._config, ACTION, status, details))

    def change(self) -> Sequence[str]:
        self._runtime.down(self._note)
        # Apart from the start of the others, whose deadline a migration may well exceed.
        self._serve()
        migrated = self._migrate()
        others = [one for one in self._runtime.services() if one is not Service.DAGSTER_DAEMON]
        self._up(lifecycle.provision(self._config, self._runtime), others)
        return migrated

    def verify(self, made: Backup) -> Verified:
        self._report(Progress("audit trail", "in_progress"))
        began, known = time.monotonic(), [made.head] if made.head.seq else []
        found = interruption.run(audit.verify(self._config, known=known))
        if found.verification.faults:
            first = found.verification.faults[0]
            raise LedgerError(f"The audit trail isn't intact: entry {first.seq}: {first.problem}.")
        entries = found.verification.checked
        self._report(Progress("audit trail", "success", f"{entries} entries", time.monotonic() - began))
        self._compare(made.counts)
        return Verified(entries, made.counts.versions, found.notes)

    def open(self) -> StoredFormat:
        self._up(lifecycle.provision(self._config, self._runtime), None)
        stored_format.write(self._config)
        return stored_format.recorded(self._config) or stored_format.current()

    def put_back(self, backup: Path, reason: str) -> None:
        if since := self.made_since(backup):
            raise LabError(f"It would lose {since}.")
        self._runtime.down(self._note)
        self._serve()
        for name, _, body in BackupFile(backup).members((DATABASE,)):
            database = self._known[name.removeprefix(DATABASE).removesuffix(".dump")]
            with tempfile.TemporaryFile(dir=self._config.home) as dump:
                shutil.copyfileobj(body, dump)
                dump.seek(0)
                database.replace(dump)
            self._report(Progress(f"database {database.name}", "restoring", "as it was"))
        self.record(Status.FAILURE, {"reason": reason, "put_back": True})
        self._runtime.down(self._note)

    def made_since(self, backup: Path) -> str:
        had = _manifest(self._config, backup, self._report).counts
        self._serve()
        now = counts(self._config, self._known)
        kinds = {"runs": now.runs - had.runs, "model versions": now.versions - had.versions}
        return " and ".join(f"{number} {kind}" for kind, number in kinds.items() if number > 0)

    def _compare(self, had: Counts) -> None:
        """Raises LabError unless the databases hold as much as the backup, and the registry says nothing new."""
        now = counts(self._config, self._known)
        if (now.runs, now.versions) != (had.runs, had.versions):
            raise LabError(f"The databases hold {now}, not {had} as before.")
        self._report(Progress("registry", "in_progress"))
        found = self._registry()
        if found is None:
            raise LabError("MLflow's registry can't be compared with the audit trail.")
        if self._findings is not None and (new := sorted(found - self._findings)):
            raise LabError(f"The registry differs from the audit trail: {'; '.join(new[:_SHOWN])}.")
        self._report(Progress("registry", "success", f"{now.versions} versions"))

    def _registry(self) -> frozenset[str] | None:
        """What differs between registry and trail, in words; None where MLflow can't be asked."""
        with suppress(LabError):
            found: Sequence[Finding] = interruption.run(_differences(self._config))
            return frozenset(map(str, found))
        return None

    def _migrate(self) -> list[str]:
        """Those that other versions made, or nobody knows which; returns their names."""
        had, done = self.before(), []
        for name, database in self._known.items():
            if had and had.versions.get(name) == stored_format.installed(name):
                continue
            self._report(Progress(f"database {name}", "in_progress", "migration"))
            began = time.monotonic()
            if migrate(database, self._config.root / DAGSTER_YAML):
                done.append(name)
            self._report(Progress(f"database {name}", "success", "migration", time.monotonic() - began))
        return done

    def _up(self, steps: Provision, only: Sequence[Service] | None) -> None:
        deadline_s = lifecycle.start_deadline_s(self._runtime)
        interruption.run(bring_up.up(self._config, self._runtime, steps, self._report, deadline_s, only))

    def _serve(self) -> None:
        """Starts PostgreSQL and the store where they don't run; what runs is left alone."""
        facts = self._runtime.facts()
        if all(facts[one].state == "running" for one in _SERVERS):
            return
        # Healthy by their deep probes: a store that has just started refuses what is written.
        self._up({}, _SERVERS)
        provision(self._config, self._runtime, _SERVERS_S)

    def _note(self, text: str) -> None:
        self._report(Progress("lab", "preparing", text))


async def _differences(config: LabConfig) -> Sequence[Finding]:
    reconciler = Reconciler.of_lab(config)
    try:
        return (await reconciler.look()).findings
    finally:
        await reconciler.aclose()


def _manifest(config: LabConfig, backup: Path, report: Report) -> Manifest:
    """Of a backup that is whole. Raises LabError."""
    if not backup.exists():
        raise LabError(f"The backup {backup} is gone.", "Bring it back to that place.")
    return restore.examine(config, backup, report)


def _refuse_other_server(server: str, tools: Path) -> None:
    """Raises LabError where the code brings another PostgreSQL, which can't read the server's files."""
    said = subprocess.run(
        [str(tools / "pg_dump"), "--version"], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    ).stdout
    brought = next((word for word in said.split() if word[:1].isdigit()), "")
    if brought and brought.split(".")[0] != server.split(".")[0]:
        raise LabError(
            f"The lab's files are PostgreSQL {server}'s, and this code brings {brought}, which can't read them.",
            "With the code that the lab had: `invoke backup`, `invoke nuke`. With this one: `invoke restore FILE`.",
        )
