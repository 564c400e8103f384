"""What the audit trail tells of model versions and identities: the truth that the registry only mirrors.

An entry counts when its statement fits the state it was made in, and when a known identity signed it where the policy
asks for that. Whoever can write to the bucket can add entries, but none that counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from lab.core import baselines, identities
from lab.core.approval import CHAMPION, PROBE, Move, Statement, find_move, must_be_signed, parse_statement
from lab.core.baselines import Baselines
from lab.core.claims import DECISIONS
from lab.core.errors import LabError, LedgerError
from lab.core.identities import Identities, Verify, bound_lab, expect, four_eyes_problem, moment, signer_of
from lab.core.ledger import Entry, Fault, Status
from lab.core.models import MODEL_NAME, ApprovalState
from lab.core.policy import Action, Actor, Policy, parse_action, parse_role
from lab.core.runs import STEPS

REQUEST = "register_model"


@dataclass(frozen=True)
class Record:
    """One registered version. `newest` is the hash of the newest entry about it; `metrics` are text, as audited."""

    version: str
    state: ApprovalState
    registered: Entry
    newest: str
    metrics: Mapping[str, str]
    decisions: tuple[Entry, ...] = ()

    @property
    def owner(self) -> str:
        return self.registered.owner

    @property
    def data_hash(self) -> str:
        return str(self.registered.details.get("data_hash", ""))

    @property
    def drift(self) -> str:
        return str(self.registered.details.get("drift", ""))

    @property
    def baseline_hash(self) -> str:
        return str(self.registered.details.get("baseline_hash", ""))

    @property
    def model_digest(self) -> str:
        """Digest of the model's files, empty where none was audited."""
        return str(self.registered.details.get("model_digest", ""))

    @property
    def mlflow_run_id(self) -> str:
        return str(self.registered.details.get("mlflow_run_id", ""))

    def decided(self, status: Status) -> Entry | None:
        """The newest decision of this kind."""
        return next((entry for entry in reversed(self.decisions) if entry.status is status), None)


@dataclass(frozen=True)
class History:
    """Everything up to the head. `aliases` say which version each belongs to; `ignored` are entries that don't count,
    `uncounted` those among them that aren't of a verification's own probes; `doubts` are decisions that count and that
    the policy in force would refuse today; `pending` are requests to register a version that weren't followed by one.
    """

    records: Mapping[str, Record]
    aliases: Mapping[str, str]
    identities: Identities
    ignored: tuple[Fault, ...] = ()
    uncounted: tuple[Fault, ...] = ()
    doubts: tuple[Fault, ...] = ()
    pending: tuple[Entry, ...] = ()
    baselines: Baselines = field(default_factory=Baselines)

    def aliases_of(self, version: str) -> tuple[str, ...]:
        return tuple(sorted(alias for alias, holder in self.aliases.items() if holder == version))


class Fold:
    """Takes the entries of a trail in order. Memory grows with runs, versions and identities, not with entries."""

    def __init__(self, lab: str, policy: Policy, verify: Verify) -> None:
        self._lab, self._policy, self._verify = lab, policy, verify
        self._requests: dict[int, Entry] = {}
        self._metrics: dict[str, Mapping[str, str]] = {}
        self._records: dict[str, Record] = {}
        self._aliases: dict[str, str] = {}
        self._identities = Identities()
        self._baselines = Baselines()
        self._ignored: list[tuple[Fault, str]] = []
        self._doubts: list[Fault] = []
        self._latest: datetime | None = None

    def see(self, entry: Entry) -> None:
        """Takes the next entry; one that doesn't count is listed and changes nothing."""
        try:
            self._take(entry)
        except LabError as err:
            fault = Fault(entry.seq, f"{entry.action} {entry.status} doesn't count: {err.message}")
            self._ignored.append((fault, entry.model_version))
        if record := self._records.get(entry.model_version):
            self._records[entry.model_version] = replace(record, newest=entry.hash)
        if entry.action == Action.IDENTITY:
            self._identities = replace(self._identities, prior=entry.hash)
        if entry.action == Action.BASELINE:
            self._baselines = replace(self._baselines, prior=entry.hash)
        at = moment(entry.time)
        if at and (self._latest is None or at > self._latest):
            self._latest = at

    def history(self) -> History:
        """What is known so far."""
        return History(
            dict(self._records),
            dict(self._aliases),
            self._identities,
            tuple(fault for fault, _ in self._ignored),
            tuple(fault for fault, version in self._ignored if not self._is_probe(version)),
            tuple(self._doubts),
            tuple(self._requests.values()),
            self._baselines,
        )

    def _is_probe(self, version: str) -> bool:
        return version in self._records and self._records[version].owner == PROBE

    def _take(self, entry: Entry) -> None:
        if entry.action == REQUEST and entry.status is Status.REQUESTED:
            self._requests[entry.seq] = entry
        elif entry.action == STEPS[2] and entry.status is Status.SUCCESS:
            texts = {name: value for name, value in entry.details.items() if isinstance(value, str)}
            self._metrics[texts.get("mlflow_run_id", "")] = texts
        elif entry.action == STEPS[3] and entry.status is Status.SUCCESS:
            self._register(entry)
        elif entry.action == Action.BASELINE:
            self._baselines = baselines.apply(
                self._baselines,
                entry,
                self._lab,
                self._policy,
                self._identities.signers,
                self._verify,
                self._latest,
            )
        elif entry.status in DECISIONS:
            self._decide(entry)
        elif entry.action == Action.IDENTITY:
            self._identities = identities.apply(
                self._identities, entry, self._lab, self._policy, self._verify, self._latest
            )

    def _register(self, entry: Entry) -> None:
        seq = entry.details.get("request_seq")
        request = self._requests.pop(seq, None) if isinstance(seq, int) else None
        if request is None or not entry.model_version:
            raise LedgerError("no request to register a version comes before it")
        if entry.model_version in self._records:
            raise LedgerError(f"version {entry.model_version} is registered already")
        metrics = self._metrics.get(str(request.details.get("mlflow_run_id", "")), {})
        self._records[entry.model_version] = Record(
            entry.model_version, ApprovalState.PENDING_STAGING, request, entry.hash, metrics
        )

    def _decide(self, entry: Entry) -> None:
        record = self._records.get(entry.model_version)
        if record is None:
            raise LedgerError(f"version {entry.model_version or '?'} was never registered")
        statement = parse_statement(entry.details.get("statement"))
        move = self._fitting_move(entry, statement, record)
        known = self._identities
        signer = signer_of(entry, statement.body(), known.signers, self._verify, self._latest)
        if signer is None and must_be_signed(self._policy, Action(entry.action), move.environment, record.owner):
            raise LedgerError("it isn't signed")
        if move.status is Status.APPROVED and (
            problem := four_eyes_problem(record.owner, entry.owner, signer, known.owners)
        ):
            raise LedgerError(problem)
        decision = self._policy.decide(
            Actor(entry.owner, parse_role(entry.role), move.environment), Action(entry.action)
        )
        if not decision.allowed:
            self._doubts.append(Fault(entry.seq, f"the policy in force would refuse it: {decision}"))
        self._move(record, move, entry)

    def _fitting_move(self, entry: Entry, statement: Statement, record: Record) -> Move:
        champion = self._aliases.get(CHAMPION) == record.version
        move = find_move(record.state, parse_action(entry.action), champion)
        if isinstance(move, str):
            raise LedgerError(move)
        if entry.status is not move.status or entry.environment != move.environment:
            raise LedgerError(f"the entry says {entry.status} in {entry.environment}")
        expect(
            statement.as_details(),
            lab=bound_lab(entry, statement.lab, self._lab),
            action=entry.action,
            model=MODEL_NAME,
            version=record.version,
            from_state=record.state.value,
            to_state=move.to_state.value,
            environment=move.environment.value,
            actor=entry.owner,
            role=entry.role,
            data_hash=record.data_hash,
            prior=record.newest,
            policy_hash=entry.policy_hash,
            time=entry.time,
        )
        return move

    def _move(self, record: Record, move: Move, entry: Entry) -> None:
        version = record.version
        self._records[version] = replace(record, state=move.to_state, decisions=(*record.decisions, entry))
        if move.alias:
            self._aliases[move.alias] = version
        elif move.status in {Status.REJECTED, Status.ARCHIVED}:
            self._aliases = {alias: holder for alias, holder in self._aliases.items() if holder != version}
