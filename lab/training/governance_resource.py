"""The governance resource: who a run belongs to, and the guard that stands around its steps."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache

import dagster as dg
from pydantic import Field

from lab.base.errors import LabError
from lab.base.model_id import ModelId, models_among
from lab.base.runs import ENVIRONMENT_TAG, OWNER_TAG, ROLE_TAG
from lab.governance.ledger.writer import Ledger
from lab.governance.rules import callers
from lab.governance.rules.callers import Caller
from lab.governance.rules.policy import Claim
from lab.services.aws_identity import caller_arn
from lab.services.s3 import S3, AuditStore
from lab.training.guard import AuditWriter, Guard, Rules, StepRecord
from lab.training.step_environment import StepEnvironment, read_environment

# The trail knows a run's steps by their names alone, of which each model has the same.
_SEVERAL = "This run is of several models, and the audit trail couldn't tell their steps apart"


class Governance(dg.ConfigurableResource):  # type: ignore[type-arg]  # the argument types a wrapped value, and there is none
    """Owner, role and environment of a run; what is left empty comes from the process environment."""

    owner: str = Field("", description="name that owns the run; empty: RUN_OWNER")
    role: str = Field("", description="role that the owner acts in; empty: RUN_ROLE")
    environment: str = Field("", description="dev, staging or prod; empty: ENVIRONMENT")

    @contextmanager
    def step(self, context: dg.AssetExecutionContext, name: str, model: ModelId | None = None) -> Iterator[StepRecord]:
        """As `Guard.step`, for a step of this run, a model's or anybody's own.

        Then it tags the run with its owner, role and environment.
        """
        try:
            env = read_environment()
            ledger = self.ledger(env)
            caller = self.caller(env)
        except LabError as err:
            raise dg.Failure(description=f"{name} doesn't run: {err}", allow_retries=False) from None
        claim = self.claim(env)
        if caller:
            context.log.info(_said(caller, self.role or env.role))
        guard = Guard(
            ledger,
            Rules(env.policy, env.governance, env.staging_roles, env.prod_roles),
            claim,
            context.run.run_id,
            env.code_version,
            context.log.warning,
            caller=caller,
            model=model.name if model else "",
            refused=_SEVERAL if len(models_among(_ops(context))) > 1 else "",
        )
        with ExitStack() as guarded:
            try:
                record = guarded.enter_context(guard.step(name))
            finally:
                # Refused or not, pages show what was claimed; but only once the trail says what became of it.
                _tag_run(context, claim.shown())
            yield record

    def claim(self, env: StepEnvironment) -> Claim:
        """Who the run says it is: its configuration first, the process environment second.

        Where the role is the caller's, that and the environment are not the run's to say. Raises ServiceUnavailable.
        """
        if caller := self.caller(env):
            return Claim(self.owner or env.owner, caller.role, env.environment)
        return Claim(self.owner or env.owner, self.role or env.role, self.environment or env.environment)

    def caller(self, env: StepEnvironment) -> Caller | None:
        """Whom AWS knows this process as; None where a run's role is a setting. Raises ServiceUnavailable."""
        return callers.judge(caller_arn(), env.lab, env.environment) if env.by_caller else None

    def ledger(self, env: StepEnvironment) -> AuditWriter:
        """The trail's writer; tests put another store here."""
        return _ledger(env)


@lru_cache(maxsize=1)
def _ledger(env: StepEnvironment) -> Ledger:
    # Kept for all steps of a run: a writer that knows the head needs one request less per entry.
    store = AuditStore(S3.from_environment(), env.audit_bucket, env.audit_prefix)
    return Ledger(store, env.audit_prefix, env.journal)


def _ops(context: dg.AssetExecutionContext) -> Sequence[str]:
    """What the run executes, by Dagster's names."""
    return context.run.step_keys_to_execute or [node.name for node in context.job_def.nodes]


def _said(caller: Caller, claimed: str) -> str:
    role = f"{caller.role}, by the role of {caller.arn}" if caller.role else f"none: {caller.problem}"
    ignored = f"RUN_ROLE ({claimed}) is" if claimed else "RUN_ROLE and what a run's configuration says of it are"
    return f"The run's role is {role}. {ignored} ignored here."


def _tag_run(context: dg.AssetExecutionContext, claim: Claim) -> None:
    wanted = {OWNER_TAG: claim.owner, ROLE_TAG: claim.role, ENVIRONMENT_TAG: claim.environment}
    run = context.instance.get_run_by_id(context.run.run_id)
    present = run.tags if run else {}
    # The guard's answer belongs to the claim, so a tag that says otherwise is corrected.
    new = {name: value for name, value in wanted.items() if value and present.get(name) != value}
    if new:
        context.instance.add_run_tags(context.run.run_id, new)
