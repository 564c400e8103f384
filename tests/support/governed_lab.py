"""A governed lab without servers: a trail in memory, a registry behind a mock transport, people with real SSH keys."""

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.base.errors import NotFound
from lab.base.runs import REGISTRATION_REQUEST
from lab.config import LabConfig
from lab.governance.cases.approve import Approver, Outcome, Tools
from lab.governance.cases.baseline import BaselineApproval
from lab.governance.cases.identity import Registrar
from lab.governance.cases.model_smoke_test import SmokeTest
from lab.governance.cases.signing import Signing
from lab.governance.cases.trail import TrailReader
from lab.governance.ledger import Entry, Status, parse
from lab.governance.ledger.entry import utc_text
from lab.governance.ledger.writer import Ledger
from lab.governance.rules.approval_states import ALIASES
from lab.governance.rules.criteria import Criteria
from lab.governance.rules.history import History, Record
from lab.governance.rules.policy import Action
from lab.governance.rules.registry_tags import expected_tags
from lab.governance.rules.version_records import Key
from tests.support.contracts import MODEL_NAME
from tests.support.keys import make_key
from tests.support.played_lab import config
from tests.support.played_registry import Registry

DATA, BASELINE = "d" * 64, "b" * 64
OWNER = "dora@example.com"
ADMIN, OFFICER, ENGINEER = "adam@example.com", "olga@example.com", "emil@example.com"
_ROLES = {ADMIN: "platform-admin", OFFICER: "risk-officer", ENGINEER: "ml-engineer"}


class MemoryStore:
    """`lab.governance.ledger.EntryStore` in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def create(self, key: str, body: bytes) -> bool:
        return self.objects.setdefault(key, body) is body

    def read(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise NotFound(f"{key} is not there.") from None

    def keys_after(self, key: str, limit: int) -> list[str]:
        return sorted(one for one in self.objects if one > key)[:limit]

    @property
    def entries(self) -> list[Entry]:
        return [parse(self.objects[key]) for key in sorted(self.objects)]


class GovernedLab:
    """The lab and its people: dora trains, adam administers, olga is the risk officer, emil the engineer."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder, self._environ = folder, tuple(sorted(environ.items()))
        self.config: LabConfig = config(folder, LAB_HOME=str(folder / "home"), RUN_OWNER=OWNER, **environ)
        self.store, self.registry = MemoryStore(), Registry()
        self.ledger = Ledger(self.store, self.config.audit_prefix)
        self.trial, self.stored = SmokeTest(True, "predicts 5 rows"), {DATA: DATA}
        self._trained = 0
        self.keys = {name: folder / _file(name) for name in _ROLES}
        _keys().into(self)

    def staffed(self, baseline: bool = True) -> "GovernedLab":
        """With identities for all three and, unless told otherwise, a baseline."""
        _staff(baseline, self._environ).into(self)
        return self

    def staff(self, baseline: bool) -> "GovernedLab":
        """As `staffed`, with signatures of its own."""
        for name, role in _ROLES.items():
            self.registrar(ADMIN).add(name, self.keys[name], [role], f"add {name}")
        if baseline:
            self.set_baseline()
        return self

    def set_baseline(self, model: str = MODEL_NAME, data_hash: str = BASELINE) -> None:
        """As `invoke seed` does, by whoever the settings name."""
        governed = BaselineApproval(self.config, self.store, Signing(), model)
        governed.done(governed.ask({"data_hash": data_hash}, "first"))

    def registrar(self, by: str) -> Registrar:
        return Registrar(self.config, Signing(self.keys[by]), self.store)

    def train(
        self,
        auc: float = 0.75,
        drift: str = "stable",
        owner: str = OWNER,
        model: str = MODEL_NAME,
        run: str = "",
        asked: Criteria | None = None,
        groups: object = None,
        **audited: str,
    ) -> str:
        """One more version, as the pipeline leaves it in trail and registry; its number."""
        registry = self.registry.of(model)
        number = str(len(registry.tags) + 1)
        self._trained += 1
        run = registry.runs[number] = run or f"run{self._trained}"
        metrics = {"auc": str(auc), "mlflow_run_id": run} | audited
        ended: dict[str, Any] = metrics if groups is None else metrics | {"fairness": groups}
        self.append("train_model", Status.SUCCESS, owner, run_id=f"dagster{number}", details=ended)
        details: dict[str, Any] = {"model": model, "mlflow_run_id": run, "data_hash": DATA, "drift": drift}
        details["baseline_hash"] = BASELINE
        if asked is not None:
            details |= {"criteria": asked.as_details(), "primary": "auc"}
        request = self.append(REGISTRATION_REQUEST, Status.REQUESTED, owner, run_id=f"dagster{number}", details=details)
        done = {"request_seq": request.seq, "data_hash": DATA}
        step = "register_with_governance"
        self.append(step, Status.SUCCESS, owner, run_id=f"dagster{number}", model_version=number, details=done)
        record = self.history().record(Key(model, number, run))
        assert record
        tags = expected_tags(record)
        registry.tags[number] = tags | {"deployment_blocked_reason": "awaiting approval"}
        self.registry.metrics[run] = {"auc": auc}
        return number

    def delete_model(self) -> None:
        """As somebody does in MLflow, which then gives numbers from 1 again."""
        self.registry.tags.clear()
        self.registry.aliases.clear()
        self.registry.runs.clear()

    def append(self, action: str, status: Status, owner: str = OWNER, **fields: Any) -> Entry:
        """An entry as whoever may write to the bucket can make it."""
        place = fields.pop("environment", "dev")
        entry = Entry(action, status, owner, fields.pop("role", "data-scientist"), place, utc_text(), **fields)
        return self.ledger.append(entry)

    def copy(self, entry: Entry, **changes: Any) -> Entry:
        """Appends an entry's content again."""
        return self.ledger.append(replace(entry, seq=0, previous_hash="", hash="", **changes))

    def history(self) -> History:
        return TrailReader(self.config, self.store).read().history

    def record(self, version: str, model: str = MODEL_NAME) -> Record:
        """What the trail knows of the version that was registered last under a number of a model."""
        return self.history().records[model, version]

    async def act(
        self,
        action: Action,
        version: str,
        by: str | Path = OFFICER,
        role: str = "",
        dry_run: bool = False,
        signing: Signing | None = None,
        model: str = MODEL_NAME,
    ) -> Outcome:
        """One action by the holder of a key."""
        key = self.keys[by] if isinstance(by, str) else by
        approver = Approver(self.config, signing or Signing(key, role), self.tools())
        try:
            return await approver.act(action, model, version, "because it is right", dry_run)
        finally:
            await approver.aclose()

    def tools(self) -> Tools:
        return Tools(self.registry.client(), self.store, self._data_hash, lambda *_: self.trial)

    def _data_hash(self, digest: str) -> str:
        try:
            return self.stored[digest]
        except KeyError:
            raise NotFound("no such data set") from None

    async def promoted_from_approved(self, version: str, model: str = MODEL_NAME) -> None:
        """Takes a version that was approved for staging to `champion`."""
        for action, by in ((Action.PROMOTE, ENGINEER), (Action.APPROVE, OFFICER), (Action.PROMOTE, ENGINEER)):
            outcome = await self.act(action, version, by, model=model)
            assert outcome.succeeded, closed(outcome)

    async def promoted(self, version: str, to: str = "champion", model: str = MODEL_NAME) -> None:
        """Takes a version to `staging` or `champion`."""
        for _ in ("staging", "champion")[: ("staging", "champion").index(to) + 1]:
            for action, by in ((Action.APPROVE, OFFICER), (Action.PROMOTE, ENGINEER)):
                outcome = await self.act(action, version, by, model=model)
                assert outcome.succeeded, closed(outcome)

    def in_step(self) -> bool:
        """Whether the registry says exactly what the trail says."""
        history = self.history()
        tags = all(
            self.registry.of(record.model).tags[record.version].get(name, "") == value
            for record in history.records.values()
            for name, value in expected_tags(record).items()
        )
        return tags and self._held() == {place: key.number for place, key in history.holders.items()}

    def _held(self) -> dict[tuple[str, str], str]:
        models = (self.registry, *self.registry.others.values())
        return {(one.name, a): held for one in models for a, held in one.aliases.items() if a in ALIASES}


@dataclass(frozen=True)
class _Kept:
    """Files and a trail that many labs begin with: making keys and signatures takes longer than most tests."""

    # None for a folder, after the one that it is in.
    files: Mapping[Path, tuple[int, bytes | None]]
    trail: Mapping[str, bytes]

    @classmethod
    def of(cls, folder: Path, trail: Mapping[str, bytes]) -> "_Kept":
        found = sorted(folder.rglob("*"))
        files = {one: (one.stat().st_mode, one.read_bytes() if one.is_file() else None) for one in found}
        return cls({one.relative_to(folder): kept for one, kept in files.items()}, dict(trail))

    def into(self, lab: GovernedLab) -> None:
        for name, (mode, body) in self.files.items():
            path = lab.folder / name
            if body is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(body)
            path.chmod(mode & 0o777)
        lab.store.objects.update(self.trail)


def _file(name: str) -> str:
    return name.partition("@")[0]


@functools.cache
def _keys() -> _Kept:
    with tempfile.TemporaryDirectory() as folder:
        for name in _ROLES:
            make_key(Path(folder), "ed25519", _file(name))
        return _Kept.of(Path(folder), {})


@functools.cache
def _staff(baseline: bool, environ: tuple[tuple[str, str], ...]) -> _Kept:
    with tempfile.TemporaryDirectory() as folder:
        lab = GovernedLab(Path(folder), **dict(environ)).staff(baseline)
        return _Kept.of(lab.folder, lab.store.objects)


def closed(outcome: Outcome) -> dict[str, str]:
    """The gates that refused, with what they saw."""
    return {gate.name: gate.detail for gate in outcome.gates if not gate.passed}
