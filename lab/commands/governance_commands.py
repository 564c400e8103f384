"""Proofs of the guardrails, the registry compared with the audit trail, and evidence of a model version."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab.commands import printing
from lab.commands.approval_commands import MODEL
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.governance.cases.evidence import Evidence
    from lab.governance.cases.reconcile import Reconciliation
    from lab.governance.checks import Proof


def verify(
    voice: Voice,
    junit: Annotated[str, Option("also write the proofs as JUnit XML to this file", "FILE")] = "",
    only: Annotated[str, Option("only proofs whose name contains this", "NAME")] = "",
) -> "tuple[Proof, ...]":
    """Proves the guardrails, each with its evidence. Raises LabError."""
    from lab import wiring
    from lab.base import interruption
    from lab.governance.checks import Verifier
    from lab.governance.checks.proof import write_junit
    from lab.governance.ledger.entry import utc_text

    config = wiring.load_config()
    verifier = Verifier(config, report=voice.report, begin=lambda: wiring.own_lab(config))
    proofs = interruption.run(verifier.run(only))
    if junit:
        write_junit(Path(junit).expanduser(), proofs, config.name, utc_text())
    return proofs


def failed(proofs: "tuple[Proof, ...]") -> int:
    """1 when a guardrail doesn't hold."""
    return int(not all(proof.passed for proof in proofs))


def reconcile(
    _: Voice, repair: Annotated[bool, Option("make tags, aliases and stages follow the audit trail")] = False
) -> "Reconciliation":
    """Compares registry and trail, and repairs on request. Raises LabError."""
    from lab.base import interruption

    return interruption.run(_reconcile(repair))


async def _reconcile(repair: bool) -> "Reconciliation":
    from lab import wiring
    from lab.governance.cases.reconcile import Reconciler

    reconciler = Reconciler.of_lab(wiring.own_lab())
    try:
        return await (reconciler.repair() if repair else reconciler.look())
    finally:
        await reconciler.aclose()


def evidence(
    _: Voice,
    version: Annotated[str, Option("number of the model version", "N")],
    output: Annotated[str, Option("folder to write into; without it ./evidence", "DIR")] = "",
    model: Annotated[str, MODEL] = "",
) -> "Evidence":
    """Writes the evidence of a version. Raises LabError."""
    from lab.base import interruption

    return interruption.run(_evidence(model, version, Path(output or "evidence").expanduser()))


async def _evidence(model: str, version: str, output: Path) -> "Evidence":
    from lab import wiring
    from lab.governance.cases.evidence import Collector
    from lab.governance.rules.approval_states import checked_version
    from lab.models.model_folder import the_model

    checked_version(version)  # wrong usage is wrong in a lab that is down, too
    config = wiring.own_lab()
    collector = Collector.of_lab(config)
    try:
        return await collector.write(the_model(config.pipelines, model), version, output.absolute())
    finally:
        await collector.aclose()


def print_proofs(proofs: "tuple[Proof, ...]") -> None:
    """PASS and FAIL with their evidence."""
    table = printing.new_table("", "guardrail", "evidence")
    for proof in proofs:
        mark = "[green]PASS[/]" if proof.passed else "[red]FAIL[/]"
        table.add_row(mark, printing.escape(proof.name), printing.escape(proof.evidence))
    printing.show(table)
    failed = sum(not proof.passed for proof in proofs)
    seconds = sum(proof.seconds for proof in proofs)
    printing.say(f"{len(proofs) - failed} of {len(proofs)} guardrails hold, proved in {printing.duration(seconds)}")
    printing.say("next: docs/governance.md says what each line means" if failed else "next: mlops-lab audit verify")


def print_reconciliation(found: "Reconciliation") -> None:
    """What differs, what was repaired, and what is left."""
    if not found.findings:
        printing.say(f"{found.versions} versions: the registry says what the audit trail says; next: invoke models")
        return
    table = printing.new_table("kind", "finding", "")
    for one in found.findings:
        left = one in found.left
        verdict = "repaired" if not left else "can be repaired" if one.repairable else "needs a person"
        table.add_row(one.kind, printing.escape(str(one)), f"[{'red' if left else 'green'}]{verdict}[/]")
    printing.show(table)
    if found.entry:
        printing.say(f"{len(found.changes)} repairs; audit entry {found.entry.seq}")
    elif any(one.repairable for one in found.findings):
        printing.say("invoke reconcile --repair makes tags, aliases and stages follow the audit trail")


def print_evidence(made: "Evidence") -> None:
    """Where the evidence is, and whether it can be relied on."""
    printing.say(f"{made.folder}\n{made.archive}")
    printing.say(f"{made.files} files on version {made.version}, {made.state}; ledger entries {made.first}–{made.last}")
    for problem in made.problems:
        printing.say(f"not to be relied on: {problem}")
    printing.say(f"next: {made.folder}/README.md says how to check it without this lab")
