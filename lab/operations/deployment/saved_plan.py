"""A plan that waits for an approval: its file, the commit it was made from, and what is said of it.

It lies in the lab's home, mode 0700, because a plan holds secrets. Nothing in `record.json` is relied on: the hash is
made anew from the files, and the trail says who approved that.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.governance.cases.deploy_approval import LOCK, deployment_lock
from lab.governance.rules.policy import Environment
from lab.runtime.layout import write_private
from lab.runtime.lock import HomeLock
from lab.runtime.runtime import Note


@dataclass(frozen=True)
class Record:
    """What was said of a plan when it was made; `plan` is its hash, `registry` whether it is of that alone."""

    plan: str
    planner: str
    account: str
    image_tag: str
    commit: str
    registry: bool = False

    @property
    def facts(self) -> dict[str, str]:
        """What the hash covers beside the plan itself."""
        facts = asdict(self)
        facts["registry"] = str(self.registry).lower()
        del facts["plan"]
        return facts


@dataclass(frozen=True)
class Workplace:
    """The folder of an environment's deployment; `lock` is the descriptor of its lock while that is held."""

    folder: Path
    lock: int | None = None

    @classmethod
    def of(cls, config: LabConfig, environment: Environment) -> "Workplace":
        return cls(deployment_lock(config.home, environment).parent)

    @property
    def source(self) -> Path:
        """The commit's files."""
        return self.folder / "source"

    @property
    def plan(self) -> Path:
        """Terraform's file."""
        return self.folder / "plan"

    @property
    def settling(self) -> Path:
        """Terraform's file of what it reads back after an apply."""
        return self.folder / "settling"

    @property
    def settings(self) -> Path:
        """What `terraform output -raw settings` said after the last apply."""
        return self.folder / "lab.env"

    @contextmanager
    def held(self, note: Note) -> Iterator["Workplace"]:
        """The folder for one command alone; a home that wasn't there is made as `invoke up` makes it."""
        self.folder.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = HomeLock(self.folder / LOCK)
        with lock.held(note):
            yield replace(self, lock=lock.descriptor)

    def clear(self) -> None:
        """Takes away the last deployment's files: a plan counts for one apply."""
        for path in (self.plan, self.settling, self.folder / "record.json"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.source, ignore_errors=True)

    def save(self, record: Record) -> None:
        write_private(self.folder / "record.json", json.dumps(asdict(record)))

    def read(self, environment: Environment) -> Record:
        """Raises LabError where there is none, or not all of it."""
        try:
            record = _read(self.folder / "record.json")
            if self.plan.is_file() and self.source.is_dir():
                return record
        except (OSError, ValueError, TypeError, RecursionError):
            pass
        raise LabError(
            f"There is no plan for {environment} in {self.folder}.",
            f"Make one: `invoke deploy --env {environment} --plan`. It is applied by the lab that made it.",
        )


def _read(path: Path) -> Record:
    """Raises OSError, ValueError, TypeError."""
    record = Record(**json.loads(path.read_text()))
    texts = [value for name, value in asdict(record).items() if name != "registry"]
    if not all(isinstance(text, str) for text in texts) or not isinstance(record.registry, bool):
        raise TypeError
    return record
