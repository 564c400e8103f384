"""All proofs, one after the other: what is tried comes first, so that what is compared afterwards includes it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

from lab.core.config import LabConfig
from lab.core.errors import UsageError
from lab.ops.governance.approval import ApprovalProofs
from lab.ops.governance.bench import Bench
from lab.ops.governance.ledger import LedgerProofs
from lab.ops.governance.network import NetworkProofs
from lab.ops.governance.policy import PolicyProofs
from lab.ops.governance.probe import Probe
from lab.ops.governance.proof import Check, Found, Proof
from lab.ops.governance.registry import RegistryProofs
from lab.ops.governance.survey import Surveyor
from lab.ops.governance.tamper import TamperProofs
from lab.ops.progress import Progress, Report


class Verifier:
    """Proves on a running lab that its guardrails hold; what it tries it does as a probe, and puts away."""

    def __init__(self, config: LabConfig, bench: Bench | None = None, report: Report = lambda _: None) -> None:
        self._bench = bench or Bench.of_lab(config)
        self._report = report

    async def run(self, only: str = "") -> tuple[Proof, ...]:
        """Every proof, or those whose name contains `only`, in a fixed order. Raises UsageError when none does."""
        probe, closing = Probe(self._bench), ExitStack()
        try:
            checks = list(self._checks(probe, closing))
            chosen = [check for check in checks if only.lower() in check.name.lower()]
            if not chosen:
                names = "; ".join(check.name for check in checks)
                raise UsageError(f"--only {only!r}: no proof is called like that.", f"There are: {names}.")
            return tuple([proof async for proof in self._settled(chosen, probe)])
        finally:
            closing.callback(probe.close)
            await asyncio.to_thread(closing.close)
            await self._bench.aclose()

    async def _settled(self, checks: list[Check], probe: Probe) -> AsyncIterator[Proof]:
        try:
            for check in checks:
                self._report(Progress(check.name, "starting"))
                proof = await check.settle()
                self._report(Progress(check.name, "success" if proof.passed else "failure", seconds=proof.seconds))
                yield proof
        finally:
            # Also when only some were chosen, and the one that puts away wasn't.
            if probe.left:
                await probe.put_away()

    def _checks(self, probe: Probe, closing: ExitStack) -> Iterator[Check]:
        async def put_away() -> Found:
            versions = await probe.put_away()
            return True, f"archived: version {', '.join(versions)}" if versions else "nothing was left to archive"

        yield from PolicyProofs(self._bench, probe).checks()
        yield from ApprovalProofs(self._bench, probe, closing).checks()
        yield from TamperProofs(self._bench).checks()
        yield Check("probes: every version that was made for trying is archived", put_away)
        surveyor = Surveyor(self._bench)
        yield from LedgerProofs(self._bench, surveyor).checks()
        yield from RegistryProofs(surveyor).checks()
        yield from NetworkProofs(self._bench).checks()
