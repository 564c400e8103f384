"""`invoke restore`: a backup becomes a lab again, after all of it was checked, and only where nothing is in the way.

An audit trail is never replaced: entries are created one by one under numbers that are free, as writers do, so that
no mistake can restore over a lab with a history of its own.
"""

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lab.base import interruption
from lab.base.catalogue import Service
from lab.base.errors import LabError, LedgerError
from lab.base.progress import Progress, Report
from lab.config import LabConfig
from lab.governance.cases import audit
from lab.governance.ledger import Entry, Head, Verification, parse, verify
from lab.governance.ledger.published_heads import FILE, parse_head
from lab.governance.ledger.verify_export import exported_lines
from lab.governance.rules.entry_validity import is_claim
from lab.operations import bring_up
from lab.operations.backup import counts, databases, software
from lab.operations.backup_file import BackupFile
from lab.operations.backup_manifest import ARTIFACTS, DATA, TRAIL, WITNESS, Counts, Manifest
from lab.operations.restore_guard import RestoreMark, make_room
from lab.operations.restore_load import Loader
from lab.runtime import stored_format
from lab.runtime.runtime import Runtime

# Loading may take long, and says where it is.
_DEADLINE_S = 6 * 3600.0
_UNTOUCHED = "Nothing was changed; give another backup."


@dataclass(frozen=True)
class Restored:
    """What is in the lab again, and what the check of its trail found; `notes` are worth reading."""

    file: str
    lab: str
    runtime: str
    from_lab: str
    from_runtime: str
    made_at: str
    counts: Counts
    objects: int
    head: Head
    heads: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def succeeded(self) -> bool:
        return not self.faults


def examine(config: LabConfig, file: Path, report: Report) -> Manifest:
    """Reads the whole backup and checks it against its manifest, its trail too. Raises LabError; changes nothing."""
    report(Progress("backup", "in_progress"))
    began, look = time.monotonic(), _Look()
    manifest = BackupFile(file).verify({WITNESS: look.witness, TRAIL: look.trail})
    found = look.found
    if found is None or not found.intact:
        faults = found.faults if found else ()
        first = f" first: entry {faults[0].seq}, {faults[0].problem}" if faults else ""
        raise LedgerError(f"The audit trail in the backup has {len(faults)} faults;{first}.", _UNTOUCHED)
    head = Head(found.head.seq, found.head.hash) if found.head else Head(0, "")
    if (head.seq, head.hash) != (manifest.head.seq, manifest.head.hash) or head.seq != manifest.counts.entries:
        raise LedgerError("The audit trail in the backup doesn't end where its manifest says.", _UNTOUCHED)
    if others := look.labs - {config.name}:
        raise LabError(
            f"Decisions in this backup's audit trail were signed for the lab {min(others)}, and count only there.",
            f"Set LAB_NAME={min(others)}; ports, home and runtime may differ.",
        )
    report(Progress("backup", "success", f"{len(manifest.members)} members checked", time.monotonic() - began))
    return manifest


def restore(
    config: LabConfig, runtime: Runtime, tools: Path, file: Path, manifest: Manifest, report: Report
) -> Restored:
    """Makes this lab what `file`, which was examined, holds, and brings it up; after an interruption it is repeated.

    Raises LabError.
    """
    began = time.monotonic()
    known = databases(config, tools)
    removed = make_room(config, runtime, known, report)
    loader = Loader(config, runtime, known, file, manifest, report)
    interruption.run(_up(config, runtime, loader, report))
    checked = interruption.run(audit.verify(config, known=(manifest.head,) if manifest.head.seq else ()))
    stored_format.write(config)
    RestoreMark(config).clear()
    return Restored(
        file=str(file),
        lab=config.name,
        runtime=runtime.name,
        from_lab=manifest.lab,
        from_runtime=manifest.runtime,
        made_at=manifest.made_at,
        counts=counts(config, known),
        objects=sum(member.name.startswith((DATA, ARTIFACTS)) for member in manifest.members),
        head=manifest.head,
        heads=checked.verification.heads,
        faults=tuple(f"entry {fault.seq}: {fault.problem}" for fault in checked.verification.faults),
        notes=tuple(_notes(manifest, software(known), removed)) + checked.notes,
        seconds=time.monotonic() - began,
    )


async def _up(config: LabConfig, runtime: Runtime, loader: Loader, report: Report) -> None:
    provision = {Service.POSTGRES: loader.load_databases, Service.OBJECT_STORE: loader.load_store}
    try:
        await bring_up.up(config, runtime, provision, report, _DEADLINE_S)
    finally:
        # A thread can't be ended from outside, and asyncio would wait for it.
        loader.stop.set()


def _notes(manifest: Manifest, now: Mapping[str, str], removed: str) -> Iterator[str]:
    if removed:
        yield f"removed {removed}"
    for name, before in manifest.versions.items():
        if before != now.get(name, ""):
            yield f"the backup was made with {name} {before or '(unknown)'}, this lab has {now.get(name) or 'none'}"


class _Look:
    """What the check of a backup's file sees of the trail on its way."""

    def __init__(self) -> None:
        self.found: Verification | None = None
        self.labs: set[str] = set()
        self._heads: list[Head] = []

    def witness(self, body: IO[bytes]) -> None:
        heads = [head for line in body.read().splitlines() if (head := parse_head(line))]
        self._heads = [Head(head.seq, head.hash, f"in {FILE}") for head in heads]

    def trail(self, body: IO[bytes]) -> None:
        buffered = io.BufferedReader(body)  # type: ignore[type-var]  # what it gets is read only
        self.found = verify(self._noting_labs(exported_lines(buffered, TRAIL)), self._heads)
        buffered.detach()

    def _noting_labs(self, objects: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """What somebody signed counts only in a lab of the name that it was signed for."""
        for key, body in objects:
            with suppress(LedgerError):
                self.labs |= _bound_to(parse(body))
            yield key, body


def _bound_to(entry: Entry) -> set[str]:
    """The lab in which alone the entry counts, if there is one: an attempt that was refused counts nowhere."""
    statement = entry.details.get("statement")
    if not is_claim(entry) or not entry.details.get("signature") or not isinstance(statement, Mapping):
        return set()
    return {lab} if isinstance(lab := statement.get("lab"), str) else set()
