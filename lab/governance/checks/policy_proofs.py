"""(a) Every role in every environment is decided, and real runs meet that decision before they ingest anything."""

import asyncio
from collections.abc import Callable, Iterator

from lab.base.errors import SettingsError
from lab.base.runs import INGEST, STEPS, RunStatus
from lab.governance.checks.proof import Check, Found, listed
from lab.governance.checks.proof_clients import ProofClients
from lab.governance.checks.subject import Launched, Probe
from lab.governance.ledger import Status
from lab.governance.rules.policy import (
    Action,
    Actor,
    Claim,
    Environment,
    Role,
    forbidden,
    parse_action,
    parse_environment,
    parse_role,
    weaknesses,
)

# Launched for real: one that no policy may allow, two in between, and one that builds in prod.
TRIED = (
    (Role.ANALYST, Environment.PROD),
    (Role.ANALYST, Environment.STAGING),
    (Role.DATA_SCIENTIST, Environment.PROD),
    (Role.ML_ENGINEER, Environment.PROD),
)
_BLOCKED = [(INGEST, Status.BLOCKED)]
# Let in by the guard; there is nothing to ingest, so that it ends in its first step.
_LET_IN = [(INGEST, Status.STARTED), (INGEST, Status.FAILURE)]
_WHOLE = {(step, status) for step in STEPS for status in (Status.STARTED, Status.SUCCESS)}


def _owner(text: str) -> str:
    return Claim(text, Role.ANALYST, Environment.DEV).actor().owner


class PolicyProofs:
    """What the policy says, and what happens to runs."""

    def __init__(self, clients: ProofClients, probe: Probe) -> None:
        self._clients, self._probe = clients, probe

    def checks(self) -> Iterator[Check]:
        yield Check("policy: every role in every environment", self._decided)
        yield Check("policy: what isn't known is refused", self._unknown)
        yield Check("policy: real runs are let in or blocked before ingest", self._runs)
        yield Check("policy: a run that may succeeds, and each step is audited", self._success)

    async def _decided(self) -> Found:
        policy = self._clients.config.policy
        verdicts = []
        for environment in Environment:
            allowed = [role for role in Role if policy.decide(Actor("p", role, environment), Action.RUN).allowed]
            verdicts.append(f"run in {environment}: {', '.join(allowed) or 'nobody'}")
        return listed(weaknesses(policy), "; ".join(verdicts))

    async def _unknown(self) -> Found:
        tried: tuple[tuple[str, Callable[[str], object], str], ...] = (
            ("environment", parse_environment, "production"),
            ("role", parse_role, "king"),
            ("action", parse_action, "destroy"),
            ("owner", _owner, "olga\u200b"),
        )
        taken = []
        for _, parse, text in tried:
            try:
                taken.append(f"{text!r} is taken for {parse(text)!r}")
            except SettingsError:
                continue
        return listed(taken, f"{', '.join(f'{kind} {text!r}' for kind, _, text in tried)}: each an error")

    async def _runs(self) -> Found:
        ended = await asyncio.gather(*(self._probe.admitted(role, environment) for role, environment in TRIED))
        verdicts = [self._judge(*pair, launched) for pair, launched in zip(TRIED, ended, strict=True)]
        return listed((text for right, text in verdicts if not right), "; ".join(text for _, text in verdicts))

    def _judge(self, role: Role, environment: Environment, launched: Launched) -> Found:
        decision = self._clients.config.policy.decide(Actor("p", role, environment), Action.RUN)
        may = decision.allowed and not forbidden(role, environment, Action.RUN)
        who = f"{role} in {environment}"
        if launched.seen == _BLOCKED and launched.run.status is RunStatus.FAILURE:
            return not may, f"{who} was blocked" + (", and should have been let in" if may else " before ingest")
        if launched.seen == _LET_IN:
            return may, f"{who} was let in" + ("" if may else ", and should have been blocked")
        seen = ", ".join(f"{action} {status}" for action, status in launched.seen) or "nothing"
        return False, f"{who}: run {launched.run.run_id[:8]} ended {launched.run.status}, the trail says: {seen}"

    async def _success(self) -> Found:
        launched, actor = await self._probe.trained(), self._probe.actor()
        run = launched.run
        who = f"{actor.role} in {actor.environment}: run {run.run_id[:8]}"
        if run.status is not RunStatus.SUCCESS:
            reason = await self._clients.dagster.failure(run.run_id)
            return False, f"{who} ended {run.status}: {reason or 'no reason given'}"
        missing = [f"{who} left no {status} of {step}" for step, status in sorted(_WHOLE - set(launched.seen))]
        return listed(missing, f"{who} succeeded, {len(launched.entries)} entries")
