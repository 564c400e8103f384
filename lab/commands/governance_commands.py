"""Proofs, reconciling and evidence on the command line: one call of a use case each, its outcome, an exit code."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from lab.base import interruption
from lab.commands import printing

if TYPE_CHECKING:
    from lab.governance.cases.evidence import Evidence
    from lab.governance.cases.reconcile import Reconciliation
    from lab.governance.checks import Proof

WRONG = 1


def verify(json: bool = False, junit: str = "", only: str = "") -> int:
    """Proves the guardrails and prints each with its evidence; 1 when one doesn't hold. Raises LabError."""
    from lab import wiring
    from lab.governance.checks import Verifier
    from lab.governance.checks.proof import write_junit
    from lab.governance.ledger.entry import utc_text

    config = wiring.load_config()
    with printing.board("Proving", quiet=json or not sys.stdout.isatty()) as report:
        verifier = Verifier(config, report=report, begin=lambda: wiring.own_lab(config))
        proofs = interruption.run(verifier.run(only))
    if junit:
        write_junit(Path(junit).expanduser(), proofs, config.name, utc_text())
    printing.print_json(proofs) if json else print_proofs(proofs)
    return 0 if all(proof.passed for proof in proofs) else WRONG


def reconcile(repair: bool = False, json: bool = False) -> int:
    """Compares registry and trail, repairs on request; 1 when something still differs. Raises LabError."""
    found = interruption.run(_reconcile(repair))
    printing.print_json(found) if json else print_reconciliation(found, repair)
    return 0 if found.succeeded else WRONG


async def _reconcile(repair: bool) -> "Reconciliation":
    from lab import wiring
    from lab.governance.cases.reconcile import Reconciler

    reconciler = Reconciler.of_lab(wiring.own_lab())
    try:
        return await (reconciler.repair() if repair else reconciler.look())
    finally:
        await reconciler.aclose()


def evidence(version: str, output: str = "", json: bool = False) -> int:
    """Writes the evidence of a version and says where; 1 when trail or registry can't be trusted. Raises LabError."""
    made = interruption.run(_evidence(version, Path(output or "evidence").expanduser()))
    printing.print_json(made) if json else print_evidence(made)
    return 0 if made.succeeded else WRONG


async def _evidence(version: str, output: Path) -> "Evidence":
    from lab import wiring
    from lab.governance.cases.evidence import Collector
    from lab.governance.rules.approval_states import checked_version

    checked_version(version)  # wrong usage is wrong in a lab that is down, too
    collector = Collector.of_lab(wiring.own_lab())
    try:
        return await collector.write(version, output.absolute())
    finally:
        await collector.aclose()


def print_proofs(proofs: "tuple[Proof, ...]") -> None:
    """PASS and FAIL with their evidence."""
    table = printing.new_table("", "guardrail", "evidence")
    for proof in proofs:
        mark = "[green]PASS[/]" if proof.passed else "[red]FAIL[/]"
        table.add_row(mark, escape(proof.name), escape(proof.evidence))
    printing.show(table)
    failed = sum(not proof.passed for proof in proofs)
    seconds = sum(proof.seconds for proof in proofs)
    printing.say(f"{len(proofs) - failed} of {len(proofs)} guardrails hold, proved in {printing.duration(seconds)}")


def print_reconciliation(found: "Reconciliation", repair: bool) -> None:
    """What differs, what was repaired, and what is left."""
    if not found.findings:
        printing.say(f"{found.versions} versions: the registry says what the audit trail says")
        return
    table = printing.new_table("kind", "finding", "")
    for one in found.findings:
        left = one in found.left
        verdict = "repaired" if not left else "can be repaired" if one.repairable else "needs a person"
        table.add_row(one.kind, escape(str(one)), f"[{'red' if left else 'green'}]{verdict}[/]")
    printing.show(table)
    if found.entry:
        printing.say(f"{len(found.changes)} repairs; audit entry {found.entry.seq}")
    elif not repair and any(one.repairable for one in found.findings):
        printing.say("invoke reconcile --repair makes tags, aliases and stages follow the audit trail")


def print_evidence(made: "Evidence") -> None:
    """Where the evidence is, and whether it can be relied on."""
    printing.say(f"{made.folder}\n{made.archive}")
    printing.say(f"{made.files} files on version {made.version}, {made.state}; ledger entries {made.first}–{made.last}")
    for problem in made.problems:
        printing.say(f"not to be relied on: {problem}")
