"""What the screen says of a command's outcome: one line, the next step, and what stands below."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lab.views.jobs import ActionResult

if TYPE_CHECKING:
    from lab.config import LabConfig
    from lab.governance.cases.approve import Outcome
    from lab.governance.cases.evidence import Evidence
    from lab.governance.cases.reconcile import Reconciliation
    from lab.governance.cases.signing import KeyCard
    from lab.governance.checks import Proof
    from lab.operations.bring_up import UpResult
    from lab.operations.cancel_run import Cancelled
    from lab.operations.demo_run import DemoRun
    from lab.operations.one_service import Stopped
    from lab.operations.seed import Seeded
    from lab.operations.silence import Silence


def started(made: "tuple[LabConfig, UpResult]") -> ActionResult:
    """After `up`."""
    result = made[1]
    said = "was up already" if result.already else f"up after {result.seconds:.0f} s"
    return ActionResult(True, said, "Launch a demo run.")


def restarted(made: "tuple[str, UpResult]") -> ActionResult:
    """After a service was restarted, with its name."""
    return ActionResult(True, f"{made[0]} is back after {made[1].seconds:.1f} s")


def brought_up(made: "tuple[str, UpResult]") -> ActionResult:
    """After one service was started, with its name."""
    name, result = made
    return ActionResult(
        True, f"{name} runs already" if result.already else f"{name} is up after {result.seconds:.1f} s"
    )


def stopped(made: "Stopped") -> ActionResult:
    """After one service was stopped."""
    without = f"; these don't work without it: {', '.join(made.hindered)}" if made.hindered else ""
    return ActionResult(True, f"{made.service} is stopped{without}", f"Start {made.service} when it is wanted again.")


def cancelled(made: "Cancelled") -> ActionResult:
    """After a run was stopped; one that ended by itself meanwhile is as good."""
    return ActionResult(True, f"run {made.run.run_id[:8]} is {made.run.status.lower()}; audit entry {made.entry.seq}")


def trained(result: "DemoRun") -> ActionResult:
    """After a run, whoever launched it first."""
    run = f"run {result.run.run_id[:8]}"
    if not result.succeeded:
        unread = f", and couldn't be read: {'; '.join(result.unread)}" if result.unread else ""
        why = result.reason or "; ".join(result.faults) or f"it ended as {result.run.status.lower()}{unread}"
        return ActionResult(False, f"{run}: {why}", "Open the run: its event log says more.", result.faults)
    version = result.version
    number = version.version if version else "?"
    lines = tuple(f"{name} {value:.4f}" for name, value in sorted(version.metrics.items())) if version else ()
    step = f"Have somebody else approve version {number}."
    return ActionResult(True, f"{run} registered version {number}", step, lines, {"version": number})


def seeded(result: "Seeded") -> ActionResult:
    """After data was recorded, or a drift planted or taken back."""
    data = f"current data {result.current.sha256[:12]}, {result.current.rows:,} rows"
    worst = tuple(f"{one.name}: PSI {one.psi:.3f}, {one.state}" for one in result.report.features[:5])
    if result.report.detected:
        step = "Watch the drift panel; “Take the drift back” undoes it."
        return ActionResult(True, f"{data}: drifted", step, worst)
    return ActionResult(True, f"{data}: no drift", "Launch a demo run on it.", worst)


def proved(proofs: "Sequence[Proof]") -> ActionResult:
    """After the guardrails were tried; those that don't hold first."""
    failed = [proof for proof in proofs if not proof.passed]
    lines = tuple(f"{'✓' if proof.passed else '✗'} {proof.name}: {proof.evidence}" for proof in (*failed, *proofs))
    said = f"{len(proofs) - len(failed)} of {len(proofs)} guardrails hold"
    return ActionResult(not failed, said, f"Look at: {failed[0].name}." if failed else "", lines[: len(proofs)])


def compared(found: "Reconciliation") -> ActionResult:
    """After registry and trail were compared, and what can be repaired was, where that was asked for."""
    if not found.findings:
        return ActionResult(True, f"{found.versions} versions: the registry says what the audit trail says")
    if found.left:
        mendable = not found.changes and any(one.repairable for one in found.left)
        step = "“Reconcile and repair” mends it." if mendable else "A person must find out what happened."
        said = f"{len(found.left)} differences between registry and audit trail"
        return ActionResult(False, said, step, tuple(map(str, found.findings)))
    seq = f"; audit entry {found.entry.seq}" if found.entry else ""
    return ActionResult(True, f"{len(found.changes)} repairs{seq}", "", found.changes)


def collected(made: "Evidence") -> ActionResult:
    """After the evidence of a version was written."""
    said = f"{made.files} files on version {made.version} in {made.folder}"
    step = "Not to be relied on: see the lines." if made.problems else ""
    return ActionResult(made.succeeded, said, step, made.problems)


def silenced(made: "Silence") -> ActionResult:
    """After an alert was silenced."""
    until = made.until.astimezone().strftime("%H:%M")
    step = "Alertmanager's page can end it earlier."
    return ActionResult(True, f"{made.labels['alertname']} is silent until {until}", step)


def decided(made: "tuple[Outcome, KeyCard | None]") -> ActionResult:
    """After a decision about a version, or a look at its gates: then with the key that would sign, as `data`."""
    outcome, card = made
    data: dict[str, Any] = {"gates": [asdict(gate) for gate in outcome.gates]}
    data |= {"from": outcome.from_state, "to": outcome.to_state} | ({"key": asdict(card)} if card else {})
    lines = tuple(f"{'●' if gate.passed else '✗'} {gate.name}: {gate.detail}" for gate in outcome.gates)
    seq = f"; audit entry {outcome.entry.seq}" if outcome.entry else ""
    what = f"{outcome.action} version {outcome.version}"
    if not outcome.allowed:
        closed = ", ".join(gate.name for gate in outcome.gates if not gate.passed)
        return ActionResult(False, f"refused: {what}, by the gate {closed}{seq}", "", lines, data)
    said = f"{what}: {outcome.from_state} → {outcome.to_state}{seq}"
    return ActionResult(True, said, "", (*outcome.changes, *lines), data)
