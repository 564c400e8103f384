"""What the audit trail tells of model versions and identities: the truth that the registry only mirrors.

An entry counts when its statement fits the state it was made in, and when a known identity signed it where the policy
asks for that. Whoever can write to the bucket can add entries, but none that counts.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from lab.base.errors import LabError, LedgerError
from lab.base.model_versions import ApprovalState
from lab.base.names import is_model_name, shown
from lab.base.runs import REGISTER, REGISTRATION_REQUEST, TRAIN
from lab.governance.ledger import Entry, Fault, Status
from lab.governance.rules import baselines, criteria, deployments, identities
from lab.governance.rules.approval_states import (
    CHAMPION,
    PROBE,
    Move,
    Statement,
    find_move,
    must_be_signed,
    parse_statement,
)
from lab.governance.rules.approvers import approvers_problem
from lab.governance.rules.baselines import Baselines
from lab.governance.rules.criteria import CriteriaHistory
from lab.governance.rules.deployments import Deployments
from lab.governance.rules.entry_validity import DECISIONS
from lab.governance.rules.identities import Identities, Verify, bound_lab, expect, four_eyes_problem, moment, signer_of
from lab.governance.rules.policy import Action, Actor, Policy, parse_action, parse_role
from lab.governance.rules.races import Judged, Overtaken, Past, prior_of
from lab.governance.rules.version_records import History, Key, Record

__all__ = ["Fold", "History", "Record"]

T = TypeVar("T")


@dataclass(frozen=True)
class _Standing:
    """A version at some moment, and whether it was the champion."""

    record: Record
    champion: bool


class Fold:
    """Takes the entries of a trail in order. Memory grows with runs, and entries about versions and identities."""

    def __init__(self, lab: str, policy: Policy, verify: Verify) -> None:
        self._lab, self._policy, self._verify = lab, policy, verify
        self._requests: dict[int, Entry] = {}
        self._metrics: dict[str, Mapping[str, str]] = {}
        self._groups: dict[str, str] = {}
        self._records: dict[Key, Record] = {}
        self._keys: dict[str, list[Key]] = {}
        self._holders: dict[tuple[str, str], Key] = {}
        self._identities, self._deployments = Identities(), Deployments()
        self._baselines: dict[str, Baselines] = {}
        self._criteria: dict[str, CriteriaHistory] = {}
        self._past_records: Past[_Standing] = Past()
        self._past_identities: Past[Identities] = Past()
        self._past_baselines: dict[str, Past[Baselines]] = {}
        self._past_criteria: dict[str, Past[CriteriaHistory]] = {}
        self._judged = Judged()
        self._late_requests: set[int] = set()
        self._ignored: list[Fault] = []
        self._uncounted: list[Fault] = []
        self._overtaken: list[Fault] = []
        self._doubts: list[Fault] = []
        self._latest: datetime | None = None

    def see(self, entry: Entry) -> None:
        """Takes the next entry; one that doesn't count is listed and changes nothing."""
        known, model = self._identities, model_of(entry)
        set_before = self._baselines.get(model, Baselines())
        judged_by = self._criteria.get(model, CriteriaHistory())
        before = self._standing(self._key_of(entry))
        try:
            self._take(entry)
        except LabError as err:
            self._ignore(entry, err)
        self._follow(entry, before)
        if entry.action == Action.IDENTITY:
            self._past_identities.note(known.prior, known, entry)
            self._identities = replace(self._identities, prior=entry.hash)
        if entry.action == Action.BASELINE:
            self._past_baselines.setdefault(model, Past()).note(set_before.prior, set_before, entry)
            self._baselines[model] = replace(self._baselines.get(model, Baselines()), prior=entry.hash)
        if entry.action == Action.CRITERIA:
            self._past_criteria.setdefault(model, Past()).note(judged_by.prior, judged_by, entry)
            self._criteria[model] = replace(self._criteria.get(model, CriteriaHistory()), prior=entry.hash)
        at = moment(entry.time)
        if at and (self._latest is None or at > self._latest):
            self._latest = at

    def history(self) -> History:
        """What is known so far."""
        newest = {(key.model, key.number): record for key, record in self._records.items()}
        return History(
            newest,
            dict(self._holders),
            self._identities,
            tuple(self._ignored),
            tuple(self._uncounted),
            tuple(self._doubts),
            tuple(self._requests.values()),
            dict(self._baselines),
            tuple(one for one in self._records.values() if newest[one.model, one.version] is not one),
            tuple(self._overtaken),
            self._deployments,
            dict(self._criteria),
        )

    def _ignore(self, entry: Entry, err: LabError) -> None:
        fault = Fault(entry.seq, f"{entry.action} {entry.status} doesn't count: {err.message}")
        self._ignored.append(fault)
        if isinstance(err, Overtaken):
            self._overtaken.append(fault)
        elif (record := self._records.get(self._key_of(entry))) is None or record.owner != PROBE:
            self._uncounted.append(fault)

    def _key_of(self, entry: Entry) -> Key:
        """Which version an entry is about: the one of the MLflow run that it names, or that its statement follows.

        Whatever names a number only is about the version that was registered last under it, of the model that it names.
        """
        number, run, model = entry.model_version, entry.details.get("mlflow_run_id"), model_of(entry)
        numbered = self._keys.get(number, [])
        known = [key for key in numbered if model in {key.model, ""}]
        if not known and "model" not in entry.details:
            # When a lab held one model, entries named none, and what a statement made up was held against that one.
            known = numbered
        known = known or [Key(model, number, "")]
        if exact := next((key for key in reversed(known) if key.run == run), None):
            return exact
        prior = prior_of(entry)
        late = self._past_records.known(prior) if prior else None
        if late and late.record.key in known:
            return late.record.key
        followed = (key for key in known if prior and key in self._records and self._records[key].newest == prior)
        return next(followed, known[-1])

    def _standing(self, key: Key) -> "_Standing | None":
        record = self._records.get(key)
        return _Standing(record, self._holders.get((key.model, CHAMPION)) == key) if record else None

    def _follow(self, entry: Entry, before: "_Standing | None") -> None:
        """Makes `entry` the newest one about its version, whether it counts or not."""
        if not entry.model_version or (record := self._records.get(self._key_of(entry))) is None:
            return
        if before and before.record.key == record.key:
            self._past_records.note(before.record.newest, before, entry)
        self._records[record.key] = replace(record, newest=entry.hash)

    def _take(self, entry: Entry) -> None:
        if entry.action == REGISTRATION_REQUEST and entry.status is Status.REQUESTED:
            self._requests[entry.seq] = entry
        elif entry.action == TRAIN and entry.status is Status.SUCCESS:
            texts = {name: value for name, value in entry.details.items() if isinstance(value, str)}
            self._metrics[texts.get("mlflow_run_id", "")] = texts
            # Of every run, so kept as text: values would take many times as much memory.
            groups = entry.details.get("fairness")
            self._groups[texts.get("mlflow_run_id", "")] = json.dumps(groups) if groups else ""
        elif entry.action == REGISTER and entry.status is Status.SUCCESS:
            self._register(entry)
        elif entry.action == Action.BASELINE:
            self._set_baseline(entry)
        elif entry.action == Action.CRITERIA:
            self._set_criteria(entry)
        elif entry.action in {Action.DEPLOY, Action.APPROVE_DEPLOY}:
            known = self._identities
            self._deployments = deployments.apply(
                self._deployments, entry, self._lab, known, self._verify, self._latest
            )
        elif entry.status in DECISIONS:
            self._decide(entry)
        elif entry.action == Action.IDENTITY and entry.status is Status.SUCCESS:
            self._change_identities(entry)

    def _change_identities(self, entry: Entry) -> None:
        def applied(known: Identities) -> Identities:
            return identities.apply(known, entry, self._lab, self._policy, self._verify, self._latest)

        late = self._past_identities.known(prior_of(entry))
        # The very first one is taken on trust: a claim without any proof is never excused.
        if late and not late.untouched:
            self._refuse_late(self._past_identities, entry, applied)
        found = applied(self._identities)
        self._judged.once(entry)
        self._identities = found

    def _set_baseline(self, entry: Entry) -> None:
        def applied(known: Baselines) -> Baselines:
            signers = self._identities.signers
            return baselines.apply(known, entry, self._lab, self._policy, signers, self._verify, self._latest)

        model = model_of(entry)
        seq = entry.details.get("request_seq")
        if isinstance(seq, int) and seq in self._late_requests:
            raise Overtaken("its request came too late")
        if entry.status is Status.REQUESTED:
            try:
                self._refuse_late(self._past_baselines.setdefault(model, Past()), entry, applied)
            except Overtaken:
                self._late_requests.add(entry.seq)
                raise
        found = applied(self._baselines.get(model, Baselines()))
        self._judged.once(entry)
        self._baselines[model] = found

    def _set_criteria(self, entry: Entry) -> None:
        def applied(known: CriteriaHistory) -> CriteriaHistory:
            signers = self._identities.signers
            return criteria.apply(known, entry, self._lab, self._policy, signers, self._verify, self._latest)

        model = model_of(entry)
        if not is_model_name(model):
            raise LedgerError("it names no model")
        if prior_of(entry):
            self._refuse_late(self._past_criteria.setdefault(model, Past()), entry, applied)
        found = applied(self._criteria.get(model, CriteriaHistory()))
        self._judged.once(entry)
        self._criteria[model] = found

    def _refuse_late(self, past: Past[T], entry: Entry, judge: Callable[[T], object]) -> None:
        """Raises Overtaken for what would have counted behind the entry that its statement names."""
        prior = prior_of(entry)
        if (known := past.known(prior)) is not None:
            judge(known)
            self._judged.once(entry)
            past.refuse(prior, entry)

    def _register(self, entry: Entry) -> None:
        seq = entry.details.get("request_seq")
        request = self._requests.pop(seq, None) if isinstance(seq, int) else None
        if request is None or not entry.model_version:
            raise LedgerError("no request to register a version comes before it")
        run = str(request.details.get("mlflow_run_id", ""))
        metrics, groups = self._metrics.get(run, {}), self._groups.get(run, "")
        record = Record(entry.model_version, ApprovalState.PENDING_STAGING, request, entry.hash, metrics, groups=groups)
        if not is_model_name(record.model):
            raise LedgerError("its request names no model")
        if record.key in self._records:
            raise LedgerError(f"version {entry.model_version} of {record.model} is registered already")
        self._records[record.key] = record
        self._keys.setdefault(record.version, []).append(record.key)

    def _decide(self, entry: Entry) -> None:
        key = self._key_of(entry)
        standing = self._standing(key)
        if standing is None:
            of_model = f" of {shown(key.model)}" if key.model else ""
            raise LedgerError(f"version {entry.model_version or '?'}{of_model} was never registered")
        statement = parse_statement(entry.details.get("statement"))
        late = self._past_records.known(statement.prior)
        if late and late.record.key == key:
            self._refuse_late(self._past_records, entry, lambda then: self._judge(entry, statement, then))
        move = self._judge(entry, statement, standing)
        self._judged.once(entry)
        decision = self._policy.decide(
            Actor(entry.owner, parse_role(entry.role), move.environment), Action(entry.action)
        )
        if not decision.allowed:
            self._doubts.append(Fault(entry.seq, f"the policy in force would refuse it: {decision}"))
        elif problem := approvers_problem(self._policy, standing.record, entry.owner, move):
            self._doubts.append(Fault(entry.seq, f"the policy in force would refuse it: {problem}"))
        self._move(standing.record, move, entry)

    def _judge(self, entry: Entry, statement: Statement, standing: "_Standing") -> Move:
        """What the entry does to a version that stands so. Raises LabError when it doesn't count there."""
        record, known = standing.record, self._identities
        move = self._fitting_move(entry, statement, standing)
        signer = signer_of(entry, statement.body(), known.signers, self._verify, self._latest)
        if signer is None and must_be_signed(self._policy, Action(entry.action), move.environment, record.owner):
            raise LedgerError("it isn't signed")
        if move.status is Status.APPROVED and (
            problem := four_eyes_problem(record.owner, entry.owner, signer, known.owners)
        ):
            raise LedgerError(problem)
        return move

    def _fitting_move(self, entry: Entry, statement: Statement, standing: "_Standing") -> Move:
        record = standing.record
        move = find_move(record.state, parse_action(entry.action), standing.champion)
        if isinstance(move, str):
            raise LedgerError(move)
        if entry.status is not move.status or entry.environment != move.environment:
            raise LedgerError(f"the entry says {entry.status} in {entry.environment}")
        expect(
            statement.as_details(),
            lab=bound_lab(entry, statement.lab, self._lab),
            action=entry.action,
            model=record.model,
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
        key = record.key
        self._records[key] = replace(record, state=move.to_state, decisions=(*record.decisions, entry))
        if move.alias:
            self._holders[key.model, move.alias] = key
        elif move.status in {Status.REJECTED, Status.ARCHIVED}:
            self._holders = {alias: holder for alias, holder in self._holders.items() if holder != key}


def model_of(entry: Entry) -> str:
    """The model that an entry names; empty when it names none. What people signed comes first."""
    statement = entry.details.get("statement")
    said = statement.get("model") if isinstance(statement, Mapping) else entry.details.get("model")
    return said if isinstance(said, str) else ""
