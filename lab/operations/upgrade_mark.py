"""What a lab's home says of an upgrade that has begun and not ended, and the lock that keeps a second one away."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.layout import write_private
from lab.runtime.lock import HomeLock


class Stage(StrEnum):
    """How far an upgrade came: while it backs up nothing is changed, from `changing` on the backup is the way back."""

    BACKUP = "backup"
    CHANGING = "changing"


@dataclass(frozen=True)
class Begun:
    """An upgrade that has begun: `backup` is the file's path, `code` what the lab ran with before, where it's known."""

    stage: Stage
    backup: str
    code: str = ""


class UpgradeMark:
    """Says in the lab's home how far an upgrade came."""

    def __init__(self, config: LabConfig) -> None:
        self._path = config.home / "upgrading.json"

    def set(self, begun: Begun) -> None:
        write_private(self._path, json.dumps(asdict(begun)))

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)

    def read(self) -> Begun | None:
        """None where no upgrade has begun. Raises LabError for a mark that doesn't say how far it came."""
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            return Begun(Stage(raw["stage"]), str(raw["backup"]), str(raw["code"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as err:
            raise LabError(
                f"{self._path} doesn't say how far an upgrade came: {type(err).__name__} {err}.",
                "Type `invoke nuke`, then `invoke restore FILE` with the newest backup.",
            ) from None


def refuse_half_upgraded(config: LabConfig) -> None:
    """Raises LabError while an upgrade is under way, or where one was interrupted after it had begun to change data."""
    begun = UpgradeMark(config).read()
    if begun and begun.stage is not Stage.BACKUP:
        raise LabError(
            f"An upgrade of this lab is under way or was interrupted; what was before is in {begun.backup}.",
            "Type `invoke upgrade`: it puts that back and begins anew; with --put-back it does only the first.",
        )


@contextmanager
def alone(config: LabConfig) -> Iterator[None]:
    """Holds the lock that only one upgrade of a lab can have. Raises LabError when another one has it."""
    path = config.home / "upgrade.lock"
    lock = HomeLock(path, deadline_s=0.0)
    try:
        lock.acquire(lambda _: None)
    except LabError:
        raise LabError(f"Another upgrade of the lab {config.name} is at work.", "Wait until it ends.") from None
    except OSError as err:
        raise LabError(f"Can't write {path}: {err.strerror}.", "Make room on its disk.") from None
    try:
        yield
    finally:
        lock.release()


def leftovers(target: Path) -> Iterator[Path]:
    """What a backup to `target` leaves when its process is killed."""
    yield from target.parent.glob(f".backup-{target.name}-*")
