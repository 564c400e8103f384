"""All proofs, one after the other: what is tried comes first, so that what is compared afterwards includes it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lab.base.errors import LabError, UsageError
from lab.base.file_lock import taken
from lab.base.progress import Progress, Report
from lab.config import LabConfig
from lab.governance.checks.approval_proofs import ApprovalProofs
from lab.governance.checks.criteria_proofs import CriteriaProofs
from lab.governance.checks.network_proofs import NetworkProofs
from lab.governance.checks.policy_proofs import PolicyProofs
from lab.governance.checks.proof import Check, Found, Proof
from lab.governance.checks.proof_clients import ProofClients
from lab.governance.checks.subject import Probe
from lab.governance.checks.tamper_proofs import TamperProofs
from lab.governance.checks.trail_proofs import LedgerProofs, RegistryProofs, TrailScanner

PUT_AWAY = "probes: every version that was made for trying is archived"


class Verifier:
    """Proves on a running lab that its guardrails hold; what it tries it does as a probe, and puts away."""

    def __init__(
        self,
        config: LabConfig,
        clients: ProofClients | None = None,
        report: Report = lambda _: None,
        begin: Callable[[], object] = lambda: None,
    ) -> None:
        """`begin` is called before anything is tried; what it raises ends the verification."""
        self._clients = clients or ProofClients.of_lab(config)
        self._report, self._begin = report, begin

    async def run(self, only: str = "") -> tuple[Proof, ...]:
        """Every proof, or those whose name contains `only`, in a fixed order.

        Raises UsageError when no name does, LabError when another verification of this lab is going on.
        """
        probe, closing = Probe(self._clients), ExitStack()
        try:
            closing.enter_context(_alone(self._clients.config.home))
            checks = list(self._checks(probe, closing))
            chosen = [check for check in checks if only.lower() in check.name.lower()]
            if not chosen:
                names = "; ".join(check.name for check in checks)
                raise UsageError(f"--only {only!r}: no proof is called like that.", f"There are: {names}.")
            await asyncio.to_thread(self._begin)
            return tuple([proof async for proof in self._settled(chosen, probe)])
        finally:
            closing.callback(probe.close)
            await asyncio.to_thread(closing.close)
            await self._clients.aclose()

    async def _settled(self, checks: list[Check], probe: Probe) -> AsyncIterator[Proof]:
        try:
            for check in checks:
                yield await self._settle(check)
            if probe.left and all(check.name != PUT_AWAY for check in checks):
                yield await self._settle(_cleaning(probe))
        finally:
            # After an interruption; what can't be put away now is at the next verification.
            with suppress(LabError):
                await probe.end_runs()
            if probe.left:
                with suppress(LabError):
                    await probe.put_away()

    async def _settle(self, check: Check) -> Proof:
        self._report(Progress(check.name, "starting"))
        proof = await check.settle()
        self._report(Progress(check.name, "success" if proof.passed else "failure", seconds=proof.seconds))
        return proof

    def _checks(self, probe: Probe, closing: ExitStack) -> Iterator[Check]:
        yield from PolicyProofs(self._clients, probe).checks()
        approvals = ApprovalProofs(self._clients, probe, closing)
        yield from approvals.checks()
        yield from CriteriaProofs(approvals.sandboxed, probe).checks()
        yield from TamperProofs(self._clients).checks()
        yield _cleaning(probe)
        scanner = TrailScanner(self._clients)
        yield from LedgerProofs(self._clients, scanner).checks()
        yield from RegistryProofs(scanner).checks()
        yield from NetworkProofs(self._clients).checks()


def _cleaning(probe: Probe) -> Check:
    async def put_away() -> Found:
        versions = await probe.put_away()
        return True, f"archived: version {', '.join(versions)}" if versions else "nothing was left to archive"

    return Check(PUT_AWAY, put_away)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Two verifications of one lab would remove each other's buckets; a lab that isn't there needs no lock."""
    if not home.is_dir():
        yield
        return
    descriptor = os.open(home, os.O_RDONLY)
    try:
        if not taken(descriptor):
            raise LabError("Another verification of this lab is going on.", "Wait until it is done.")
        yield
    finally:
        os.close(descriptor)
