"""`invoke backup`: everything that a lab knows in one file, as of a time in which nothing was at work."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lab.base import last_backup
from lab.base.catalogue import LOOPBACK, Service
from lab.base.errors import LabError
from lab.base.progress import Progress, Report
from lab.base.runs import RunStatus
from lab.base.source_code import code_version
from lab.config import LabConfig
from lab.governance.cases import audit
from lab.governance.cases.trail import published_heads
from lab.governance.ledger import Head, find_head, verify
from lab.governance.ledger.entry import utc_text
from lab.governance.ledger.published_heads import FILE
from lab.governance.ledger.verify_export import exported
from lab.operations import own_lab
from lab.operations.backup_file import Writer
from lab.operations.backup_manifest import (
    ARTIFACTS,
    DATA,
    DATABASE,
    GOVERNANCE,
    SUFFIX,
    TRAIL,
    WITNESS,
    Counts,
    Manifest,
)
from lab.runtime import stored_format
from lab.services.postgres import Database
from lab.services.s3 import READER, S3, AuditStore

_TIMEOUT_S = 60.0
_ENDED = ", ".join(f"'{status}'" for status in RunStatus if status.finished)


@dataclass(frozen=True)
class Backup:
    """What was written, and of what; `faults` are those of the audit trail."""

    file: str
    sha256: str
    bytes: int
    lab: str
    runtime: str
    made_at: str
    counts: Counts
    objects: int
    head: Head
    faults: tuple[str, ...]
    seconds: float


def databases(config: LabConfig, tools: Path) -> Mapping[str, Database]:
    """The lab's databases by name; `tools` is the folder of pg_dump and pg_restore."""
    passwords = {"dagster": config.secrets.dagster_db, "mlflow": config.secrets.mlflow_db}
    port = config.port(Service.POSTGRES)
    return {name: Database(LOOPBACK, port, name, password, tools) for name, password in passwords.items()}


def counts(config: LabConfig, known: Mapping[str, Database]) -> Counts:
    """How much is in the lab now. Raises LabError."""
    store = AuditStore(S3.of_lab(config, READER, _TIMEOUT_S), config.audit_bucket, config.audit_prefix)
    return Counts(
        known["dagster"].number("SELECT count(*) FROM runs"),
        known["mlflow"].number("SELECT count(*) FROM model_versions"),
        find_head(store, config.audit_prefix),
    )


def software(known: Mapping[str, Database]) -> Mapping[str, str]:
    """Versions of what wrote the data, by name."""
    packages = {name: stored_format.installed(name) for name in ("mlops-lab", "dagster", "mlflow")}
    return packages | {"postgres": known["dagster"].server_version()}


def default_target(config: LabConfig) -> Path:
    """A name in the current folder that says which lab, and when."""
    return Path.cwd() / f"{config.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


def back_up(config: LabConfig, runtime: str, tools: Path, target: Path, report: Report) -> Backup:
    """Writes the lab that is up to `target`, whole or not at all. Raises LabError, also while something is at work."""
    began = time.monotonic()
    _check_target(config, target)
    known = databases(config, tools)
    audit.deliver(config)
    _refuse_work(known["dagster"])
    before = counts(config, known)
    with _unfinished(target) as (folder, part):
        manifest, digest = _write(config, runtime, known, before, folder, part, report)
        _refuse_work(known["dagster"])
        if counts(config, known) != before or (manifest.head.seq != before.entries and not manifest.faults):
            raise LabError("Somebody worked on the lab during the backup.", "Type `invoke backup` again.")
        part.rename(target)
    _note(config)
    return Backup(
        file=str(target),
        sha256=digest,
        bytes=target.stat().st_size,
        lab=config.name,
        runtime=runtime,
        made_at=manifest.made_at,
        counts=before,
        objects=sum(member.name.startswith((DATA, ARTIFACTS)) for member in manifest.members),
        head=manifest.head,
        faults=manifest.faults,
        seconds=time.monotonic() - began,
    )


def _note(config: LabConfig) -> None:
    """Lets exporters tell how old the newest backup is; one that can't be noted is a backup nevertheless."""
    with suppress(OSError):
        last_backup.note(config.witness, time.time())


def _write(
    config: LabConfig,
    runtime: str,
    known: Mapping[str, Database],
    before: Counts,
    folder: Path,
    part: Path,
    report: Report,
) -> tuple[Manifest, str]:
    """Writes the file; returns what is in it, and its SHA-256."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, Writer(file) as writer:
        # What refers to something else goes first: databases name objects and heads, heads name entries.
        _add_databases(writer, known, folder, report)
        _add_folders(writer, config)
        _add_objects(writer, config, report)
        trail = _add_trail(writer, config, folder, report)
        manifest = _manifest(config, runtime, known, before, trail)
        digest = writer.finish(manifest)
        file.flush()
        os.fsync(file.fileno())
    return replace(manifest, members=tuple(writer.members)), digest


def _check_target(config: LabConfig, target: Path) -> None:
    if target.exists():
        raise LabError(f"{target} exists already.", "Give another file.")
    if not target.parent.is_dir():
        raise LabError(f"There is no folder {target.parent}.", "Make it, or give another file.")
    if target.resolve().is_relative_to(config.home.resolve()):
        raise LabError(f"Can't write {target}: it lies in the lab's home, and would go with it.", "Give another file.")


def _refuse_work(dagster: Database) -> None:
    if busy := dagster.number(f"SELECT count(*) FROM runs WHERE status NOT IN ({_ENDED})"):  # noqa: S608 - our words
        raise LabError(
            f"{busy} runs are under way; a backup would hold halves of them.", "Wait until they end: `mlops-lab`."
        )


@contextmanager
def _unfinished(target: Path) -> Iterator[tuple[Path, Path]]:
    """A folder beside the target for everything that isn't whole yet, and the file in it that becomes the target."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".backup-{target.name}-") as name:
            yield Path(name), Path(name) / "whole"
    except OSError as err:
        raise LabError(f"Can't write {target}: {err.strerror}.", "Give a file on a disk with room.") from None


def _add_databases(writer: Writer, known: Mapping[str, Database], folder: Path, report: Report) -> None:
    for name, database in known.items():
        report(Progress(f"database {name}", "in_progress"))
        began, dump = time.monotonic(), folder / f"{name}.dump"
        database.dump(dump)
        writer.add_file(f"{DATABASE}{name}.dump", dump)
        dump.unlink()
        report(Progress(f"database {name}", "success", seconds=time.monotonic() - began))


def _add_folders(writer: Writer, config: LabConfig) -> None:
    if config.governance.is_dir():
        for path in sorted(config.governance.iterdir()):
            if path.is_file():
                writer.add_file(f"{GOVERNANCE}{path.name}", path)
    seen = config.witness / FILE
    if seen.exists():
        writer.add_file(WITNESS, seen)


def _add_objects(writer: Writer, config: LabConfig, report: Report) -> None:
    s3 = S3.of_lab(config, READER, _TIMEOUT_S)
    for folder, bucket in ((DATA, config.data_bucket), (ARTIFACTS, config.artifact_bucket)):
        report(Progress(f"bucket {bucket}", "in_progress"))
        began, number, size = time.monotonic(), 0, 0
        # Whose store it is would be wrong of the store that this is restored into.
        for key in (one for one in s3.objects(bucket) if (bucket, one) != (config.data_bucket, own_lab.KEY)):
            with s3.opened(bucket, key) as found:
                writer.add(folder + key, found.body, found.size, found.content_type, found.metadata)
            number, size = number + 1, size + found.size
        detail = f"{number} objects, {size / 1e6:.1f} MB"
        report(Progress(f"bucket {bucket}", "success", detail, time.monotonic() - began))


@dataclass(frozen=True)
class _Trail:
    """What the copy of the trail says of itself."""

    head: Head
    faults: tuple[str, ...]


def _add_trail(writer: Writer, config: LabConfig, folder: Path, report: Report) -> _Trail:
    report(Progress("audit trail", "in_progress"))
    began, path = time.monotonic(), folder / "trail.jsonl"
    with path.open("w", encoding="utf-8") as file:
        audit.export_to(config, file.write)
    writer.add_file(TRAIL, path)
    checked = verify(exported(path), published_heads(config).heads())
    found = checked.head
    head = Head(found.seq, found.hash) if found else Head(0, "")
    report(Progress("audit trail", "success", f"{checked.checked} entries", time.monotonic() - began))
    return _Trail(head, tuple(fault.problem for fault in checked.faults))


def _manifest(
    config: LabConfig, runtime: str, known: Mapping[str, Database], before: Counts, trail: _Trail
) -> Manifest:
    return Manifest(
        lab=config.name,
        runtime=runtime,
        made_at=utc_text(),
        code_version=code_version(config.root),
        # Of what made the data, which isn't the code at hand while that upgrades them.
        versions={**software(known), **stored_format.versions_of_data(config)},
        head=trail.head,
        counts=before,
        faults=trail.faults,
    )
