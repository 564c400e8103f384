"""Decisions about model versions, and who may sign them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab.base.errors import UsageError
from lab.commands import printing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.config import LabConfig
    from lab.governance.cases.approve import Outcome
    from lab.governance.cases.gates import Gate
    from lab.governance.cases.identity import Change, Known, Registrar
    from lab.governance.cases.set_criteria import CriteriaView
    from lab.governance.cases.signing import Signing
    from lab.governance.rules.criteria import Criteria

MODEL = Option("model that is meant; without it the default one", "NAME")
_WHY = Option("why, for the audit trail")
_WHY_NEEDED = Option("why, in a sentence that the audit trail keeps")
_SIGN_WITH = Option(
    "SSH key of an identity that may change identities; without it SIGNING_KEY or the usual one", "FILE"
)


def act(
    voice: Voice,
    action: str,
    version: Annotated[str, Option("number of the model version; 1@3f2a90c1 where it was given twice", "N")],
    reason: Annotated[str, Option("why, in a sentence that the audit trail keeps")],
    key: Annotated[str, Option("SSH key that signs; without it SIGNING_KEY, or the usual one in ~/.ssh", "FILE")] = "",
    role: Annotated[str, Option("role to act in, where the key's identity holds several")] = "",
    dry_run: Annotated[bool, Option("show the gates and change nothing")] = False,
    model: Annotated[str, MODEL] = "",
) -> "Outcome":
    """Approves, rejects, promotes or archives a version, or finds what keeps that from being done. Raises LabError."""
    from lab.base import interruption

    made: list[Outcome] = []
    try:
        interruption.run(_act(voice, action, model, version, reason, signing(voice, key, role), dry_run, made))
    except KeyboardInterrupt:
        if not made:
            raise
        # It came too late: what was decided must be told.
        interruption.finish()
    return made[0]


async def _act(
    voice: Voice,
    action: str,
    model: str,
    version: str,
    reason: str,
    hand: "Signing",
    dry_run: bool,
    made: "list[Outcome]",
) -> None:
    from lab import wiring
    from lab.governance.cases.approve import Approver, Tools
    from lab.governance.rules.approval_states import checked_reason, checked_version
    from lab.governance.rules.policy import Action

    checked_version(version), checked_reason(reason)  # wrong usage is wrong in a lab that is down, too
    config = wiring.own_lab()
    name = registered_name(config, model)
    approver = Approver(config, hand, Tools.of_lab(config), voice.say)
    try:
        made.append(await approver.act(Action(action), name, version, reason, dry_run))
    finally:
        await approver.aclose()


def registered_name(config: "LabConfig", named: str) -> str:
    """The registered name of the model that a command means; one whose folder is gone can be named all the same.

    Raises UsageError for what can't be a model's name, and where none is named and none is the default one.
    """
    from lab.base.names import MODEL_RULE, is_model_name
    from lab.models.listing import listed_models
    from lab.models.model_folder import models_in

    known = listed_models(config.pipelines)
    if not named:
        default = next((one for one in known if one.default), known[0] if len(known) == 1 else None)
        return default.name if default else models_in(config.pipelines).find().contract.name
    if not is_model_name(named):
        raise UsageError(f"--model {named[:40]!r} is no name of a model.", f"Type {MODEL_RULE}.")
    if any(one.name == named for one in known):
        return named
    return next((one.name for one in known if one.slug == named), named)


def signing(voice: Voice, key: str, role: str = "") -> "Signing":
    """The key and role that a person chose; an empty `key` is that of the settings, or the usual one.

    Raises UsageError for a key that isn't there.
    """
    from lab.governance.cases.signing import Signing

    path = Path(key).expanduser().absolute() if key else None
    # A key that only an agent or a token holds has its public half alone.
    if path and not path.exists() and not path.with_name(f"{path.name}.pub").exists():
        raise UsageError(f"There is no key {path}.", "Give the file of an SSH key, as ~/.ssh/id_ed25519.")
    return Signing(path, role, sign=voice.sign)


def criteria(_: Voice, model: Annotated[str, MODEL] = "") -> "CriteriaView":
    """What a model's contract asks for, and what its versions are judged by. Raises LabError."""
    from lab import wiring
    from lab.governance.cases.set_criteria import CriteriaApproval
    from lab.governance.cases.signing import Signing
    from lab.models.model_folder import the_model

    config = wiring.own_lab()
    return CriteriaApproval(config, the_model(config.pipelines, model), Signing()).look()


def set_criteria(
    voice: Voice,
    reason: Annotated[str, _WHY_NEEDED],
    key: Annotated[str, Option("SSH key that signs; without it SIGNING_KEY, or the usual one in ~/.ssh", "FILE")] = "",
    role: Annotated[str, Option("role to act in, where the key's identity holds several")] = "",
    model: Annotated[str, MODEL] = "",
) -> "CriteriaView":
    """Puts what a model's contract asks for in force, signed where the policy wants that. Raises LabError."""
    from lab import wiring
    from lab.governance.cases.set_criteria import CriteriaApproval
    from lab.governance.rules.approval_states import checked_reason
    from lab.models.model_folder import the_model

    checked_reason(reason)
    config = wiring.own_lab()
    return CriteriaApproval(config, the_model(config.pipelines, model), signing(voice, key, role)).put_in_force(reason)


def looser(found: "CriteriaView") -> int:
    """1 when the contract asks for less than is in force."""
    return int(bool(found.problems))


def print_criteria(found: "CriteriaView") -> None:
    """What is asked for beside what is in force."""
    table = printing.new_table(found.model, "the contract asks for", "in force where a signature is needed")
    asked, force = found.asked, found.force
    rows = [
        ("risk tier", asked.tier, force.tier),
        ("margins", _pairs(asked.margins) or "the policy's", _pairs(force.margins) or "none"),
        ("protected", ", ".join(asked.protected) or "none", ", ".join(force.protected) or "none"),
        ("used all the same", _pairs(asked.exempt) or "none", _pairs(force.exempt) or "none"),
        ("drifted", _drift(asked), _drift(force)),
        ("groups compared", _groups(asked, "as the policy says"), _groups(force, "not judged")),
    ]
    for row in rows:
        table.add_row(*map(printing.escape, row))
    printing.show(table)
    for problem in found.problems:
        printing.show(f"[red]less than is in force: {printing.escape(problem)}[/]")
    if found.entry and found.problems:
        printing.say(
            f"in force where nobody needs to sign, elsewhere all stays as it was; audit entry {found.entry.seq}"
        )
        printing.say(f'next: invoke set-criteria --model {found.model} --reason "…" --key FILE, by who may sign it')
    elif found.entry:
        printing.say(f"in force now; audit entry {found.entry.seq}")
    elif found.problems:
        printing.say(f'invoke set-criteria --model {found.model} --reason "…" puts it in force; who trains can\'t')


def _drift(found: "Criteria") -> str:
    if found.drift is None:
        return "not said"
    least = f", of {found.drift.least} rows and more" if found.drift.least else ""
    return f"PSI above {found.drift.psi}{least}"


def _groups(found: "Criteria", otherwise: str) -> str:
    if found.fairness is None or not found.protected or found.fairness.measure == "none":
        return "none"
    margin = f"at most {found.fairness.margin}" if found.fairness.margin else otherwise
    return f"{found.fairness.measure}, {margin}, of {found.fairness.least} rows and more"


def _pairs(values: "Mapping[str, str]") -> str:
    return "; ".join(f"{name}: {text}" for name, text in sorted(values.items()))


def add_identity(
    voice: Voice,
    name: Annotated[str, Option("who the key belongs to, as alice@example.com", "NAME", bare=True)],
    key: Annotated[str, Option("the SSH key's public half, as ~/.ssh/id_ed25519.pub", "FILE.pub", named=True)],
    role: Annotated[list[str], Option("role that the identity holds; may be given several times", named=True)],
    reason: Annotated[str, _WHY] = "",
    until: Annotated[str, Option("day from which the key no longer counts, as 20271231", "YYYYMMDD")] = "",
    sign_with: Annotated[str, _SIGN_WITH] = "",
) -> "Change":
    """Makes a key an identity. Raises LabError."""
    path = Path(key).expanduser()
    return _registrar(voice, sign_with).add(name, path, role, reason or f"add {name}", until)


def remove_identity(
    voice: Voice,
    name: Annotated[str, Option("whose keys no longer count", "NAME", bare=True)],
    reason: Annotated[str, _WHY] = "",
    sign_with: Annotated[str, _SIGN_WITH] = "",
) -> "Change":
    """Takes an identity's keys out. Raises LabError."""
    return _registrar(voice, sign_with).remove(name, reason or f"remove {name}")


def list_identities(voice: Voice) -> "Sequence[Known]":
    """Who may sign, and how the file of known keys differs from the audit trail. Raises LabError."""
    return _registrar(voice, "").listed()


def differs(known: "Sequence[Known]") -> int:
    """1 when the file of known keys differs from the audit trail."""
    return int(any(one.problem for one in known))


def _registrar(voice: Voice, sign_with: str) -> "Registrar":
    from lab import wiring
    from lab.governance.cases.identity import Registrar

    return Registrar(wiring.own_lab(), signing(voice, sign_with))


def print_outcome(outcome: "Outcome") -> None:
    """The gates as a table, and what happened."""
    print_gates(outcome.gates)
    done = f"{outcome.action} {outcome.model} version {outcome.version}: {outcome.from_state} → {outcome.to_state}"
    if outcome.dry_run:
        verdict = "it would be done" if outcome.allowed else "it would be refused"
        printing.say(f"dry run: nothing was changed; {verdict}")
    elif outcome.allowed:
        printing.say(f"{done}; audit entry {outcome.entry.seq if outcome.entry else '?'}")
        for change in outcome.changes:
            printing.say(f"  {change}")
        printing.say(f"next: {_after(outcome)}")
    else:
        closed = ", ".join(gate.name for gate in outcome.gates if not gate.passed)
        seq = f"; audit entry {outcome.entry.seq} says so" if outcome.entry else ""
        printing.say(f"refused: {outcome.action} {outcome.model} version {outcome.version}, by the gate {closed}{seq}")
    for gate in outcome.gates:
        if gate.remedy:
            printing.say(f"  → {gate.name}: {gate.remedy}")


def _after(outcome: "Outcome") -> str:
    """What to type when a decision is made."""
    if outcome.action == "approve":
        given = f'--model {outcome.model} --version {outcome.version} --reason "…"'
        return f"invoke promote {given} --dry-run shows which gates stand before its promotion"
    if outcome.action == "promote" and outcome.to_state.startswith("pending"):
        given = f'--model {outcome.model} --version {outcome.version} --reason "…"'
        return f"somebody else: invoke approve {given}, for prod"
    return "invoke models shows how every model stands"


def print_gates(gates: Sequence["Gate"]) -> None:
    """Each gate with the values that it compared."""
    table = printing.new_table("", "gate", "what it saw")
    for gate in gates:
        mark = "[green]● open[/]" if gate.passed else "[red]✖ closed[/]"
        table.add_row(mark, printing.escape(gate.name), printing.escape(gate.detail))
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
        table.add_row(*map(printing.escape, cells), f"[red]{printing.escape(one.problem)}[/]" if one.problem else "")
    printing.show(table)


def print_change(change: "Change") -> None:
    """What was added or removed, and where it stands."""
    seqs = ", ".join(str(entry.seq) for entry in change.entries)
    verb = "removed" if change.operation != "add" else "added" if seqs else "there already:"
    for line in change.lines:
        printing.say(f"{verb} {line}")
    printing.say(f"{change.path}; " + (f"audit entry {seqs}" if seqs else "no new audit entry"))
    if any(entry.details.get("bootstrap") for entry in change.entries):
        printing.say("This first identity was taken on trust; from now on an identity must sign for every change.")
    printing.say("next: invoke identity-list shows who may sign")
