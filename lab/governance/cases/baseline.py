"""Who may say what drift is measured against, proved by a signature where the policy asks for one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.base.errors import LabError, PolicyDenied
from lab.config import LabConfig
from lab.governance.cases.signing import Claimant, Signing, claimant, policy_problem
from lab.governance.cases.trail import TrailReader, entry_by_actor, ledger
from lab.governance.ledger import Entry, EntryStore, Status
from lab.governance.ledger.writer import Ledger
from lab.governance.rules.approval_states import BaselineStatement, checked_reason
from lab.governance.rules.identities import uncounted_remedy
from lab.governance.rules.policy import Action, Actor


@dataclass(frozen=True)
class Mandate:
    """Leave to set a baseline: `actor` asked for it, entry `seq` says so, `details` name the data set."""

    actor: Actor
    seq: int
    details: Mapping[str, Any]


class BaselineApproval:
    """Asks the policy, and for a signature, about the baseline of one model. Methods raise LabError."""

    def __init__(
        self, config: LabConfig, store: EntryStore, signing: Signing, model: str, trail: Ledger | None = None
    ) -> None:
        """`trail` is the writer, where several share one: each new one first has to find the trail's head."""
        self._config, self._store, self._signing, self._model = config, store, signing, model
        self._trail = trail or ledger(config, store)
        needed = config.policy.signature_required(config.actor.environment)
        self._signs = needed or signing.chosen(config) is not None

    def admit(self) -> None:
        """Before anything is read: raises PolicyDenied when whoever signs nothing may not set a baseline."""
        if not self._signs:
            self._decide(Claimant(self._config.actor))

    def ask(self, details: Mapping[str, Any], reason: str) -> Mandate:
        """Records who asked for the baseline in `details`, which holds its `data_hash`.

        Raises PolicyDenied, and LabError when somebody else asked at the same time and came first.
        """
        if not self._signs:
            actor = self._config.actor
            return Mandate(actor, self._append(self._entry(actor, Status.REQUESTED, details)).seq, details)
        reader = TrailReader(self._config, self._store)
        who, entry = self._signed(reader, details, checked_reason(reason))
        sealed = self._append(entry)
        if problem := reader.follow(sealed.seq).problem_of(sealed.seq):
            raise LabError(
                f"No baseline was set: entry {sealed.seq}, {problem}.",
                uncounted_remedy(problem, "Type the command again, if this is still to be the baseline."),
            )
        return Mandate(who, sealed.seq, details)

    def done(self, mandate: Mandate) -> None:
        """Records that the baseline is set."""
        details = {**mandate.details, "request_seq": mandate.seq}
        self._append(self._entry(mandate.actor, Status.SUCCESS, details))

    def _signed(self, reader: TrailReader, details: Mapping[str, Any], reason: str) -> tuple[Actor, Entry]:
        history = reader.read().history
        environment = self._config.actor.environment
        who = claimant(self._config, self._signing, history.identities, Action.BASELINE, environment)
        self._decide(who)
        entry = self._entry(who.actor, Status.REQUESTED, details)
        statement = BaselineStatement(
            lab=self._config.name,
            data_hash=str(details["data_hash"]),
            environment=str(entry.environment),
            actor=entry.owner,
            role=str(entry.role),
            reason=reason,
            prior=history.baselines_of(self._model).prior,
            policy_hash=entry.policy_hash,
            time=entry.time,
            model=self._model,
        )
        signed, problem = self._signing.signed(self._config, entry, statement, history.identities)
        if problem:
            self._refuse(who.actor, problem)
        return who.actor, signed

    def _decide(self, who: Claimant) -> None:
        if problem := policy_problem(self._config, who, Action.BASELINE):
            self._refuse(who.actor, problem)

    def _refuse(self, actor: Actor, problem: str) -> None:
        self._append(self._entry(actor, Status.BLOCKED, {"reason": problem}))
        raise PolicyDenied(
            f"Refused: {problem.rstrip('.')}.", "Use a role that the policy allows, and its key where it must sign."
        )

    def _entry(self, actor: Actor, status: Status, details: Mapping[str, Any]) -> Entry:
        return entry_by_actor(self._config, Action.BASELINE, status, {**details, "model": self._model}, actor)

    def _append(self, entry: Entry) -> Entry:
        return self._trail.append(entry)
