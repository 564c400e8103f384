"""What versions of a model are judged by, and when a contract asks for less than is in force.

Whoever trains writes the contract, so it can't decide on its own what its versions must keep: criteria count once an
entry of the audit trail says so, signed where the policy asks for that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lab.base.drift_report import DRIFTED
from lab.base.errors import LedgerError
from lab.governance.ledger import GENESIS, Entry, Status, canonical
from lab.governance.rules.approval_states import parse_criteria_statement
from lab.governance.rules.identities import Verify, expect, signer_of
from lab.governance.rules.policy import Action, Actor, Environment, Policy, parse_environment, parse_role
from lab.governance.rules.signers import Signer
from lab.models.groups import LEAST, MEASURES, NONE

if TYPE_CHECKING:
    from lab.models.contract import Contract

# From the least harm that a wrong prediction can do to the greatest.
TIERS = ("low", "medium", "high")
_USUAL = "medium"
_NEEDED = frozenset({"tier", "margins", "protected", "exempt"})
# Signed criteria are a page; more is a mistake, or meant to exhaust the reader.
_MOST = 500


@dataclass(frozen=True)
class Fairness:
    """How groups of people are compared: by which measure, how many rows a group needs, and how far apart they may be,
    as decimal text or a share of the value over all rows in per cent; empty: as the policy says.
    """

    measure: str
    least: int = LEAST
    margin: str = ""


@dataclass(frozen=True)
class Drift:
    """The PSI above which a feature has drifted, as decimal text, and the rows that data needs to pass for stable."""

    psi: str = str(DRIFTED)
    least: int = 0


@dataclass(frozen=True)
class Criteria:
    """What a version must keep. `margins`: by metric how much worse than the champion it may be, as decimal text or a
    share of the champion's in per cent. `protected` are the columns that tell of something that people must not be
    judged by; `exempt` says why the model is given some of them all the same. `fairness` and `drift` are
    None in entries of a time when nobody could choose them.
    """

    tier: str = _USUAL
    margins: Mapping[str, str] = field(default_factory=dict)
    protected: tuple[str, ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
    fairness: Fairness | None = None
    drift: Drift | None = None

    def as_details(self) -> dict[str, Any]:
        """As an audit entry holds them."""
        return {
            "tier": self.tier,
            "protected": sorted(self.protected),
            "margins": dict(self.margins),
            "exempt": dict(self.exempt),
            # Left out where it wasn't known: signed criteria keep the digest that was signed.
            **({"fairness": asdict(self.fairness)} if self.fairness else {}),
            **({"drift": asdict(self.drift)} if self.drift else {}),
        }

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of their canonical JSON."""
        return sha256(canonical(self.as_details())).hexdigest()


def parse_criteria(raw: object) -> Criteria:
    """What an entry's details say. Raises LedgerError."""
    if not isinstance(raw, Mapping) or set(raw) - {"fairness", "drift"} != _NEEDED:
        raise LedgerError("the entry holds no criteria that can be read")
    margins, protected, exempt = raw["margins"], raw["protected"], raw["exempt"]
    sound = (
        raw["tier"] in TIERS
        and _are_texts(margins)
        and _are_texts(exempt)
        and isinstance(protected, list)
        and all(isinstance(name, str) for name in protected)
        and max(len(margins), len(protected), len(exempt)) <= _MOST
    )
    if not sound or any(allowance(value) is None for value in margins.values()):
        raise LedgerError("the entry holds no criteria that can be read")
    fairness = _parse_fairness(raw["fairness"]) if "fairness" in raw else None
    drift = _parse_drift(raw["drift"]) if "drift" in raw else None
    return Criteria(raw["tier"], dict(margins), tuple(protected), dict(exempt), fairness, drift)


def _parse_drift(raw: object) -> Drift:
    if isinstance(raw, Mapping) and set(raw) == {"psi", "least"}:
        psi, least = raw["psi"], raw["least"]
        counts = isinstance(least, int) and not isinstance(least, bool) and least >= 0
        if isinstance(psi, str) and not psi.endswith("%") and allowance(psi) and counts:
            return Drift(psi, least)
    raise LedgerError("the entry holds no criteria that can be read")


def _parse_fairness(raw: object) -> Fairness:
    if isinstance(raw, Mapping) and set(raw) == {"measure", "least", "margin"}:
        measure, least, margin = raw["measure"], raw["least"], raw["margin"]
        counts = isinstance(least, int) and not isinstance(least, bool) and least > 0
        judged = isinstance(margin, str) and (not margin or allowance(margin) is not None)
        if isinstance(measure, str) and measure in {*MEASURES, NONE} and counts and judged:
            return Fairness(measure, least, margin)
    raise LedgerError("the entry holds no criteria that can be read")


def _are_texts(raw: object) -> bool:
    return isinstance(raw, Mapping) and all(isinstance(text, str) for pair in raw.items() for text in pair)


def allowance(margin: str) -> tuple[Decimal, bool] | None:
    """How much a margin allows, and whether that is a share of the champion's value; None for what is no margin."""
    try:
        number = Decimal(margin.removesuffix("%"))
    except InvalidOperation:
        return None
    relative = margin.endswith("%")
    if not number.is_finite() or number < 0 or (relative and number > 100):
        return None
    return (number / 100 if relative else number), relative


def loosened(asked: Criteria, force: Criteria) -> Iterator[str]:
    """In what the criteria that a contract asks for are weaker than those in force, for a person."""
    if TIERS.index(asked.tier) < TIERS.index(force.tier):
        yield f"risk tier {asked.tier}, in force is {force.tier}"
    for name in sorted(set(force.protected) - set(asked.protected)):
        yield f"{name} isn't protected any more"
    for name, why in sorted(asked.exempt.items()):
        if force.exempt.get(name) != why:
            yield f"{name} is protected and used all the same, and nobody signed for that"
    for name, margin in sorted(asked.margins.items()):
        if not _as_strict(margin, force.margins.get(name, "")):
            yield f"margin {name} {margin}, in force is {force.margins.get(name, 'none')}"
    if asked.fairness and (asked.protected or force.protected):
        yield from _less_fair(asked.fairness, force.fairness)
    yield from _less_stable(asked.drift or Drift(), force.drift or Drift())


def _less_fair(asked: Fairness, force: Fairness | None) -> Iterator[str]:
    if force is None:
        yield "groups of people aren't judged, and nobody signed for that"
        return
    if asked.measure != force.measure and force.measure != NONE:
        yield f"groups are compared by {asked.measure}, in force is {force.measure}"
    elif asked.margin and force.margin and not _as_strict(asked.margin, force.margin):
        yield f"groups may be {asked.margin} apart, in force is {force.margin}"
    if asked.least > force.least:
        yield f"groups of fewer than {asked.least} rows aren't judged, in force are {force.least}"


def _less_stable(asked: Drift, force: Drift) -> Iterator[str]:
    if Decimal(asked.psi) > Decimal(force.psi):
        yield f"drift is a PSI above {asked.psi}, in force is {force.psi}"
    if asked.least < force.least:
        yield f"{asked.least} rows are enough for stable data, in force are {force.least}"


def _as_strict(margin: str, force: str) -> bool:
    ours, theirs = allowance(margin), allowance(force) if force else None
    if ours is None or theirs is None:
        return False
    return ours[1] == theirs[1] and ours[0] <= theirs[0]


@dataclass(frozen=True)
class CriteriaHistory:
    """Of one model: the newest criteria, the newest that somebody signed who may in prod, the newest entry's hash."""

    newest: Criteria | None = None
    signed: Criteria | None = None
    prior: str = GENESIS


def apply(
    known: CriteriaHistory,
    entry: Entry,
    lab: str,
    policy: Policy,
    signers: Sequence[Signer],
    verify: Verify,
    latest: datetime | None,
) -> CriteriaHistory:
    """After `entry`. Raises LabError when it doesn't count."""
    if entry.status is not Status.SUCCESS:
        return known
    found = parse_criteria(entry.details.get("criteria"))
    if not entry.details.get("signature"):
        if policy.signature_required(parse_environment(entry.environment)):
            raise LedgerError("it isn't signed")
        return replace(known, newest=found)
    statement = parse_criteria_statement(entry.details.get("statement"))
    expect(
        statement.as_details(),
        lab=lab,
        action=entry.action,
        model=str(entry.details.get("model", "")),
        criteria_hash=found.digest,
        environment=entry.environment,
        actor=entry.owner,
        role=entry.role,
        prior=known.prior,
        policy_hash=entry.policy_hash,
        time=entry.time,
    )
    signer_of(entry, statement.body(), signers, verify, latest)
    if entry.environment != Environment.PROD:
        return replace(known, newest=found)
    author = Actor(entry.owner, parse_role(entry.role), Environment.PROD)
    if not (decision := policy.decide(author, Action.CRITERIA)).allowed:
        raise LedgerError(f"the policy refuses it: {decision}")
    return replace(known, newest=found, signed=found)


def in_force(
    known: CriteriaHistory, policy: Policy, signed: bool, earlier: Sequence[Criteria], asked: Criteria | None = None
) -> Criteria:
    """What a version is judged by that asked for `asked`. `signed`: only what somebody signed counts; `earlier` is what
    earlier versions of the model were registered with, the first one first: their protected columns stay protected,
    and groups are compared as the first one said, until somebody signs that it is to be otherwise.
    """
    found = (known.signed if signed else known.newest) or Criteria(
        _USUAL, {}, tuple(sorted({name for one in earlier for name in one.protected}))
    )
    tier = max(found.tier, asked.tier if asked else found.tier, key=TIERS.index)
    fairness = found.fairness or next(_chosen([*earlier, *([asked] if asked else [])]), None)
    if fairness:
        margin = fairness.margin or policy.fairness.get(fairness.measure, {}).get(tier, "")
        fairness = replace(fairness, margin=margin)
    most = max((one.drift.least for one in earlier if one.drift), default=0)
    drift = found.drift or Drift(policy.drift, most)
    return replace(found, margins={**policy.margins, **found.margins}, fairness=fairness, drift=drift)


def _chosen(criteria: Sequence[Criteria]) -> Iterator[Fairness]:
    """By what each compares groups, with what nobody has to sign for."""
    for one in criteria:
        if one.fairness and one.fairness.measure != NONE:
            yield Fairness(one.fairness.measure)


def criteria_of(contract: "Contract") -> Criteria:
    """What a contract asks for."""
    exempt = {name: column.exempt for name, column in contract.columns.items() if column.exempt}
    fairness = Fairness(contract.measure, contract.fairness.least, contract.fairness.margin)
    protected = tuple(sorted(contract.protected))
    drift = Drift(f"{Decimal(str(contract.drift.psi)):f}", contract.drift.least)
    return Criteria(contract.risk_tier.value, dict(contract.margins), protected, exempt, fairness, drift)
