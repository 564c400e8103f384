"""One look at everything that the trail and the registry say, for all proofs that compare them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.clients import ssh
from lab.clients.audit import verify_trail
from lab.core.errors import LabError
from lab.core.history import Fold, History
from lab.core.ledger import Entry, Status, Verification
from lab.core.models import ModelVersion
from lab.core.reconcile import Finding, reconcile
from lab.ops.governance.bench import Bench
from lab.ops.reconcile import read_registry
from lab.ops.trail import witness


@dataclass(frozen=True)
class Survey:
    """`steps` are the actions and states that each run left; `findings` lasted over two looks."""

    verification: Verification
    history: History
    steps: Mapping[str, set[tuple[str, Status]]]
    versions: Sequence[ModelVersion]
    findings: tuple[Finding, ...]


class Surveyor:
    """One survey for all proofs."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._lock = bench, asyncio.Lock()
        self._found: Survey | LabError | None = None

    async def look(self) -> Survey:
        """Raises LabError, the same one each time."""
        async with self._lock:
            if self._found is None:
                try:
                    self._found = await _survey(self._bench)
                except LabError as err:
                    self._found = err
        if isinstance(self._found, LabError):
            raise self._found
        return self._found


@dataclass
class _Reading:
    """What is kept of the entries as they pass: memory grows with runs and versions."""

    fold: Fold
    steps: dict[str, set[tuple[str, Status]]] = field(default_factory=dict)

    def see(self, entry: Entry) -> None:
        self.fold.see(entry)
        if entry.run_id:
            self.steps.setdefault(entry.run_id, set()).add((entry.action, entry.status))


async def _survey(bench: Bench) -> Survey:
    """Raises LabError."""
    registry = await read_registry(bench.mlflow)
    verification, reading = await asyncio.to_thread(_read, bench)
    history = reading.fold.history()
    findings = reconcile(*registry, history)
    if findings:
        # A registration or a decision in progress differs for a moment.
        again = await read_registry(bench.mlflow)
        history = (await asyncio.to_thread(_read, bench))[1].fold.history()
        lasting = set(reconcile(*again, history))
        findings = tuple(one for one in findings if one in lasting)
    return Survey(verification, history, reading.steps, registry[0], findings)


def _read(bench: Bench) -> tuple[Verification, _Reading]:
    config = bench.config
    reading = _Reading(Fold(config.name, config.policy, ssh.verify))
    heads, days = witness(config).heads(), config.audit_retention_days
    return verify_trail(bench.stored(), config.audit_prefix, heads, reading.see, days), reading
