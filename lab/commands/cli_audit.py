"""The audit trail as subcommands of `mlops-lab`; what an export needs to be verified is imported, and nothing else."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base import interruption
from lab.base.errors import UsageError

if TYPE_CHECKING:
    from lab.governance.cases.orphans import Closing
    from lab.governance.ledger import Entry, Verification

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def register(commands: "Commands") -> None:
    """Adds audit, with verify, export, deliver, close and lock."""
    audit = commands.add_parser("audit", help="verify or export the audit trail")
    parts = audit.add_subparsers(required=True, metavar="COMMAND", dest="part")
    verify = parts.add_parser("verify", help="check every entry, and compare with the published heads")
    verify.add_argument("--from-export", metavar="FILE", type=Path, help="check an export; needs no lab")
    verify.add_argument("--witness", metavar="FILE", type=Path, help="published heads to compare with as well")
    verify.add_argument("--json", action="store_true", help="print one JSON document")
    verify.set_defaults(run=_verify)
    export = parts.add_parser("export", help="write the trail as JSON Lines, to FILE or standard output")
    export.add_argument("file", nargs="?", metavar="FILE", type=Path)
    export.add_argument(
        "--from", dest="first", metavar="N", type=int, default=1, help="begin at entry N, to continue an earlier export"
    )
    export.set_defaults(run=_export)
    deliver = parts.add_parser("deliver", help="append the entries that wait in the local journal")
    deliver.set_defaults(run=_deliver)
    close = parts.add_parser("close", help="record as failed what ended without its entry")
    close.add_argument("--json", action="store_true", help="print one JSON document")
    close.set_defaults(run=_close)
    lock = parts.add_parser("lock", help="make the store protect every entry for AUDIT_RETENTION_DAYS again")
    lock.set_defaults(run=_lock)


def _verify(options: argparse.Namespace) -> int:
    if options.from_export:
        found, notes = _verify_export(options.from_export, options.witness)
        weak: list[str] = []
    else:
        from lab import wiring
        from lab.governance.cases import audit

        outcome = interruption.run(audit.verify(wiring.own_lab(), options.witness))
        found, notes, weak = outcome.verification, outcome.notes, [str(one) for one in outcome.weak]
    if options.json:
        document = {**_plain(found, notes), "bucket": weak}
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        _print(found, notes)
        _print_exposed([*weak, *(fault.problem for fault in found.exposed)])
    return 0 if found.intact and not weak and not found.exposed else 1


def _verify_export(path: Path, witness: Path | None) -> "tuple[Verification, tuple[str, ...]]":
    from lab.governance.ledger.verify_export import HEADS_SUFFIX, verify_files

    beside = path.with_name(path.name + HEADS_SUFFIX)
    if witness is None and beside.exists():
        return verify_files(path, beside), (f"compared with the heads in {beside}, which came with the export",)
    return verify_files(path, witness), ()


def _print(found: "Verification", notes: tuple[str, ...]) -> None:
    from lab.governance.ledger.verify_export import printable, report

    sys.stdout.write("".join(f"{printable(line)}\n" for line in (*notes, *report(found))))


def _print_exposed(problems: list[str]) -> None:
    from lab.governance.ledger.retention import REMEDY
    from lab.governance.ledger.verify_export import printable

    if problems:
        lines = [f"EXPOSED  {problem}" for problem in problems]
        lines.append(f"NOT PROTECTED: the store would let somebody delete entries too early. {REMEDY}")
        sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def _plain(found: "Verification", notes: tuple[str, ...]) -> dict[str, Any]:
    head = found.head and {"seq": found.head.seq, "hash": found.head.hash}
    return {"intact": found.intact, **asdict(found), "head": head, "notes": list(notes)}


def _export(options: argparse.Namespace) -> int:
    from lab import wiring
    from lab.governance.cases import audit

    if options.first < 1:
        raise UsageError(f"--from {options.first} is no entry.", "Entries begin at 1.")
    config = wiring.own_lab()
    if options.file is None:
        audit.export_to(config, sys.stdout.write, options.first)
        return 0
    count = audit.export_file(config, options.file, options.first)
    sys.stdout.write(f"wrote {count} entries to {options.file}\n")
    return 0


def _deliver(_: argparse.Namespace) -> int:
    from lab import wiring
    from lab.governance.cases import audit

    sys.stdout.write(f"delivered {audit.deliver(wiring.own_lab())} entries\n")
    return 0


def _lock(_: argparse.Namespace) -> int:
    from lab import wiring
    from lab.governance.cases import audit

    config = wiring.own_lab()
    count = audit.lock(config)
    sys.stdout.write(
        f"the audit bucket's settings are the lab's; {count} entries were locked anew, "
        f"for {config.audit_retention_days} days from when they were written\n"
    )
    return 0


def _close(options: argparse.Namespace) -> int:
    found = interruption.run(_closing())
    if options.json:
        left = [{"seq": one.begun.seq, "reason": one.reason} for one in found.left]
        unaudited = [asdict(one) for one in found.unaudited]
        document = {"closed": [asdict(entry) for entry in found.closed], "left": left, "unaudited": unaudited}
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return 0
    sys.stdout.write("".join(f"{line}\n" for line in _closing_lines(found)))
    return 0


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
