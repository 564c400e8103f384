"""The audit trail: verified, exported, delivered, closed, locked. An export is verified by what it needs alone."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from lab.base.errors import UsageError
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.commands.audit_documents import ClosedDocument, VerifiedDocument
    from lab.governance.cases.orphans import Closing
    from lab.governance.ledger import Entry, Verification


class Verified(NamedTuple):
    """What was found; `weak` is what the bucket's settings lack."""

    found: "Verification"
    notes: tuple[str, ...]
    weak: Sequence[str] = ()

    @property
    def succeeded(self) -> bool:
        return self.found.intact and not self.weak and not self.found.exposed


def verify(
    _: Voice,
    from_export: Annotated[str, Option("check an export; needs no lab", "FILE")] = "",
    published_heads: Annotated[str, Option("published heads to compare with as well", "FILE")] = "",
    witness: Annotated[str, Option("earlier name of --published-heads", "FILE")] = "",
) -> Verified:
    """Checks every entry of the trail, or of an export. Raises LabError."""
    heads = Path(published_heads or witness) if published_heads or witness else None
    if from_export:
        return Verified(*_verify_export(Path(from_export), heads))
    from lab import wiring
    from lab.base import interruption
    from lab.governance.cases import audit

    outcome = interruption.run(audit.verify(wiring.own_lab(), heads))
    return Verified(outcome.verification, outcome.notes, [str(one) for one in outcome.weak])


def verified_document(value: Verified) -> "VerifiedDocument":
    """The JSON of it."""
    from lab.commands.audit_documents import HeadDocument, VerifiedDocument

    found = value.found
    return VerifiedDocument(
        intact=found.intact,
        checked=found.checked,
        head=HeadDocument(found.head.seq, found.head.hash) if found.head else None,
        faults=found.faults,
        unfinished=found.unfinished,
        heads=found.heads,
        exposed=found.exposed,
        notes=value.notes,
        bucket=tuple(value.weak),
    )


def print_verified(value: Verified) -> None:
    """Every fault, and whether the trail is intact and protected."""
    from lab.governance.ledger.retention import REMEDY
    from lab.governance.ledger.verify_export import printable, report

    lines = [*value.notes, *report(value.found)]
    if problems := [*value.weak, *(fault.problem for fault in value.found.exposed)]:
        lines += [f"EXPOSED  {problem}" for problem in problems]
        lines.append(f"NOT PROTECTED: the store would let somebody delete entries too early. {REMEDY}")
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def _verify_export(path: Path, heads: Path | None) -> "tuple[Verification, tuple[str, ...]]":
    from lab.governance.ledger.verify_export import HEADS_SUFFIX, verify_files

    beside = path.with_name(path.name + HEADS_SUFFIX)
    if heads is None and beside.exists():
        return verify_files(path, beside), (f"compared with the heads in {beside}, which came with the export",)
    return verify_files(path, heads), ()


def export(
    _: Voice,
    file: Annotated[str, Option("file to write; without it standard output", "FILE", bare=True)] = "",
    first: Annotated[int, Option("begin at entry N, to continue an earlier export", "N", flag="from")] = 1,
) -> None:
    """Writes the trail as JSON Lines. Raises LabError."""
    from lab import wiring
    from lab.governance.cases import audit

    if first < 1:
        raise UsageError(f"--from {first} is no entry.", "Entries begin at 1.")
    config = wiring.own_lab()
    if not file:
        audit.export_to(config, sys.stdout.write, first)
        return
    count = audit.export_file(config, Path(file), first)
    sys.stdout.write(f"wrote {count} entries to {file}\n")


def deliver(_: Voice) -> None:
    """Appends what waits in the local journal. Raises LabError."""
    from lab import wiring
    from lab.governance.cases import audit

    sys.stdout.write(f"delivered {audit.deliver(wiring.own_lab())} entries\n")


def lock(_: Voice) -> None:
    """Makes the store protect every entry again. Raises LabError."""
    from lab import wiring
    from lab.governance.cases import audit

    config = wiring.own_lab()
    count = audit.lock(config)
    sys.stdout.write(
        f"the audit bucket's settings are the lab's; {count} entries were locked anew, "
        f"for {config.audit_retention_days} days from when they were written\n"
    )


def close(_: Voice) -> "Closing":
    """Records as failed what was killed before it could record its own end. Raises LabError."""
    from lab.base import interruption

    return interruption.run(_closing())


def closed_document(found: "Closing") -> "ClosedDocument":
    """The JSON of it."""
    from lab.commands.audit_documents import ClosedDocument, LeftDocument

    left = tuple(LeftDocument(one.begun.seq, one.reason) for one in found.left)
    return ClosedDocument(found.closed, left, found.unaudited)


def print_closed(found: "Closing") -> None:
    """What was closed, what is left open, and what isn't on record at all."""
    sys.stdout.write("".join(f"{line}\n" for line in _closing_lines(found)))


def _closing_lines(found: "Closing") -> Iterator[str]:
    for entry in found.closed:
        if "closes" in entry.details:
            yield f"entry {entry.seq} ends entry {entry.details['closes']}, {_named(entry)}"
        else:
            yield f"entry {entry.seq} records that {_named(entry)} ended before its beginning was on record"
    for one in found.left:
        yield f"left open: entry {one.begun.seq}, {_named(one.begun)}: {one.reason}"
    for step in found.unaudited:
        yield f"not recorded: {_step(step.action, step.run_id)}: {step.reason}"
    if not found.closed and not found.left and not found.unaudited:
        yield "nothing is open: every step and command on record has its end"


async def _closing() -> "Closing":
    from lab import wiring
    from lab.governance.cases.orphans import Closer

    closer = Closer.of_lab(wiring.own_lab())
    try:
        return await closer.close()
    finally:
        await closer.aclose()


def _named(entry: "Entry") -> str:
    return _step(entry.action, entry.run_id)


def _step(action: str, run_id: str) -> str:
    from lab.governance.ledger.verify_export import printable

    return printable(action + (f" of run {run_id[:8]}" if run_id else ""))
