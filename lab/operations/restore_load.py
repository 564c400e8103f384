"""Puts what a backup holds into a lab: databases, files, objects, and the audit trail entry by entry."""

import io
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from lab.base.account import belong_to_folder
from lab.base.errors import LabError, LedgerError
from lab.base.progress import Progress, Report
from lab.config import LabConfig
from lab.governance.ledger import key_of, seq_of
from lab.governance.ledger.published_heads import FILE
from lab.governance.ledger.verify_export import exported_lines
from lab.operations import own_lab
from lab.operations.backup_file import BackupFile
from lab.operations.backup_manifest import ARTIFACTS, DATA, DATABASE, GOVERNANCE, TRAIL, WITNESS, Counts, Manifest
from lab.operations.restore_guard import RestoreMark, provision
from lab.runtime.runtime import Runtime
from lab.runtime.stored_format import installed
from lab.services.migrations import DAGSTER_YAML, migrate
from lab.services.postgres import Database
from lab.services.s3 import PIPELINE, S3, AuditStore, Content

_TIMEOUT_S = 60.0
_REPORT_EVERY = 1000


class Loader:
    """Puts a backup's members where they belong, as soon as the service that takes them answers."""

    def __init__(
        self,
        config: LabConfig,
        runtime: Runtime,
        known: Mapping[str, Database],
        file: Path,
        manifest: Manifest,
        report: Report,
    ) -> None:
        self._config, self._runtime, self._known, self._file = config, runtime, known, BackupFile(file)
        self._manifest, self._report, self._mark = manifest, report, RestoreMark(config)
        self.stop, self._beginning = threading.Event(), threading.Lock()

    def load_databases(self, deadline_s: float) -> list[str]:
        self._begin(deadline_s)
        for name, _, body in self._members(DATABASE):
            database = name.removeprefix(DATABASE).removesuffix(".dump")
            if database not in self._known:
                raise LabError(
                    f"The backup holds a database {database!r}, which this lab doesn't have.",
                    f"Restore it with the code that made it, {self._manifest.code_version}.",
                )
            with tempfile.TemporaryFile(dir=self._config.home) as dump:
                shutil.copyfileobj(body, dump)
                dump.seek(0)
                self._known[database].restore(dump)
        expected = self._manifest.counts
        runs = self._known["dagster"].number("SELECT count(*) FROM runs")
        versions = self._known["mlflow"].number("SELECT count(*) FROM model_versions")
        if (runs, versions) != (expected.runs, expected.versions):
            raise LabError(
                f"Restored are {Counts(runs, versions)}; the backup's manifest says {expected}.",
                "Make the backup again, or take another one.",
            )
        return [f"restored {runs} runs and {versions} model versions", *self._migrate()]

    def _migrate(self) -> Iterator[str]:
        """A backup of earlier versions of Dagster or MLflow has their tables."""
        for name, database in self._known.items():
            if self._manifest.versions.get(name) != installed(name):
                migrate(database, self._config.root / DAGSTER_YAML)
                yield f"migrated database {name}"

    def load_store(self, deadline_s: float) -> list[str]:
        self._begin(deadline_s)
        for name, _, body in self._members(GOVERNANCE, WITNESS):
            _write(self._config, name, body)
        objects = self._load_objects()
        entries = 0
        for _, _, body in self._members(TRAIL):
            entries = self._load_trail(io.BufferedReader(body))  # type: ignore[type-var]  # it is read only
        own_lab.settle(self._config)
        return [f"restored {objects} objects and {entries} audit entries"]

    def _load_objects(self) -> int:
        s3, number = S3.of_lab(self._config, PIPELINE, _TIMEOUT_S), 0
        known = {member.name: member for member in self._manifest.members}
        buckets = {DATA: self._config.data_bucket, ARTIFACTS: self._config.artifact_bucket}
        for name, size, body in self._members(DATA, ARTIFACTS):
            if name == DATA + own_lab.KEY:
                continue  # of the store that it was in
            folder = DATA if name.startswith(DATA) else ARTIFACTS
            content = Content(body, size, known[name].content_type, known[name].metadata)
            s3.put_stream(buckets[folder], name.removeprefix(folder), content)
            number += 1
            self._tell("objects", number)
        return number

    def _load_trail(self, body: IO[bytes]) -> int:
        """Writes every entry, byte for byte and in order, under a number that must be free."""
        store = AuditStore(
            S3.of_lab(self._config, PIPELINE, _TIMEOUT_S), self._config.audit_bucket, self._config.audit_prefix
        )
        number = 0
        for key, text in exported_lines(body, TRAIL):
            number = seq_of(key) or 0
            mine = key_of(self._config.audit_prefix, number)
            if not store.create(mine, text) and store.read(mine) != text:
                raise LedgerError(
                    f"The store has another audit entry {number} already, and an entry is never replaced.",
                    "Type `invoke nuke`, then restore again.",
                )
            self._tell("audit entries", number)
        return number

    def _begin(self, deadline_s: float) -> None:
        """Both loads need databases and buckets, and the mark; the first of them makes them."""
        with self._beginning:
            self._mark.set(self._file.path)
            provision(self._config, self._runtime, deadline_s)

    def _members(self, *folders: str) -> Iterator[tuple[str, int, IO[bytes]]]:
        for member in self._file.members(folders):
            if self.stop.is_set():
                raise LabError("The restore was interrupted.", f"Type `invoke restore {self._file.path}` again.")
            yield member

    def _tell(self, what: str, number: int) -> None:
        if number % _REPORT_EVERY == 0:
            self._report(Progress("backup", "restoring", f"{number} {what}"))


def _write(config: LabConfig, name: str, body: IO[bytes]) -> None:
    """A file of governance or witness, for its owner only."""
    path = config.witness / FILE if name == WITNESS else config.governance / name.removeprefix(GOVERNANCE)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(body, file)
    belong_to_folder(path)
