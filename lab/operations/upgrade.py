"""`invoke upgrade`: a lab's data become what the code at hand needs, after a backup, or stay what they were.

Databases and files are put back when anything fails. The audit trail never is: it goes on, and says that the upgrade
failed. Until the trail and the registry were verified, nothing is started that could begin a run.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.base import interruption
from lab.base.errors import LabError
from lab.base.progress import Progress, Report
from lab.governance.ledger import Status
from lab.operations.backup import Backup
from lab.operations.upgrade_mark import Begun, Stage
from lab.runtime.stored_format import StoredFormat

ACTION = "upgrade"


@dataclass(frozen=True)
class Upgraded:
    """What the lab's data were and are, what was done, and the backup by which to go back.

    `before` is None where it wasn't written down, `earlier` the commit of that code where it is known.
    """

    lab: str
    before: StoredFormat | None
    now: StoredFormat
    backup: str
    sha256: str
    migrated: tuple[str, ...]
    entries: int
    versions: int
    notes: tuple[str, ...]
    seconds: float
    earlier: str = ""


@dataclass(frozen=True)
class PutBack:
    """Whether anything had to be put back that an interrupted upgrade had changed."""

    lab: str
    put_back: bool


@dataclass(frozen=True)
class Verified:
    """How many audit entries and model versions were looked at, and what is worth reading."""

    entries: int
    versions: int
    notes: tuple[str, ...] = ()


class Mark(Protocol):
    """What the lab's home says of an upgrade that has begun."""

    def set(self, begun: Begun) -> None: ...
    def clear(self) -> None: ...
    def read(self) -> Begun | None: ...


class Steps(Protocol):
    """What an upgrade does to a lab. Methods raise LabError."""

    def before(self) -> StoredFormat | None:
        """What the data have now."""
        ...

    def back_up(self) -> Backup:
        """Writes the backup and reads it again; changes nothing else."""
        ...

    def record(self, status: Status, details: Mapping[str, object]) -> None:
        """Appends an entry about the upgrade to the audit trail."""
        ...

    def change(self) -> Sequence[str]:
        """Stops the lab, migrates its data, starts all that begins no run; returns what was migrated."""
        ...

    def verify(self, made: Backup) -> Verified:
        """Compares trail and registry with the backup."""
        ...

    def open(self) -> StoredFormat:
        """Starts the rest, and writes down the new format, which it returns."""
        ...

    def put_back(self, backup: Path, reason: str) -> None:
        """Makes databases what they were, records the failure, and stops the lab.

        Where something was made since the backup that would be lost, it raises LabError instead.
        """
        ...

    def made_since(self, backup: Path) -> str:
        """What the lab holds that the backup doesn't, in words; empty where putting back would lose nothing."""
        ...


class Upgrade:
    """One upgrade of the lab called `name`, whose backup goes to `target`."""

    def __init__(self, name: str, target: Path, steps: Steps, mark: Mark, report: Report) -> None:
        self._name, self._target, self._steps, self._mark, self._report = name, target, steps, mark, report

    def run(self) -> Upgraded:
        """Upgrades; what an interrupted upgrade has left half done is put back first. Raises LabError."""
        began = time.monotonic()
        self.put_back_interrupted()
        before = self._steps.before()
        code = before.code if before else ""
        made = self._backed_up(before)
        self._mark.set(Begun(Stage.CHANGING, made.file, code))
        try:
            migrated = tuple(self._steps.change())
            found = self._steps.verify(made)
            now = self._steps.open()
        except LabError as err:
            with interruption.finished_first():
                raise self._failed(err, made, before) from None
        self._steps.record(Status.SUCCESS, {"now": str(now), "migrated": list(migrated)})
        self._mark.clear()
        return Upgraded(
            lab=self._name,
            before=before,
            now=now,
            backup=made.file,
            sha256=made.sha256,
            migrated=migrated,
            entries=found.entries,
            versions=found.versions,
            notes=found.notes,
            seconds=time.monotonic() - began,
            earlier=before.commit if before else "",
        )

    def put_back_interrupted(self) -> bool:
        """Puts back what an interrupted upgrade changed; False where there was nothing to put back.

        What was made since is kept: then the lab stays as it is. Raises LabError.
        """
        begun = self._mark.read()
        if begun is None or begun.stage is Stage.BACKUP:
            self._mark.clear()
            return False
        backup = Path(begun.backup)
        if since := self._steps.made_since(backup):
            self._report(
                Progress("lab", "preparing", f"an interrupted upgrade isn't put back, or it would lose {since}")
            )
            self._steps.record(Status.FAILURE, {"reason": "interrupted", "kept": since})
            self._mark.clear()
            return False
        self._report(Progress("lab", "preparing", f"puts back what an interrupted upgrade changed, from {backup}"))
        with interruption.finished_first():
            self._steps.put_back(backup, "interrupted")
            self._mark.clear()
        return True

    def _backed_up(self, before: StoredFormat | None) -> Backup:
        self._mark.set(Begun(Stage.BACKUP, str(self._target), before.code if before else ""))
        try:
            made = self._steps.back_up()
            self._steps.record(Status.STARTED, _details(made, before))
            return made
        except LabError as err:
            self._mark.clear()
            raise LabError(f"Nothing was upgraded. {err.message}", err.remedy) from None

    def _failed(self, err: LabError, made: Backup, before: StoredFormat | None) -> LabError:
        try:
            self._steps.put_back(Path(made.file), err.message)
        except LabError as second:
            return LabError(
                f"The upgrade failed: {err.message}\nIt couldn't be put back: {second.message}",
                f"Type `invoke upgrade --put-back` to try again, or `invoke nuke` and `invoke restore {made.file}`.",
            )
        self._mark.clear()
        return LabError(
            f"The upgrade failed: {err.message}\nThe databases are as before, and the lab is down; the backup is "
            f"{made.file}.",
            f"{earlier_code(before)}, or mend the cause and type `invoke upgrade` again.",
        )


def earlier_code(before: StoredFormat | None) -> str:
    """How to get the code back with which the lab ran: no command of the later code can do that for itself."""
    if before and before.commit:
        return f"Type `git checkout {before.commit}`, then `./run up`, to go on with the code that the lab had"
    return "Type `git checkout COMMIT` with the commit you had (`git reflog` lists it), then `./run up`"


def _details(made: Backup, before: StoredFormat | None) -> Mapping[str, object]:
    return {
        "backup_sha256": made.sha256,
        "backup_head_seq": made.head.seq,
        "backup_head_hash": made.head.hash,
        "before": str(before) if before else "not written down",
    }
