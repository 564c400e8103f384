"""The way of a model version to production: its states, the moves between them, and the statements people sign.

    pending_staging -approve-> approved_staging -promote-> pending_prod -approve-> approved_prod -promote-> champion

A promotion moves an alias: `staging`, then `champion`. The version that was champion keeps its state. Rejecting takes
every alias away at once, the champion's too; archiving is tidying up, so the present champion can't be archived.
"""

import re
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, fields
from typing import Any

from lab.base.errors import LedgerError, UsageError
from lab.base.model_versions import ApprovalState
from lab.base.names import whole_number
from lab.governance.ledger import Status, canonical
from lab.governance.rules.policy import Action, Environment, Policy

STATEMENT_TYPE = "mlops-lab/statement/v1"
STAGING, CHAMPION = "staging", "champion"
ALIASES = (STAGING, CHAMPION)
LONGEST_REASON = 500
_RUN = re.compile(r"[0-9A-Za-z_-]{4,64}")
# Who owns what `verify-governance` trains to try the guardrails on.
PROBE = "verify-governance"


@dataclass(frozen=True)
class Move:
    """What an action does to a version: its new state, the environment acted in, and the alias it gets."""

    to_state: ApprovalState
    environment: Environment
    status: Status
    alias: str = ""


_S, _E = ApprovalState, Environment
_WHERE: Mapping[ApprovalState, Environment] = {
    _S.PENDING_STAGING: _E.STAGING,
    _S.APPROVED_STAGING: _E.STAGING,
    _S.PENDING_PROD: _E.PROD,
    _S.APPROVED_PROD: _E.PROD,
    _S.REJECTED: _E.STAGING,
}
MOVES: Mapping[tuple[ApprovalState, Action], Move] = {
    (_S.PENDING_STAGING, Action.APPROVE): Move(_S.APPROVED_STAGING, _E.STAGING, Status.APPROVED),
    (_S.APPROVED_STAGING, Action.PROMOTE): Move(_S.PENDING_PROD, _E.STAGING, Status.PROMOTED, STAGING),
    (_S.PENDING_PROD, Action.APPROVE): Move(_S.APPROVED_PROD, _E.PROD, Status.APPROVED),
    (_S.APPROVED_PROD, Action.PROMOTE): Move(_S.APPROVED_PROD, _E.PROD, Status.PROMOTED, CHAMPION),
    **{
        (state, Action.REJECT): Move(_S.REJECTED, where, Status.REJECTED)
        for state, where in _WHERE.items()
        if state is not _S.REJECTED
    },
    **{(state, Action.ARCHIVE): Move(_S.ARCHIVED, where, Status.ARCHIVED) for state, where in _WHERE.items()},
}
ACTIONS = (Action.APPROVE, Action.REJECT, Action.PROMOTE, Action.ARCHIVE)


def acted_in(state: ApprovalState) -> Environment:
    """The environment that an action on a version in `state` belongs to, possible or not."""
    return _WHERE.get(state, Environment.STAGING)


def find_move(state: ApprovalState, action: Action, is_champion: bool) -> Move | str:
    """The move, or why there is none."""
    move = MOVES.get((state, action))
    if move is None:
        possible = [one for one in ACTIONS if (state, one) in MOVES]
        return f"the state is {state}: {action} isn't possible, only {', '.join(possible) or 'nothing'}"
    if is_champion and action is Action.PROMOTE:
        return "it is the champion already"
    if is_champion and action is Action.ARCHIVE:
        return "it is the champion: promote another version first, or reject this one"
    return move


def must_be_signed(policy: Policy, action: Action, environment: Environment, owner: str) -> bool:
    """Whether an action on a version of `owner` counts only with a signature.

    The lab's own probes are put away without one: nobody with a key is there, and nothing is lost.
    """
    return policy.signature_required(environment) and not (action is Action.ARCHIVE and owner == PROBE)


@dataclass(frozen=True)
class SignedStatement:
    """What a person says, signed and kept in the audit trail."""

    def body(self) -> bytes:
        """The bytes that are signed: canonical JSON."""
        return canonical(asdict(self))

    def as_details(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Statement(SignedStatement):
    """What a person says about one version, and signs. `prior` is the hash of the newest entry about the version,
    so that no signature counts twice.
    """

    lab: str
    action: str
    model: str
    version: str
    from_state: str
    to_state: str
    environment: str
    actor: str
    role: str
    reason: str
    data_hash: str
    prior: str
    policy_hash: str
    time: str
    type: str = STATEMENT_TYPE


@dataclass(frozen=True)
class IdentityStatement(SignedStatement):
    """What a person says about the line of one identity, and signs. `operation` is `add` or `remove`."""

    lab: str
    operation: str
    line: str
    environment: str
    actor: str
    role: str
    reason: str
    prior: str
    policy_hash: str
    time: str
    action: str = Action.IDENTITY.value
    type: str = STATEMENT_TYPE


@dataclass(frozen=True)
class BaselineStatement(SignedStatement):
    """What a person says about the data set that the drift of a model's data is measured against, and signs.

    Statements of a time when a lab had one model name none.
    """

    lab: str
    data_hash: str
    environment: str
    actor: str
    role: str
    reason: str
    prior: str
    policy_hash: str
    time: str
    model: str = ""
    action: str = Action.BASELINE.value
    type: str = STATEMENT_TYPE

    def body(self) -> bytes:
        return canonical(self.as_details())

    def as_details(self) -> dict[str, str]:
        return {name: text for name, text in asdict(self).items() if (name, text) != ("model", "")}


@dataclass(frozen=True)
class CriteriaStatement(SignedStatement):
    """What a person says about the criteria that a model's versions are judged by, and signs."""

    lab: str
    model: str
    criteria_hash: str
    environment: str
    actor: str
    role: str
    reason: str
    prior: str
    policy_hash: str
    time: str
    action: str = Action.CRITERIA.value
    type: str = STATEMENT_TYPE


@dataclass(frozen=True)
class DeploymentStatement(SignedStatement):
    """What a person says about one plan of Terraform, and signs. `plan` is its hash, see `lab.governance.rules.plans`;
    `planner` is who made it.
    """

    lab: str
    plan: str
    planner: str
    account: str
    image_tag: str
    environment: str
    actor: str
    role: str
    reason: str
    policy_hash: str
    time: str
    action: str = Action.APPROVE_DEPLOY.value
    type: str = STATEMENT_TYPE


def parse_statement(raw: object) -> Statement:
    """The statement in an entry's details. Raises LedgerError."""
    return Statement(**_texts(raw, Statement))


def parse_identity_statement(raw: object) -> IdentityStatement:
    """The statement in the details of an identity's entry. Raises LedgerError."""
    return IdentityStatement(**_texts(raw, IdentityStatement))


def parse_baseline_statement(raw: object) -> BaselineStatement:
    """The statement in the details of a baseline's entry. Raises LedgerError."""
    return BaselineStatement(**_texts(raw, BaselineStatement, optional={"model"}))


def parse_criteria_statement(raw: object) -> CriteriaStatement:
    """The statement in the details of an entry about criteria. Raises LedgerError."""
    return CriteriaStatement(**_texts(raw, CriteriaStatement))


def parse_deployment_statement(raw: object) -> DeploymentStatement:
    """The statement in the details of an approved deployment. Raises LedgerError."""
    return DeploymentStatement(**_texts(raw, DeploymentStatement))


def _texts(raw: object, kind: type[Any], optional: Set[str] = frozenset()) -> dict[str, str]:
    names = {field.name for field in fields(kind)}
    complete = isinstance(raw, Mapping) and names - optional <= set(raw) <= names
    if not isinstance(raw, Mapping) or not complete or not all(isinstance(v, str) for v in raw.values()):
        raise LedgerError("the entry holds no statement that can be read")
    if raw["type"] != STATEMENT_TYPE:
        raise LedgerError(f"the statement is of type {raw['type']!r}, not {STATEMENT_TYPE!r}")
    return dict(raw)


def checked_reason(text: str) -> str:
    """Raises UsageError for an empty, overlong or unprintable reason."""
    reason = unicodedata.normalize("NFC", " ".join(text.split()))
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise UsageError(f"--reason must say why, in 1-{LONGEST_REASON} printable characters.", 'Type --reason "…".')
    return reason


def checked_version(text: str) -> str:
    """`1`, or `1@` and the beginning of its MLflow run's id. Raises UsageError for anything else."""
    number, chosen, run = text.partition("@")
    if not (found := whole_number(number)) or (chosen and not _RUN.fullmatch(run)):
        raise UsageError(
            f"--version {text[:40]!r} is no version number.",
            "Type --version 1; or 1@ and the beginning of its MLflow run's id, where a number was given twice.",
        )
    return f"{found}{chosen}{run}"
