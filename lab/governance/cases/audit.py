"""The audit trail for auditors: verify it where it lies, export it, deliver what waits in the journal."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import TypeVar

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.base.model_versions import ModelVersion
from lab.config import LabConfig
from lab.governance.cases.trail import ledger, published_heads
from lab.governance.ledger import Head, Verification
from lab.governance.ledger.reader import export_lines, verify_trail
from lab.governance.ledger.retention import Weakness, weaknesses
from lab.governance.ledger.verify_export import HEADS_SUFFIX, published
from lab.governance.rules.registry_tags import RegistryClaims
from lab.services.bucket_lock import lengthen_locks, promise, read_settings, restore_settings
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from lab.services.prometheus import Prometheus
from lab.services.s3 import ADMIN, PIPELINE, READER, S3, AuditStore

T = TypeVar("T")

_VERSIONS = 1000
_DEADLINE_S = 10.0


@dataclass(frozen=True)
class Audited:
    """A verification; `notes` say what couldn't be asked, and what the registry claims that the trail doesn't have.

    `weak` says in what the audit bucket protects its entries less than promised.
    """

    verification: Verification
    notes: tuple[str, ...] = ()
    weak: tuple[Weakness, ...] = ()

    @property
    def protected(self) -> bool:
        """Whether nobody can delete an entry too early, one of those to come included."""
        return not self.weak and not self.verification.exposed


async def verify(config: LabConfig, heads: Path | None = None, known: Sequence[Head] = ()) -> Audited:
    """Checks the trail in the store against the published heads, those in Prometheus, and `heads`.

    `known` are further heads, which the caller saw. What tags in the registry name is compared, too, and noted: whoever
    reaches MLflow can write them.

    Raises LabError when the store or a file of heads can't be read.
    """
    given = await asyncio.to_thread(published, heads) if heads else []
    given += known
    notes: list[str] = []
    versions, metric = await asyncio.gather(
        _asked(_from_registry(config), "MLflow was not asked which entries its tags name", notes),
        _asked(_from_metrics(config), "Prometheus was not asked for published heads", notes),
    )
    claims = RegistryClaims(versions)
    verification = await asyncio.to_thread(_verify, config, [*given, *metric], claims)
    return Audited(verification, (*notes, *claims.problems), await asyncio.to_thread(bucket_weaknesses, config))


async def _asked(question: Awaitable[Sequence[T]], otherwise: str, notes: list[str]) -> Sequence[T]:
    try:
        return await question
    except LabError as err:
        notes.append(f"{otherwise}: {err.message}")
        return ()


def _verify(config: LabConfig, given: list[Head], claims: RegistryClaims) -> Verification:
    in_order = merge(published_heads(config).heads(), sorted(given, key=_number), key=_number)
    days = config.audit_retention_days
    return verify_trail(_store(config, READER), config.audit_prefix, in_order, claims.see, days)


def bucket_weaknesses(config: LabConfig) -> tuple[Weakness, ...]:
    """In what the audit bucket protects entries less than promised. Raises LabError."""
    found = read_settings(S3.of_lab(config, READER, _DEADLINE_S), config.audit_bucket)
    return weaknesses(found, promise(config, config.object_store))


def lock(config: LabConfig) -> int:
    """Makes the audit bucket protect its entries as promised again; returns for how many that was necessary.

    With the store's admin credential. Raises LabError.
    """
    admin = S3.of_lab(config, ADMIN, _DEADLINE_S)
    restore_settings(admin, config, config.object_store)
    return lengthen_locks(admin, config.audit_bucket, config.audit_prefix, config.audit_retention_days)


async def _from_registry(config: LabConfig) -> Sequence[ModelVersion]:
    mlflow = Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW), _DEADLINE_S))
    try:
        return await mlflow.tagged_versions(_VERSIONS)
    finally:
        await mlflow.aclose()


async def _from_metrics(config: LabConfig) -> list[Head]:
    prometheus = Prometheus(Http.to(Service.PROMETHEUS, config.url(Service.PROMETHEUS), _DEADLINE_S))
    try:
        head = await prometheus.published_head()
        return [head] if head else []
    finally:
        await prometheus.aclose()


def export_to(config: LabConfig, write: Callable[[str], object], first: int = 1) -> int:
    """Gives the trail's lines (JSON Lines) to `write` and returns how many. Raises LabError."""
    count = 0
    for line in export_lines(_store(config, READER), config.audit_prefix, first):
        write(line + "\n")
        count += 1
    return count


def export_file(config: LabConfig, target: Path, first: int = 1) -> int:
    """Writes the trail to `target`, and the heads that were published beside it; returns the number of lines.

    Either file is written whole or not at all. Raises LabError.
    """
    # Heads first: whatever they name must be in the export.
    heads = [json.dumps({"seq": head.seq, "hash": head.hash}) + "\n" for head in published_heads(config).heads()]
    count = 0
    with _whole(target) as write:
        count = export_to(config, write, first)
    if heads:
        with _whole(target.with_name(target.name + HEADS_SUFFIX)) as write:
            write("".join(heads))
    return count


def deliver(config: LabConfig) -> int:
    """Appends what waits in the journal and returns how many entries that were. Raises LabError."""
    return ledger(config, _store(config, PIPELINE)).flush_journal()


@contextmanager
def _whole(target: Path) -> Iterator[Callable[[str], object]]:
    unfinished = target.with_name(target.name + ".part")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            yield file.write
        unfinished.replace(target)
    except OSError as err:
        raise LabError(f"Can't write {target}: {err.strerror}.", "Nothing was removed; give another file.") from None
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _store(config: LabConfig, identity: str) -> AuditStore:
    return AuditStore(S3.of_lab(config, identity, _DEADLINE_S), config.audit_bucket, config.audit_prefix)


def _number(head: Head) -> int:
    return head.seq
