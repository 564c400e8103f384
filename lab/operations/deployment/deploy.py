"""One deployment: the policy, the account, a plan, the approval of exactly that plan, its images, and the apply."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from lab.base.errors import LabError, UsageError
from lab.base.interruption import finished_first
from lab.base.progress import Progress, Report
from lab.config import LabConfig
from lab.governance.cases.deploy_approval import DeploymentTrail, PlanFacts
from lab.governance.ledger import EntryStore, Status
from lab.governance.rules.deployments import APPLY, PLAN
from lab.governance.rules.plans import (
    CREATE,
    DELETE,
    FORGET,
    REPLACE,
    UPDATE,
    Change,
    Plan,
    Violation,
    plan_hash,
    tag_problem,
)
from lab.governance.rules.plans import read_plan as read
from lab.governance.rules.policy import Environment
from lab.operations.deployment import aws_account
from lab.operations.deployment.aws_account import Account
from lab.operations.deployment.registry import Found, Registry
from lab.operations.deployment.saved_plan import Record, Workplace
from lab.operations.deployment.source import commit_of, target_of
from lab.operations.deployment.terraform import Terraform, binary, need_secret
from lab.runtime.layout import write_private

DRIFT = "drift"
_REGISTRY = "-target=module.lab.module.registry"
_LONGEST_REASON = 500
# So many addresses an entry names.
_SETTLED = 100


@dataclass(frozen=True)
class Deployment:
    """How one went: `plan` is the hash that an approval signs, `images` are digests in the registry by name, `missing`
    those that have to be pushed. `entry` is the audit entry that says so, None where nothing is recorded; `settings`
    is the file for `mlops-lab --at`.
    """

    environment: str
    stage: str
    account: str
    caller: str
    commit: str
    image_tag: str
    plan: str = ""
    changes: tuple[Change, ...] = ()
    drift: tuple[Change, ...] = ()
    violations: tuple[Violation, ...] = ()
    protected: int = 0
    images: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    needs_approval: bool = False
    approval: int | None = None
    entry: int | None = None
    applied: bool = False
    settings: str = ""

    @property
    def succeeded(self) -> bool:
        return not self.violations and not (self.stage == DRIFT and self.drift)


@dataclass(frozen=True)
class Deployer:
    """Deploys to one environment as the configured actor. Methods raise LabError; then nothing was applied, or the
    error says how far Terraform came.
    """

    config: LabConfig
    environment: Environment
    store: EntryStore | None
    report: Report

    def planned(self, image_tag: str = "", registry: bool = False) -> Deployment:
        """A plan, saved to be approved and applied unless it touches what is protected."""
        _check_tag(image_tag)
        with self._workplace(PLAN) as (trail, work), self._recorded(trail, PLAN) as details:
            work.clear()
            account, commit = self._enter(work)
            chosen = image_tag or commit
            found = self._images(account, chosen, given=bool(image_tag) and not registry)
            terraform = self._terraform(work, chosen, bool(account.looks))
            terraform.init()
            terraform.plan(work.plan, *([_REGISTRY] if registry else []), *self._compared(account))
            shown = terraform.show(work.plan)
            record = Record("", self._planner, account.caller.account, chosen, commit, registry)
            record = replace(record, plan=self._hash(work, shown, record))
            made = self._outcome(PLAN, account, record, read(shown), found)
            details |= _details(made)
            if made.violations:
                work.clear()
            else:
                work.save(record)
            entry = trail.record(_ended(made), details)
            return replace(made, entry=entry.seq if entry else None)

    def drifted(self) -> Deployment:
        """What was changed in AWS behind Terraform's back; nothing is planned or recorded."""
        with self._workplace(DRIFT) as (_, work):
            work.clear()
            account, commit = self._enter(work)
            if account.looks == "plan":
                raise LabError(
                    f"{account.caller.arn} reads no secrets, without which nothing can be compared with AWS.",
                    f"Look for drift as {account.target.name}-ci-drift, or as somebody who may deploy.",
                )
            terraform = self._terraform(work, commit, bool(account.looks))
            terraform.init()
            terraform.plan(work.plan, "-refresh-only", "-lock=false")
            plan = read(terraform.show(work.plan))
            work.clear()
            record = Record("", self._planner, account.caller.account, "", commit)
            return replace(self._outcome(DRIFT, account, record, plan, Found({}, (), ())), changes=())

    def applied(self) -> Deployment:
        """Applies the saved plan, when it is the one that was approved."""
        with self._workplace(APPLY) as (trail, work):
            record = work.read(self.environment)
            account = aws_account.entered(target_of(work.source, self.environment), work.source)
            terraform = self._terraform(work, record.image_tag)
            shown = terraform.show(work.plan)
            record = replace(record, plan=self._hash(work, shown, record))
            approval = trail.approval(record.plan)
            found = Registry(account).find(record.image_tag)
            made = self._outcome(APPLY, account, record, read(shown), found)
            made = replace(made, approval=approval.seq if approval else None)
            if made.violations:
                entry = trail.turned_away(_details(made))
                return replace(made, entry=entry.seq if entry else None)
            if not record.registry:
                found = self._push(account, found, record, work)
                made = replace(made, images=found.digests, missing=())
            # A signal counts after the last entry: it makes no failure of what was applied.
            with finished_first(), self._recorded(trail, APPLY, _details(made)) as details:
                terraform.apply(work.plan)
                settings = "" if record.registry else self._settings(terraform, work)
                details["settled"] = [] if record.registry else self._settled(terraform, work)
                work.clear()
                entry = trail.record(Status.SUCCESS, details)
                self._say("deploy", f"applied plan {record.plan[:12]}{f'; audit entry {entry.seq}' if entry else ''}")
            return replace(made, entry=entry.seq if entry else None, applied=True, settings=settings)

    @property
    def _planner(self) -> str:
        return self.config.actor.owner

    @contextmanager
    def _workplace(self, stage: str) -> Iterator[tuple[DeploymentTrail, Workplace]]:
        config = replace(self.config, actor=replace(self.config.actor, environment=self.environment))
        trail, work = DeploymentTrail(config, self.store), Workplace.of(config, self.environment)
        trail.admit(stage)
        binary()
        need_secret()
        with work.held(lambda text: self._say("deploy", text)) as held:
            yield trail, held

    @contextmanager
    def _recorded(
        self, trail: DeploymentTrail, stage: str, known: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """`started` now, and `failure` when the block raises; the block records how it ended elsewise."""
        details: dict[str, Any] = {"stage": stage, **(known or {})}
        trail.record(Status.STARTED, details)
        try:
            yield details
        except BaseException as err:
            reason = err.message if isinstance(err, LabError) else f"interrupted: {type(err).__name__}"
            trail.record(Status.FAILURE, {**details, "reason": reason[-_LONGEST_REASON:]})
            raise

    def _enter(self, work: Workplace) -> tuple[Account, str]:
        commit = commit_of(self.config.root)
        commit.export(work.source)
        account = aws_account.entered(target_of(work.source, self.environment), work.source)
        self._say("account", f"{account.caller.account}, as {account.caller.arn}")
        return account, commit.id

    def _terraform(self, work: Workplace, image_tag: str, look_only: bool = False) -> Terraform:
        return Terraform(
            work.source / f"terraform/envs/{self.environment}", self.report, image_tag, look_only, work.lock
        )

    def _compared(self, account: Account) -> list[str]:
        """Options for what a plan is compared with. Raises LabError for one that nobody could apply."""
        if account.looks and self.store:
            raise LabError(
                f"{account.caller.arn} only looks: what it plans can't be applied, and so isn't recorded.",
                "Plan as somebody who may deploy, or without a lab that is up.",
            )
        if account.looks == "plan":
            self._say("terraform", "planning; compared with what Terraform left there, not with what is there now")
            return ["-refresh=false"]
        self._say("terraform", "planning")
        return []

    def _images(self, account: Account, image_tag: str, given: bool) -> Found:
        found = Registry(account).find(image_tag)
        if given and (absent := (*found.unmade, *found.missing)):
            raise LabError(
                f"The registry of {account.target.name} has no {', '.join(absent)} under the tag {image_tag}.",
                "Leave --tag out to build the commit that is checked out, or push those images first.",
            )
        return found

    def _push(self, account: Account, found: Found, record: Record, work: Workplace) -> Found:
        """What the registry has when nothing is missing any more."""
        if found.unmade:
            raise LabError(
                f"The registry of {account.target.name} isn't there yet: no {', '.join(found.unmade)}.",
                f"Make it first, once: `invoke deploy --env {self.environment} --registry`.",
            )
        if not found.missing:
            return found
        if record.image_tag != record.commit:
            raise LabError(
                f"The registry of {account.target.name} no longer has {', '.join(found.missing)} under the tag "
                f"{record.image_tag}, and the commit isn't that.",
                f"Push them again, or make another plan: `invoke deploy --env {self.environment} --plan`.",
            )
        Registry(account).push(found.missing, record.image_tag, work.source, self.report)
        return self._images(account, record.image_tag, given=True)

    def _settings(self, terraform: Terraform, work: Workplace) -> str:
        """The file for `mlops-lab --at`; empty where it can't be had, which makes no applied plan a failed one."""
        try:
            write_private(work.settings, terraform.output("settings"))
        except LabError as err:
            self._say("settings", err.message)
            return ""
        return str(work.settings)

    def _settled(self, terraform: Terraform, work: Workplace) -> list[str]:
        """What Terraform read back into its state, by address; the entry has it, so that nothing is taken in unseen.

        A role repeats the policies that were given to it after it was made, a bucket its settings: without this, they
        would seem to have been changed by other hands until the next apply.
        """
        try:
            terraform.plan(work.settling, "-refresh-only")
            drift = read(terraform.show(work.settling)).drift
            if drift:
                terraform.apply(work.settling)
        except LabError as err:
            self._say("settled", f"{err.message} {err.remedy} The next look for drift shows what this apply changed.")
            return []
        return [one.address for one in drift][:_SETTLED]

    def _hash(self, work: Workplace, shown: bytes, record: Record) -> str:
        return plan_hash(work.plan.read_bytes(), shown, {**record.facts, "environment": self.environment.value})

    def _outcome(self, stage: str, account: Account, record: Record, plan: Plan, found: Found) -> Deployment:
        return Deployment(
            environment=self.environment.value,
            stage=stage,
            account=account.caller.account,
            caller=account.caller.arn,
            commit=record.commit,
            image_tag=record.image_tag,
            plan=record.plan,
            changes=plan.changes,
            drift=plan.drift,
            violations=plan.violations,
            protected=plan.protected,
            images=found.digests,
            missing=(*found.unmade, *found.missing),
            needs_approval=self.config.policy.signature_required(self.environment),
        )

    def _say(self, subject: str, text: str) -> None:
        self.report(Progress(subject, text))


def facts_of(config: LabConfig, environment: Environment, show: Callable[[Workplace, Record], bytes]) -> PlanFacts:
    """What somebody would sign of the saved plan: its hash is made anew from the files. Raises LabError."""
    work = Workplace.of(config, environment)
    record = work.read(environment)
    shown = show(work, record)
    digest = plan_hash(work.plan.read_bytes(), shown, {**record.facts, "environment": environment.value})
    return PlanFacts(digest, record.planner, environment, record.account, record.image_tag)


def _check_tag(given: str) -> None:
    if given and (problem := tag_problem(given)):
        raise UsageError(f"--tag: {problem}.", "Name one build by 3 to 128 of A-Z, a-z, 0-9, ., _ and -; not latest.")


def _details(made: Deployment) -> dict[str, Any]:
    """What the trail keeps: names and numbers, and no value of an attribute."""
    counts = {
        name: sum(one.action == name for one in made.changes) for name in (CREATE, UPDATE, REPLACE, DELETE, FORGET)
    }
    kept = {name: getattr(made, name) for name in ("stage", "plan", "account", "caller", "commit", "image_tag")}
    approval = {} if made.approval is None else {"approval": made.approval}
    reason = {"reason": "; ".join(f"{one.address}: {one.problem}" for one in made.violations)[:2000]}
    return {**kept, "changes": counts, "images": dict(made.images), **approval, **(reason if made.violations else {})}


def _ended(made: Deployment) -> Status:
    return Status.BLOCKED if made.violations else Status.SUCCESS
