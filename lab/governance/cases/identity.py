"""Who may sign: adding, removing and listing identities. The trail is the truth, the file of known keys follows."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.base.account import belong_to_folder
from lab.base.errors import LabError, NotFound, PolicyDenied, UsageError
from lab.base.file_lock import held
from lab.base.interruption import finished_first
from lab.base.similar import meant
from lab.config import LabConfig
from lab.governance.cases.signing import (
    Claimant,
    Signing,
    claimant,
    fitting_role,
    policy_problem,
    read_signers,
    role_given,
    signers_path,
)
from lab.governance.cases.trail import TrailReader, entry_by_actor, ledger
from lab.governance.ledger import Entry, EntryStore, Status
from lab.governance.rules.approval_states import IdentityStatement, checked_reason
from lab.governance.rules.identities import ADD, REMOVE, WHERE, Identities, change_problem, uncounted_remedy
from lab.governance.rules.policy import Action, Actor
from lab.governance.rules.signers import Signer, make_line, parse_line
from lab.services import ssh
from lab.services.s3 import PIPELINE, S3, AuditStore

_HEADER = "# Kept by `mlops-lab identity`: what is written here by hand doesn't count.\n"
_ATTEMPTS = 5
# Whoever writes the file has it for milliseconds.
_LOCK_S = 30.0


@dataclass(frozen=True)
class Known:
    """One identity as listed; `problem` says how file and audit trail differ, empty where they agree."""

    name: str
    roles: tuple[str, ...]
    key_type: str
    fingerprint: str
    valid_before: str
    problem: str


@dataclass(frozen=True)
class Change:
    """What was added or removed, and the audit entries that say so."""

    operation: str
    lines: tuple[str, ...]
    path: str
    entries: tuple[Entry, ...]


class Registrar:
    """Keeps the identities. Methods raise LabError."""

    def __init__(self, config: LabConfig, signing: Signing, store: EntryStore | None = None) -> None:
        self._config, self._signing = config, signing
        self._store = store or AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix)

    def listed(self) -> tuple[Known, ...]:
        """Every identity that the file or the trail knows."""
        audited, filed = self._look()[1].signers, read_signers(self._config)
        both = [*audited, *(one for one in filed if all(one.key != other.key for other in audited))]
        return tuple(_known(one, audited, filed) for one in both)

    def add(self, name: str, key: Path, roles: Sequence[str], reason: str, valid_before: str = "") -> Change:
        """Makes the key at `key` (its public half) an identity; the very first one is taken on trust."""
        chosen = [role_given(text.strip()) for role in roles for text in role.split(",") if text.strip()]
        if not chosen:
            raise UsageError("An identity needs a role.", "Type --role risk-officer.")
        public = ssh.read_public_key(key)
        ssh.refuse_unfit(public)
        line = make_line(name, chosen, public, valid_before)
        reader, known = self._look()
        if any(one.line == line for one in known.signers):
            # The entry is there, and writing the file again repairs what a crash left undone.
            self._write(known)
            return Change(ADD, (line,), str(signers_path(self._config)), ())
        return self._change(ADD, [parse_line(line)], reason, reader, known)

    def remove(self, name: str, reason: str) -> Change:
        """Takes every key of `name` out; what it signed before stays signed."""
        reader, known = self._look()
        if not (lines := known.named(name)):
            near = meant(name, [signer.name for signer in known.signers])
            raise NotFound(f"There is no identity {name!r}.", f"{near}Type `invoke identity-list`.")
        return self._change(REMOVE, lines, reason, reader, known)

    def _look(self) -> tuple[TrailReader, Identities]:
        reader = TrailReader(self._config, self._store)
        state = reader.read()
        if not state.verification.intact:
            first = state.verification.faults[0]
            raise LabError(
                f"The audit trail can't be trusted: entry {first.seq}: {first.problem}.",
                "Type `invoke verify-governance`.",
            )
        return reader, state.history.identities

    def _change(
        self, operation: str, lines: Sequence[Signer], reason: str, reader: TrailReader, known: Identities
    ) -> Change:
        reason = checked_reason(reason)
        self._refuse_foreign_lines(known)
        entries = []
        for signer in lines:
            sealed, known = self._change_line(operation, signer, reason, reader, known)
            entries.append(sealed)
        return Change(operation, tuple(one.line for one in lines), str(signers_path(self._config)), tuple(entries))

    def _change_line(
        self, operation: str, signer: Signer, reason: str, reader: TrailReader, known: Identities
    ) -> tuple[Entry, Identities]:
        """Taking an identity out tries again by itself when somebody else's change was written first.

        The file of known keys follows each entry at once.
        """
        for left in reversed(range(_ATTEMPTS)):
            who = self._claimant(known, signer)
            # Nobody can vouch for the first one, so no policy is asked about it.
            refused = "" if known.untouched else policy_problem(self._config, who, Action.IDENTITY)
            if problem := refused or change_problem(known, self._config.policy, operation, signer):
                self._refuse(who, operation, signer, reason, problem)
            entry = self._signed(who, operation, signer, reason, known)
            # Between entry and file nothing may end this.
            with finished_first():
                sealed = self._append(entry)
                history = reader.follow(sealed.seq)
                known = history.identities
                problem, late = history.problem_of(sealed.seq), history.came_late(sealed.seq)
                if not problem or (late and operation == REMOVE and signer not in known.signers):
                    self._write(known)
                    return sealed, known
            if not (late and operation == REMOVE and left):
                raise _changed_meanwhile(sealed, problem, late)
        raise AssertionError("unreachable")

    def _refuse_foreign_lines(self, known: Identities) -> None:
        """Writing the file would drop what somebody put there by hand."""
        lines = {one.line for one in known.signers}
        foreign = [one.name for one in read_signers(self._config) if one.line not in lines]
        if foreign:
            raise LabError(
                f"{signers_path(self._config)} holds keys that the audit trail doesn't know: {', '.join(foreign)}.",
                "Take those lines out of the file; add who belongs there by `invoke identity-add`.",
            )

    def _claimant(self, known: Identities, signer: Signer) -> Claimant:
        if known.untouched:
            # Nobody can vouch for the first one; the entry says that it was taken on trust.
            return Claimant(Actor(signer.name, fitting_role(self._config, signer, Action.IDENTITY, WHERE), WHERE))
        return claimant(self._config, self._signing, known, Action.IDENTITY, WHERE, required=True)

    def _signed(self, who: Claimant, operation: str, signer: Signer, reason: str, known: Identities) -> Entry:
        entry = self._entry(who, Status.SUCCESS, {"reason": reason, "line": signer.line})
        statement = IdentityStatement(
            lab=self._config.name,
            operation=operation,
            line=signer.line,
            environment=WHERE.value,
            actor=entry.owner,
            role=str(entry.role),
            reason=reason,
            prior=known.prior,
            policy_hash=entry.policy_hash,
            time=entry.time,
        )
        if who.signer is None:
            return replace(entry, details={**entry.details, "statement": statement.as_details(), "bootstrap": True})
        signed, problem = self._signing.signed(self._config, entry, statement, known)
        if problem:
            self._refuse(who, operation, signer, reason, problem)
        return signed

    def _refuse(self, who: Claimant, operation: str, signer: Signer, reason: str, problem: str) -> None:
        details = {"operation": operation, "line": signer.line, "reason": reason, "problem": problem}
        sealed = self._append(self._entry(who, Status.REFUSED, details))
        raise PolicyDenied(
            f"Refused: {problem.rstrip('.')}. Audit entry {sealed.seq} says so.",
            "Type --role platform-admin."
            if who.signer is None and not who.problem
            else "Give --sign-with KEY of an identity that may change identities; `invoke identity-list` shows them.",
        )

    def _entry(self, who: Claimant, status: Status, details: dict[str, Any]) -> Entry:
        return entry_by_actor(self._config, Action.IDENTITY, status, details, who.actor)

    def _append(self, entry: Entry) -> Entry:
        return ledger(self._config, self._store).append(entry)

    def _write(self, known: Identities) -> Path:
        """Makes the file hold exactly the trail's lines."""
        path = signers_path(self._config)
        text = _HEADER + "".join(f"{signer.line}\n" for signer in known.signers)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with held(path.with_name(path.name + ".lock"), _LOCK_S):
                _replace(path, text)
        except OSError as err:
            raise LabError(
                f"The change is in the audit trail, but {path} can't be written: {err.strerror}.",
                "Make it writable, then type `invoke identity-add` for a key that may sign already: that writes it.",
            ) from None
        return path


def _changed_meanwhile(sealed: Entry, problem: str, late: bool) -> LabError:
    again = "Type `invoke identity-list` to see who may sign now; then type the command again, if it is still needed."
    if (remedy := uncounted_remedy(problem, again)) is not again:
        return LabError(f"Audit entry {sealed.seq} changes nothing: {problem}.", remedy)
    no_fault = " It is recorded as overtaken, which is no fault." if late else ""
    return LabError(
        f"Somebody else changed the identities at the same time: entry {sealed.seq}, {problem}.{no_fault}",
        again,
    )


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    belong_to_folder(temporary)
    temporary.replace(path)


def _known(signer: Signer, audited: Sequence[Signer], filed: Sequence[Signer]) -> Known:
    problem = f"counts for nothing: the key {signer.key.weakness}" if signer.key.weakness else ""
    if all(one.line != signer.line for one in filed):
        problem = "not in the file as audited: somebody changed the file by hand"
    elif all(one.line != signer.line for one in audited):
        problem = "not in the audit trail: somebody wrote it into the file by hand"
    until = signer.valid_before.date().isoformat() if signer.valid_before else ""
    return Known(signer.name, signer.roles, signer.key.type, signer.key.fingerprint, until, problem)
