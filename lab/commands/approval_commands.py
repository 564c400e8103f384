"""Approval and identities on the command line: one call of a use case each, its outcome printed, an exit code."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from lab.base import interruption
from lab.commands import printing
from lab.governance.rules.approval_states import checked_reason, checked_version
from lab.governance.rules.policy import Action

if TYPE_CHECKING:
    from lab.governance.cases.approve import Outcome
    from lab.governance.cases.gates import Gate
    from lab.governance.cases.identity import Change, Known, Registrar

REFUSED = 1


def act(
    action: Action,
    version: str,
    reason: str,
    key: str = "",
    role: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Acts on a version and prints how that went; 1 when it was refused. Raises LabError."""
    made: list[Outcome] = []
    try:
        interruption.run(_act(action, version, reason, key, role, dry_run, json, made.append))
    except KeyboardInterrupt:
        if not made:
            raise
        # It came too late: what was decided must be told.
        interruption.finish()
    outcome = made[0]
    printing.print_json(outcome) if json else print_outcome(outcome)
    return 0 if outcome.succeeded else REFUSED


async def _act(
    action: Action,
    version: str,
    reason: str,
    key: str,
    role: str,
    dry_run: bool,
    quiet: bool,
    tell: "Callable[[Outcome], None]",
) -> None:
    from lab import wiring
    from lab.governance.cases.approve import Approver, Tools
    from lab.governance.cases.signing import Signing

    checked_version(version), checked_reason(reason)  # wrong usage is wrong in a lab that is down, too
    config = wiring.own_lab()
    note = (lambda _: None) if quiet else printing.say
    approver = Approver(config, Signing(_path(key), role), Tools.of_lab(config), note)
    try:
        tell(await approver.act(action, version, reason, dry_run))
    finally:
        await approver.aclose()


def add_identity(
    name: str, key: str, roles: Sequence[str], reason: str, until: str = "", sign_with: str = "", json: bool = False
) -> int:
    """Makes a key an identity and prints its line. Raises LabError."""
    change = _registrar(sign_with).add(name, Path(key).expanduser(), roles, reason or f"add {name}", until)
    printing.print_json(change) if json else print_change(change)
    return 0


def remove_identity(name: str, reason: str, sign_with: str = "", json: bool = False) -> int:
    """Takes an identity's keys out. Raises LabError."""
    change = _registrar(sign_with).remove(name, reason or f"remove {name}")
    printing.print_json(change) if json else print_change(change)
    return 0


def list_identities(json: bool = False) -> int:
    """Prints who may sign; 1 when the file of known keys differs from the audit trail. Raises LabError."""
    known = _registrar("").listed()
    printing.print_json(known) if json else print_identities(known)
    return REFUSED if any(one.problem for one in known) else 0


def _registrar(sign_with: str) -> "Registrar":
    from lab import wiring
    from lab.governance.cases.identity import Registrar
    from lab.governance.cases.signing import Signing

    return Registrar(wiring.own_lab(), Signing(_path(sign_with)))


def _path(text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


def print_outcome(outcome: "Outcome") -> None:
    """The gates as a table, and what happened."""
    print_gates(outcome.gates)
    done = f"{outcome.action} version {outcome.version}: {outcome.from_state} → {outcome.to_state}"
    if outcome.dry_run:
        verdict = "it would be done" if outcome.allowed else "it would be refused"
        printing.say(f"dry run: nothing was changed; {verdict}")
    elif outcome.allowed:
        printing.say(f"{done}; audit entry {outcome.entry.seq if outcome.entry else '?'}")
        for change in outcome.changes:
            printing.say(f"  {change}")
    else:
        closed = ", ".join(gate.name for gate in outcome.gates if not gate.passed)
        seq = f"; audit entry {outcome.entry.seq} says so" if outcome.entry else ""
        printing.say(f"refused: {outcome.action} version {outcome.version}, by the gate {closed}{seq}")


def print_gates(gates: Sequence["Gate"]) -> None:
    """Each gate with the values that it compared."""
    table = printing.new_table("", "gate", "what it saw")
    for gate in gates:
        mark = "[green]● open[/]" if gate.passed else "[red]✖ closed[/]"
        table.add_row(mark, escape(gate.name), escape(gate.detail))
    printing.show(table)


def print_identities(known: Sequence["Known"]) -> None:
    """Who may sign, in which roles."""
    if not known:
        printing.say("no identity yet; the first one: invoke identity-add NAME --key FILE.pub --role platform-admin")
        return
    table = printing.new_table("identity", "roles", "key", "fingerprint", "valid until", "problem")
    for one in known:
        until = one.valid_before or "–"
        cells = (one.name, ", ".join(one.roles), one.key_type, one.fingerprint, until)
        table.add_row(*map(escape, cells), f"[red]{escape(one.problem)}[/]" if one.problem else "")
    printing.show(table)


def print_change(change: "Change") -> None:
    """What was added or removed, and where it stands."""
    verb = "added" if change.operation == "add" else "removed"
    for line in change.lines:
        printing.say(f"{verb} {line}")
    seqs = ", ".join(str(entry.seq) for entry in change.entries)
    printing.say(f"{change.path}; " + (f"audit entry {seqs}" if seqs else "it was there already"))
    if any(entry.details.get("bootstrap") for entry in change.entries):
        printing.say("This first identity was taken on trust; from now on an identity must sign for every change.")
