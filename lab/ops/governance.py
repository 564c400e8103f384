"""Proving on the running lab that the guardrails hold."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address

import psutil

from lab.clients.audit import stored_entries, verify_trail
from lab.clients.dagster import Dagster
from lab.clients.http import Http
from lab.clients.mlflow import Mlflow
from lab.clients.s3 import PIPELINE, READER, S3, AuditStore
from lab.core.config import LabConfig
from lab.core.errors import LabError
from lab.core.ledger import Status, Verification, key_of, parse
from lab.core.policy import Action, Actor, Environment, Role
from lab.core.runs import JOB, STEPS, RunStatus
from lab.core.services import Service
from lab.runtime.sweep import owned


@dataclass(frozen=True)
class Proof:
    """One guardrail and what was seen of it."""

    name: str
    passed: bool
    evidence: str


class Verifier:
    """Asks a running lab; changes nothing. Each check settles to a proof, whatever goes wrong in it."""

    def __init__(self, config: LabConfig) -> None:
        self._config = config
        self._dagster = Dagster(Http.to(Service.DAGSTER, config.url(Service.DAGSTER)))
        self._mlflow = Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW)))
        self._store = AuditStore(S3.of_lab(config, READER), config.audit_bucket, config.audit_prefix)

    async def run(self) -> tuple[Proof, ...]:
        """Every proof, in a fixed order."""
        checks: list[tuple[str, Callable[[], Awaitable[tuple[bool, str]]]]] = [
            ("policy: roles by environment", self._policy),
            ("ledger: chain is intact", self._ledger),
            ("ledger: every finished run has its entries", self._runs_are_audited),
            ("registry: governance tags are complete", self._tags),
            ("ledger: the pipeline can't delete or overwrite", self._append_only),
            ("network: loopback only", self._loopback),
        ]
        try:
            return tuple([await _settle(name, check) for name, check in checks])
        finally:
            await self._dagster.aclose()
            await self._mlflow.aclose()

    async def _policy(self) -> tuple[bool, str]:
        policy = self._config.policy
        verdicts = []
        for environment in Environment:
            actors = [Actor("probe", role, environment) for role in Role]
            allowed = [actor.role for actor in actors if policy.decide(actor, Action.RUN).allowed]
            verdicts.append(f"{environment}: {', '.join(allowed) or 'nobody'}")
        analyst = replace(self._config.actor, role=Role.ANALYST, environment=Environment.PROD)
        refused = not policy.decide(analyst, Action.RUN).allowed
        return refused, "; ".join(verdicts)

    async def _ledger(self) -> tuple[bool, str]:
        found = await asyncio.to_thread(self._verify)
        if found.faults:
            return False, "; ".join(f"entry {fault.seq}: {fault.problem}" for fault in found.faults[:5])
        unfinished = ", ".join(f"{entry.action} of run {entry.run_id[:8]}" for entry in found.unfinished)
        return True, f"{found.checked} entries, head {found.head.hash[:12] if found.head else 'none'}" + (
            f"; unfinished: {unfinished}" if unfinished else ""
        )

    def _verify(self) -> Verification:
        return verify_trail(self._store, self._config.audit_prefix)

    async def _runs_are_audited(self) -> tuple[bool, str]:
        runs = [run for run in await self._dagster.runs(50) if run.job == JOB and run.status is RunStatus.SUCCESS]
        audited = await asyncio.to_thread(self._audited_steps)
        gaps = [run.run_id[:8] for run in runs if not set(STEPS) <= audited.get(run.run_id, set())]
        return not gaps, f"{len(runs)} successful runs" + (f"; not fully audited: {', '.join(gaps)}" if gaps else "")

    def _audited_steps(self) -> dict[str, set[str]]:
        steps: dict[str, set[str]] = {}
        for _, body in stored_entries(self._store, self._config.audit_prefix):
            entry = parse(body)
            if entry.run_id and entry.status is Status.SUCCESS:
                steps.setdefault(entry.run_id, set()).add(entry.action)
        return steps

    async def _tags(self) -> tuple[bool, str]:
        versions = await self._mlflow.versions(100)
        poor = [f"version {one.version}: {', '.join(one.missing_tags)}" for one in versions if one.missing_tags]
        return not poor, "; ".join(poor) or f"{len(versions)} versions"

    async def _append_only(self) -> tuple[bool, str]:
        return await asyncio.to_thread(self._try_to_tamper)

    def _try_to_tamper(self) -> tuple[bool, str]:
        """Tries, as the pipeline, to overwrite and to delete the first entry."""
        from botocore.exceptions import ClientError

        s3 = S3.of_lab(self._config, PIPELINE)
        bucket, key = self._config.audit_bucket, key_of(self._config.audit_prefix, 1)
        if s3.create(bucket, key, b"{}"):
            return False, f"{key} could be written over"
        try:
            s3.client.delete_object(Bucket=bucket, Key=key)
        except ClientError as err:
            return True, f"delete of {key}: {err.response['Error']['Code']}; conditional write: refused"
        return False, f"{key} could be deleted"

    async def _loopback(self) -> tuple[bool, str]:
        exposed = await asyncio.to_thread(lambda: sorted(set(self._exposed())))
        return not exposed, f"listening elsewhere: {', '.join(exposed)}" if exposed else "every port is on loopback"

    def _exposed(self) -> Iterator[str]:
        for process in owned(self._config.home):
            try:
                connections = process.net_connections("inet")
            except psutil.Error:
                continue
            for connection in connections:
                if connection.status == psutil.CONN_LISTEN and not _is_loopback(connection.laddr.ip):
                    yield f"{process.name()} on {connection.laddr.ip}:{connection.laddr.port}"


def _is_loopback(text: str) -> bool:
    address = ip_address(text)
    # gRPC listens on an IPv6 socket bound to an IPv4 address, which only that IPv4 address reaches.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


async def _settle(name: str, check: Callable[[], Awaitable[tuple[bool, str]]]) -> Proof:
    try:
        passed, evidence = await asyncio.wait_for(check(), timeout=60)
    except TimeoutError:
        return Proof(name, False, "no answer within 60 s")
    except LabError as err:
        return Proof(name, False, str(err))
    return Proof(name, passed, evidence)
