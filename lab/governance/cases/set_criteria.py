"""What a model's versions are judged by: looking at it, and putting a contract's criteria in force, signed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab.base.errors import LabError, PolicyDenied
from lab.config import LabConfig
from lab.governance.cases.signing import Claimant, Signing, claimant, policy_problem
from lab.governance.cases.trail import TrailReader, entry_by_actor, ledger
from lab.governance.ledger import Entry, EntryStore, Status
from lab.governance.rules.approval_states import CriteriaStatement, checked_reason
from lab.governance.rules.criteria import Criteria, CriteriaHistory, criteria_of, loosened
from lab.governance.rules.identities import uncounted_remedy
from lab.governance.rules.policy import Action, Environment
from lab.models.model_folder import Model
from lab.services.s3 import PIPELINE, S3, AuditStore


@dataclass(frozen=True)
class CriteriaView:
    """`asked` is what the contract says, `force` what a version is judged by now where a signature is needed, and
    `problems` in what the contract asks for less; `entry` put it in force just now.
    """

    model: str
    asked: Criteria
    force: Criteria
    problems: tuple[str, ...]
    entry: Entry | None = None


class CriteriaApproval:
    """Looks, and asks the policy and for a signature. Methods raise LabError."""

    def __init__(self, config: LabConfig, model: Model, signing: Signing, store: EntryStore | None = None) -> None:
        self._config, self._model, self._signing = config, model, signing
        self._store = store or AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix)

    def look(self) -> CriteriaView:
        """Changes nothing."""
        return self._view(TrailReader(self._config, self._store))

    def put_in_force(self, reason: str) -> CriteriaView:
        """Makes the contract's criteria those that versions are judged by; PolicyDenied for who may not."""
        reason, reader = checked_reason(reason), TrailReader(self._config, self._store)
        state = reader.read()
        identities = state.history.identities
        # What is signed holds wherever versions are judged, so it is for those who may say so in prod.
        signs = self._signing.chosen(self._config) is not None
        environment = Environment.PROD if signs else self._config.actor.environment
        who = claimant(self._config, self._signing, identities, Action.CRITERIA, environment)
        self._decide(who)
        asked = criteria_of(self._model.contract)
        entry = self._entry(who, Status.SUCCESS, {"criteria": asked.as_details(), "reason": reason})
        if who.signer:
            known = state.history.criteria.get(self._name, CriteriaHistory())
            statement = self._statement(entry, asked, known.prior, reason)
            entry, problem = self._signing.signed(self._config, entry, statement, identities)
            if problem:
                self._refuse(who, problem)
        sealed = self._append(entry)
        if problem := reader.follow(sealed.seq).problem_of(sealed.seq):
            raise LabError(
                f"Nothing was put in force: entry {sealed.seq}, {problem}.",
                uncounted_remedy(problem, "Type the command again, if this is still what is to hold."),
            )
        return replace(self._view(TrailReader(self._config, self._store)), entry=sealed)

    @property
    def _name(self) -> str:
        return self._model.contract.name

    def _view(self, reader: TrailReader) -> CriteriaView:
        history, asked = reader.read().history, criteria_of(self._model.contract)
        # As it would be judged that is registered next.
        force = history.judged_by(self._name, self._config.policy, True, 10**12, asked)
        return CriteriaView(self._name, asked, force, tuple(loosened(asked, force)))

    def _statement(self, entry: Entry, asked: Criteria, prior: str, reason: str) -> CriteriaStatement:
        return CriteriaStatement(
            lab=self._config.name,
            model=self._name,
            criteria_hash=asked.digest,
            environment=str(entry.environment),
            actor=entry.owner,
            role=str(entry.role),
            reason=reason,
            prior=prior,
            policy_hash=entry.policy_hash,
            time=entry.time,
        )

    def _decide(self, who: Claimant) -> None:
        if problem := policy_problem(self._config, who, Action.CRITERIA):
            self._refuse(who, problem)

    def _refuse(self, who: Claimant, problem: str) -> None:
        self._append(self._entry(who, Status.BLOCKED, {"reason": problem}))
        raise PolicyDenied(
            f"Refused: {problem.rstrip('.')}.", "Use a role that the policy allows, and its key where it must sign."
        )

    def _entry(self, who: Claimant, status: Status, details: Mapping[str, Any]) -> Entry:
        return entry_by_actor(self._config, Action.CRITERIA, status, {**details, "model": self._name}, who.actor)

    def _append(self, entry: Entry) -> Entry:
        return ledger(self._config, self._store).append(entry)
