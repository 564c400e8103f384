"""The gates in front of every action on a version: each says whether it is open, and which values it compared.

Those that take time, of the data and of the model itself, come after them, and then the signature: `approve.py`.

`TooLate` is what stands behind them: somebody else was faster.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lab.base.errors import LabError
from lab.base.model_versions import ModelVersion
from lab.governance.cases.signing import Claimant
from lab.governance.cases.trail import TrailState
from lab.governance.ledger import Entry
from lab.governance.rules.approval_states import ALIASES, CHAMPION, Move, find_move
from lab.governance.rules.approvers import approvers_problem
from lab.governance.rules.criteria import Criteria, loosened
from lab.governance.rules.fairness_gate import fairness_of
from lab.governance.rules.history import History, Record
from lab.governance.rules.identities import four_eyes_problem
from lab.governance.rules.metric_gate import metrics_of
from lab.governance.rules.policy import Action, Policy
from lab.governance.rules.registry_tags import expected_tags, shortened


@dataclass(frozen=True)
class Gate:
    """One gate: `detail` holds the values compared, also where it is open; `remedy` says what opens a closed one."""

    name: str
    passed: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Case:
    """What the gates look at. `version` is a number of `model`, or more where one was given twice. `found`, `aliases`
    and `champion`, which is the trail's, are as the registry has them; everything else is the trail's."""

    action: Action
    model: str
    version: str
    claimant: Claimant
    policy: Policy
    trail: TrailState
    found: ModelVersion | None
    champion: ModelVersion | None
    aliases: Mapping[str, Sequence[str]]

    @property
    def record(self) -> Record | None:
        return self.trail.history.named(self.model, self.version, self.found)

    @property
    def number(self) -> str:
        return self.version.partition("@")[0]


def move_of(case: Case) -> Move | str:
    """What the action does to the version, or why it can't be done."""
    if case.record is None:
        run = f" of MLflow run {case.found.run_id}" if case.found and case.found.run_id else ""
        return f"version {case.version}{run} isn't in the audit trail" + ("" if case.found else ", nor in the registry")
    return find_move(case.record.state, case.action, case.trail.history.holds(CHAMPION, case.record))


def state(case: Case) -> Gate:
    move = move_of(case)
    if isinstance(move, str):
        return Gate("state", False, move)
    before = case.record.state if case.record else ""
    alias = f", alias {move.alias}" if move.alias else ""
    return Gate("state", True, f"{before} → {move.to_state}{alias}")


def policy(case: Case) -> Gate:
    if case.claimant.unknown:
        return Gate("policy", False, "nobody knows who asks")
    decision = case.policy.decide(case.claimant.actor, case.action)
    return Gate("policy", decision.allowed, str(decision))


def identity(case: Case) -> Gate:
    claimant = case.claimant
    if claimant.problem:
        return Gate("identity", False, claimant.problem)
    if claimant.signer is None:
        return Gate("identity", True, f"no signature is required in {claimant.actor.environment}")
    signer = claimant.signer
    return Gate("identity", True, f"{signer.key.fingerprint} is {signer.name}: {', '.join(signer.roles)}")


def four_eyes(case: Case) -> Gate:
    if case.record is None:
        return Gate("four eyes", False, "nobody knows whose version it is")
    if case.claimant.unknown:
        return Gate("four eyes", False, "nobody knows who asks")
    actor, owner = case.claimant.actor.owner, case.record.owner
    problem = four_eyes_problem(owner, actor, case.claimant.signer, case.trail.history.identities.owners)
    return Gate("four eyes", not problem, problem or f"owner {owner}, approver {actor}")


def registry(case: Case) -> Gate:
    """Tags and aliases that were changed behind the trail's back stop everything."""
    if case.record is None or case.found is None:
        return Gate("registry", False, f"version {case.version} isn't in the {'trail' if case.found else 'registry'}")
    tags = case.found.tags
    wrong = [
        f"{name} is {shortened(tags.get(name, ''))!r}, by the audit trail {value!r}"
        for name, value in expected_tags(case.record).items()
        if tags.get(name, "") != value
    ]
    wrong += _misplaced(case)
    return Gate("registry", not wrong, "; ".join(wrong) or "tags and aliases are those of the audit trail")


def _misplaced(case: Case) -> Sequence[str]:
    """Aliases that are elsewhere; one on the number of a version that was deleted isn't on that version."""
    holders = {alias: version for version, names in case.aliases.items() for alias in names if alias in ALIASES}
    known = {one.version: case.trail.history.of(one) for one in (case.found, case.champion) if one}
    wrong = []
    for alias in ALIASES:
        there, holder = holders.get(alias, ""), case.trail.history.holder(case.model, alias)
        audited = holder.version if holder else ""
        other = there == audited and there in known and known[there] != holder
        if there != audited or other:
            named = (holder.name if other else holder.version) if holder else "none"
            wrong.append(f"alias {alias} is on {there or 'no version'}, by the audit trail on {named}")
    return wrong


def drift(case: Case) -> Gate:
    audited = case.record.drift if case.record else ""
    tag = case.found.tags.get("drift_state", "") if case.found else ""
    stable = audited == tag == "stable"
    states = f"training data: audited {audited or 'nothing'}, tagged {tag or 'nothing'}"
    baseline = case.record.baseline_hash if case.record else ""
    if stable and not case.trail.history.may_be_baseline(case.model, baseline):
        return Gate("drift", False, f"{states}, but nobody who may made {baseline[:12] or 'anything'} the baseline")
    return Gate("drift", stable, f"{states}, against baseline {baseline[:12] or 'none'}")


def criteria(case: Case) -> Gate:
    """What the version's contract asked for against what is in force."""
    record = case.record
    asked = record.criteria if record else None
    if record is None:
        return Gate("criteria", False, "nobody knows what its contract asked for")
    if asked is None:
        # Where one before it had some, a registration without them is none that the pipeline made.
        known = any(one.criteria and one.registered.seq < record.registered.seq for one in case.trail.history.every)
        said = "its registration holds no criteria" if known else "it was registered before criteria were audited"
        return Gate("criteria", not known, said)
    force = _in_force(case, record)
    if problems := [*loosened(asked, force)]:
        said = "; ".join(problems)
        return Gate("criteria", False, f"{said}. Sign what is to hold: invoke set-criteria --model {record.model}")
    exempt = f", exempt: {', '.join(sorted(asked.exempt))}" if asked.exempt else ""
    return Gate("criteria", True, f"risk tier {asked.tier}, protected: {', '.join(asked.protected) or 'none'}{exempt}")


def approvers(case: Case) -> Gate:
    """Whether somebody else approved before, where the policy wants two for the risk tier."""
    move = move_of(case)
    if case.record is None or isinstance(move, str):
        return Gate("approvers", True, "nothing to compare")
    problem = approvers_problem(case.policy, case.record, case.claimant.actor.owner, move)
    return Gate("approvers", not problem, problem or "as many as the policy asks for")


def fairness(case: Case) -> Gate:
    """What training audited of groups of people, by the measure and the margin in force."""
    record, history = case.record, case.trail.history
    if record is None:
        return Gate("fairness", False, "no groups are audited")
    champion = history.holder(case.model, CHAMPION)
    return Gate("fairness", *fairness_of(record, champion, _in_force(case, record), history, case.policy))


def _in_force(case: Case, record: Record) -> Criteria:
    move = move_of(case)
    environment = move.environment if not isinstance(move, str) else case.claimant.actor.environment
    signed = case.policy.signature_required(environment)
    return case.trail.history.judged_by(record.model, case.policy, signed, record.registered.seq, record.criteria)


def metric(case: Case) -> Gate:
    """The audited metrics against the champion's, each with its margin."""
    record, history = case.record, case.trail.history
    if record is None:
        return Gate("metric", False, "no metric is audited")
    champion = history.holder(case.model, CHAMPION)
    theirs = case.champion if case.champion and history.of(case.champion) == champion else None
    margins = _in_force(case, record).margins
    passed, detail = metrics_of(record, case.found, champion, theirs, margins)
    gone = champion is not None and case.champion is None
    out = f"`invoke reject --model {case.model} --version {champion.name}` takes it out of service." if champion else ""
    return Gate("metric", passed, detail, f"The champion was deleted in MLflow: {out}" if gone and not passed else "")


def ledger(case: Case) -> Gate:
    found = case.trail.verification
    problems = "; ".join(f"entry {fault.seq}: {fault.problem}" for fault in found.faults[:3])
    head = f"head {found.head.hash[:12] if found.head else 'none'}"
    good = f"{found.checked} entries, {head}, {found.heads} published head{'' if found.heads == 1 else 's'}: intact"
    return Gate("ledger", found.intact, problems or good)


def approvals(case: Case) -> Gate:
    """Decisions that led here and that the policy in force would refuse make no promotion."""
    seqs = {entry.seq for entry in case.record.decisions} if case.record else set()
    doubts = [f"entry {one.seq}: {one.problem}" for one in case.trail.history.doubts if one.seq in seqs]
    names = ", ".join(f"{entry.status} by {entry.owner}" for entry in case.record.decisions) if case.record else ""
    return Gate("approvals", not doubts, "; ".join(doubts) or names or "none yet")


_WHO = (state, identity, policy)
GATES: Mapping[Action, Sequence[Callable[[Case], Gate]]] = {
    Action.APPROVE: (*_WHO, four_eyes, approvers, criteria, fairness, registry, ledger),
    Action.PROMOTE: (*_WHO, approvals, criteria, fairness, registry, drift, metric, ledger),
    # Taking a model out of service is always the safe direction.
    Action.REJECT: _WHO,
    Action.ARCHIVE: _WHO,
}


def examine(case: Case) -> tuple[Gate, ...]:
    """Every gate of the action that takes no time, in order."""
    return tuple(gate(case) for gate in GATES[case.action])


_SOMEBODY = "Give --key FILE of somebody who may; `invoke identity-list` shows who."
_AGAIN = "Train it again: what can't be proved of this version stays so."
_WIDER = 'have a wider margin signed: `invoke set-criteria --model {model} --reason "…"`.'
# Of those whose values don't say it themselves.
_REMEDIES = {
    "identity": f"{_SOMEBODY} One of them can add a key: `invoke identity-add`.",
    "policy": _SOMEBODY,
    "four eyes": "Somebody else must decide about it.",
    "approvers": "Somebody else than the first one must approve it, too.",
    "approvals": _AGAIN,
    "fairness": f"Train a fairer one, or {_WIDER}",
    "registry": "`invoke reconcile --repair` makes the registry say what the audit trail says.",
    "drift": "Train it on data like the baseline's. Where the world has changed, record a new baseline first: "
    "`invoke seed --model {model}`.",
    "metric": f"Train a better one, or {_WIDER}",
    "ledger": "`invoke verify-governance` shows where the trail was changed; see docs/runbooks.md.",
    "data": _AGAIN,
    "model": _AGAIN,
    "signature": _SOMEBODY,
}


def with_remedy(gate: Gate, model: str) -> Gate:
    """The gate, and what a person can do about it where it is closed."""
    if gate.passed or gate.remedy:
        return gate
    return replace(gate, remedy=_REMEDIES.get(gate.name, "").format(model=model))


class TooLate(LabError):
    """Somebody else's decision was written first. `now` is the version as that left it, `reached` whether that is what
    was wanted.
    """

    def __init__(self, case: Case, move: Move, now: Record, sealed: Entry, history: History) -> None:
        self.case, self.move, self.now = case, move, now
        self.reached = bool(now.decisions) and now.state is move.to_state and not move.alias
        super().__init__(
            f"Version {case.version} of {case.model} was acted on by somebody else at the same time: "
            f"entry {sealed.seq}, {history.problem_of(sealed.seq)}. It is recorded as overtaken, which is no fault.",
            self._next(history),
        )

    def _next(self, history: History) -> str:
        if self.reached:
            return f"The version is {self.now.state}, as you wanted: nothing is left to do."
        action, state = self.case.action, self.now.state
        move = find_move(state, action, history.holds(CHAMPION, self.now))
        if isinstance(move, str):
            return f"Nothing is left to type: {move}."
        again = f'invoke {action} --model {self.case.model} --version {self.case.version} --reason "…"'
        return f"The version is {state} now. Look at what the other one said; if you still want it, type `{again}`."
