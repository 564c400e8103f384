"""The guard around every step: policy decides, the trail says that the step began, and how it ended."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import dagster as dg

from lab.base.errors import LabError, PolicyDenied, told
from lab.base.names import all_storable
from lab.dagster_host import memory_limit
from lab.governance.ledger import Entry, Status
from lab.governance.ledger.entry import utc_text
from lab.governance.ledger.writer import Unacknowledged
from lab.governance.rules.callers import Caller
from lab.governance.rules.policy import Action, Claim, Policy
from lab.governance.rules.policy_file import hash_in_force, read_policy

_LONGEST_REASON = 1000


class AuditWriter(Protocol):
    """What the guard needs of the trail."""

    def append(self, entry: Entry) -> Entry:
        """Writes the entry now. Raises LabError."""
        ...

    def append_or_keep(self, entry: Entry) -> Entry | None:
        """Writes the entry now or keeps it locally, then None. Raises LabError or OSError when it can do neither."""
        ...


@dataclass(frozen=True)
class Rules:
    """Where a run's policy is, and the roles that it may refer to, as text of ALLOWED_STAGING_ROLES and
    ALLOWED_PROD_ROLES. It is read anew for every step. `folder` holds the file of known keys.
    """

    path: Path
    folder: Path
    staging_roles: str
    prod_roles: str

    def policy(self) -> Policy:
        """Raises SettingsError for a file or roles that can't be understood."""
        variables = {"ALLOWED_STAGING_ROLES": self.staging_roles, "ALLOWED_PROD_ROLES": self.prod_roles}
        return read_policy(self.path, variables)

    def hash(self, policy: Policy) -> str:
        """What entries say of `policy` and the known keys. Raises SettingsError when those can't be read."""
        return hash_in_force(policy, self.folder)


class StepRecord:
    """What a running step wants its entries to say."""

    def __init__(self, append: Callable[[Entry], Entry], entry: Callable[..., Entry]) -> None:
        self.details: dict[str, Any] = {}
        self.model_version = ""
        self._append, self._entry = append, entry

    def note(self, **details: str | int | bool | Mapping[str, Any]) -> None:
        """Adds details to the step's last entry."""
        self.details.update(details)

    def append(self, action: str, status: Status, **details: str | int | bool | Mapping[str, Any]) -> Entry:
        """Writes an entry of its own, in mid-step, and returns it sealed. Raises LabError."""
        return self._append(self._entry(action, status, details))


class Guard:
    """Stands before and behind a step of one run."""

    def __init__(
        self,
        ledger: AuditWriter,
        rules: Rules,
        claim: Claim,
        run_id: str,
        code_version: str = "",
        warn: Callable[[str], None] = print,
        clock: Callable[[], str] = utc_text,
        caller: Caller | None = None,
        model: str = "",
        refused: str = "",
    ) -> None:
        """`refused`: why nothing of this run may begin, whoever asks."""
        self._ledger, self._rules, self._claim = ledger, rules, claim
        self._run_id, self._code_version = run_id, code_version
        self._warn, self._clock, self._caller = warn, clock, caller
        self._model, self._refused, self._policy_hash = model, refused, ""

    @contextmanager
    def step(self, name: str) -> Iterator[StepRecord]:
        """Runs the body only when policy allows it and the trail holds its `started` entry.

        Raises dagster.Failure, never retried, when the body is refused, runs out of memory, or raises a LabError.
        """
        self._admit(name)
        record = StepRecord(self._ledger.append, self._entry)
        try:
            yield record
        except LabError as err:
            self._end_badly(name, record, str(err))
            raise dg.Failure(description=str(err), allow_retries=False) from None
        except dg.Failure as err:
            self._end_badly(name, record, err.description or "failed")
            raise
        except MemoryError as err:
            reason = f"{memory_limit.exceeded()}{f' ({err})' if str(err) else ''}"
            self._end_badly(name, record, reason)
            raise dg.Failure(description=reason, allow_retries=False) from err
        except BaseException as err:
            # Interruption is a BaseException: a terminated step has an end, too.
            self._end_badly(name, record, told(err))
            raise
        self._end_well(name, record)

    def _admit(self, name: str) -> None:
        try:
            rule = self._decide()
        except LabError as err:
            self._block(name, err)
            raise dg.Failure(description=f"Blocked by policy: {err}", allow_retries=False) from None
        try:
            self._ledger.append(self._entry(name, Status.STARTED, {"rule": rule}))
        except (LabError, OSError) as err:
            if isinstance(err, Unacknowledged):
                # The store may have taken the entry without saying so: then it gets its end.
                self._end_badly(name, StepRecord(self._ledger.append, self._entry), "never began: no answer in time")
            raise dg.Failure(
                description=f"{name} doesn't run, because the audit trail can't be written: {err}", allow_retries=False
            ) from None
        except BaseException:
            # Interrupted in mid-request: the entry may be in the trail, so it gets its end.
            self._end_badly(name, StepRecord(self._ledger.append, self._entry), "interrupted before it began")
            raise

    def _decide(self) -> str:
        """The rule that allows the step. Raises PolicyDenied, or SettingsError for what isn't known."""
        self._policy_hash = ""
        policy = self._rules.policy()
        self._policy_hash = self._rules.hash(policy)
        if self._refused:
            raise PolicyDenied(f"{self._refused}.", "Launch a run for each model.")
        if self._caller and self._caller.problem:
            raise PolicyDenied(f"{self._caller.problem}.", "Start the run as the task of a role that may run here.")
        decision = policy.decide(self._claim.actor(), Action.RUN)
        if not decision.allowed:
            raise PolicyDenied(f"{decision}.", "Ask someone with an allowed role to run it.")
        return decision.rule

    def _block(self, name: str, why: LabError) -> None:
        try:
            kept = self._ledger.append_or_keep(self._entry(name, Status.BLOCKED, {"reason": _short(str(why))}))
        except (LabError, OSError) as err:
            self._warn(f"The refusal of {name} could not be written to the audit trail: {err}")
        else:
            self._warn_if_kept(name, kept)

    def _end_badly(self, name: str, record: StepRecord, reason: str) -> None:
        try:
            record.details["reason"] = _short(reason)
            kept = self._ledger.append_or_keep(self._last(name, Status.FAILURE, record))
        except (LabError, OSError) as err:
            # The step's own failure is what the user must see first.
            self._warn(f"The failure of {name} could not be written to the audit trail: {err}")
        else:
            self._warn_if_kept(name, kept)

    def _end_well(self, name: str, record: StepRecord) -> None:
        try:
            kept = self._ledger.append_or_keep(self._last(name, Status.SUCCESS, record))
        except (LabError, OSError) as err:
            raise dg.Failure(
                description=f"{name} was done, but the audit trail can't be written: {err}", allow_retries=False
            ) from None
        self._warn_if_kept(name, kept)

    def _warn_if_kept(self, name: str, written: Entry | None) -> None:
        if written is None:
            self._warn(f"The last audit entry of {name} waits in the local journal: the trail can't be written now.")

    def _last(self, name: str, status: Status, record: StepRecord) -> Entry:
        return self._entry(name, status, record.details, record.model_version)

    def _entry(self, action: str, status: Status, details: Mapping[str, Any], model_version: str = "") -> Entry:
        claim = self._claim.shown()
        if self._model:
            details = {"model": self._model, **details}
        if self._caller:
            details = {**details, "caller": self._caller.arn}
        return Entry(
            action=action,
            status=status,
            owner=claim.owner,
            role=claim.role,
            environment=claim.environment,
            time=self._clock(),
            run_id=self._run_id,
            model_version=model_version,
            policy_hash=self._policy_hash,
            code_version=self._code_version,
            # What a run was given, as a path, may be no text that an entry can hold.
            details=all_storable(details),
        )


def _short(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…"
