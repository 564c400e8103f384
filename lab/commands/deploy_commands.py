"""Bringing a commit to AWS, and approving what Terraform would do there."""

from typing import TYPE_CHECKING, Annotated

from lab.base.errors import LabError, UsageError
from lab.commands import printing
from lab.commands.approval_commands import signing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.config import LabConfig
    from lab.governance.ledger import Entry, EntryStore
    from lab.governance.rules.plans import Change
    from lab.governance.rules.policy import Environment
    from lab.operations.deployment.deploy import Deployment

_ENV = Option("dev, staging or prod: a folder of terraform/envs", "ENV", named=True)
_MARKS = {
    "create": "[green]+[/]",
    "update": "[yellow]~[/]",
    "replace": "[red]±[/]",
    "delete": "[red]-[/]",
    "forget": "[red]?[/]",
}
_WORDS = {
    "create": "to add",
    "update": "to change",
    "replace": "to replace",
    "delete": "to destroy",
    "forget": "to forget",
}


def deploy(
    voice: Voice,
    env: Annotated[str, _ENV],
    plan: Annotated[bool, Option("stop after the plan, and say how to approve and apply it")] = False,
    tag: Annotated[
        str, Option("images that the registry has already; without it those of the commit here", "TAG")
    ] = "",
    registry: Annotated[bool, Option("the registry of images alone: once, before the first images")] = False,
    drift: Annotated[
        bool, Option("show what was changed in AWS by other hands, and exit with 1 if anything was")
    ] = False,
) -> "Deployment":
    """Plans, and applies what was approved. Raises LabError."""
    from lab import wiring
    from lab.operations.deployment.deploy import Deployer

    if drift and (plan or tag or registry):
        raise UsageError("--drift goes with none of --plan, --tag and --registry.", "Leave them out.")
    config, environment = wiring.load_config(), _environment(env)
    store = _store(voice, config, needed=not (plan or drift))
    deployer = Deployer(config, environment, store, voice.report)
    if drift:
        return deployer.drifted()
    if plan:
        return deployer.planned(tag, registry)
    if not config.policy.signature_required(environment):
        made = deployer.planned(tag, registry)
        return deployer.applied() if made.succeeded and made.changes else made
    if tag or registry:
        raise UsageError(
            f"In {environment} a plan is approved before it is applied.", "Give --tag and --registry with --plan."
        )
    return deployer.applied()


def approve(
    voice: Voice,
    env: Annotated[str, _ENV],
    reason: Annotated[str, Option("why, in a sentence that the audit trail keeps", named=True)],
    key: Annotated[str, Option("SSH key that signs; without it SIGNING_KEY, or the usual one in ~/.ssh", "FILE")] = "",
    role: Annotated[str, Option("role to act in, where the key's identity holds several")] = "",
) -> "Entry":
    """Approves the plan that waits, as another person than who made it. Raises LabError."""
    from lab import wiring
    from lab.governance.cases.deploy_approval import DeploymentApprover
    from lab.governance.rules.approval_states import checked_reason
    from lab.operations.deployment.deploy import facts_of
    from lab.operations.deployment.saved_plan import Record, Workplace
    from lab.operations.deployment.terraform import Terraform

    checked_reason(reason)  # wrong usage is wrong in a lab that is down, too
    environment = _environment(env)
    config = wiring.own_lab()

    def show(work: Workplace, record: Record) -> bytes:
        folder = work.source / f"terraform/envs/{environment}"
        shown = Terraform(folder, voice.report, record.image_tag).show(work.plan)
        voice.say("\n".join(_lines(shown)))
        return shown

    facts = facts_of(config, environment, show)
    return DeploymentApprover(config, _audit(config), signing(voice, key, role), voice.say).approve(facts, reason)


def _lines(shown: bytes) -> list[str]:
    """The plan as whoever approves it should see it before the key signs."""
    from lab.governance.rules.plans import read_plan

    found = read_plan(shown)
    return [*(f"{one.action:<8} {one.address}" for one in found.changes), _counted(found.changes)]


def _environment(text: str) -> "Environment":
    from lab.governance.rules.policy import parse_environment

    try:
        return parse_environment(text, "--env")
    except LabError as err:
        raise UsageError(err.message, err.remedy) from None


def _store(voice: Voice, config: "LabConfig", needed: bool) -> "EntryStore | None":
    """The trail of this folder's lab; a plan may be made without one, and is then good for looking only."""
    from lab import wiring

    try:
        wiring.own_lab(config)
    except LabError as err:
        if needed:
            raise LabError(
                f"Nothing is deployed without an entry in the audit trail. {err.message}",
                f"{err.remedy} With --plan it is only looked at.",
            ) from None
        voice.say(f"not recorded: {err.message}")
        return None
    return _audit(config)


def _audit(config: "LabConfig") -> "EntryStore":
    from lab.services.s3 import PIPELINE, S3, AuditStore

    return AuditStore(S3.of_lab(config, PIPELINE), config.audit_bucket, config.audit_prefix)


def print_deployment(made: "Deployment") -> None:
    """What would change or has changed, what is protected, and what to type next."""
    shown = made.drift if made.stage == "drift" else made.changes
    for change in shown:
        printing.show(_line(change))
    printing.say(f"{made.environment}, account {made.account}: {_counted(shown)}")
    if made.stage == "drift":
        printing.say("somebody else changed this in AWS" if shown else "AWS is as Terraform left it")
        return
    for one in made.violations:
        printing.show(f"[red]refused[/] {printing.escape(one.address)}: {printing.escape(one.problem)}")
    if not made.violations:
        printing.say(f"protected: {made.protected} resources are there, and none would be destroyed or weakened")
    pushed = f"; to be built and pushed: {', '.join(made.missing)}" if made.missing and not made.applied else ""
    printing.say(f"images: tag {made.image_tag}, {len(made.images)} in the registry{pushed}")
    printing.say(_next(made))


def _line(change: "Change") -> str:
    why = f", because of {', '.join(change.because)}" if change.because else ""
    what = f" ({', '.join(change.attributes)}{why})" if change.attributes or why else ""
    return f"{_MARKS[change.action]} {printing.escape(change.address + what)}"


def _counted(changes: "tuple[Change, ...]") -> str:
    counts = ((sum(one.action == action for one in changes), words) for action, words in _WORDS.items())
    return ", ".join(f"{count} {words}" for count, words in counts if count) or "nothing to change"


def _next(made: "Deployment") -> str:
    said = f"; audit entry {made.entry}" if made.entry else ""
    if made.violations:
        return (
            f"refused{said}: this command never destroys or weakens what is protected. Take the change back; what must "
            "go all the same is for an administrator and Terraform itself, with the account's own approval."
        )
    if made.applied:
        look = f"mlops-lab --at {made.settings}" if made.settings else f"invoke deploy --env {made.environment}"
        return f"applied plan {made.plan[:12]}{said}; next: {look}"
    if not made.changes:
        return f"nothing to apply{said}"
    if made.entry is None:
        return f"plan {made.plan[:12]}, to look at only; for one that can be applied, type `invoke up` first"
    if not made.needs_approval:
        return (
            f"plan {made.plan[:12]}{said}; next: invoke deploy --env {made.environment}, which plans anew and applies"
        )
    return (
        f"plan {made.plan[:12]}{said}; next, by another person: invoke approve-deploy --env {made.environment} "
        f'--reason "…"; then: invoke deploy --env {made.environment}'
    )


def print_approved(entry: "Entry") -> None:
    """Who approved which plan."""
    printing.say(
        f"{entry.owner} ({entry.role}) approved plan {str(entry.details['plan'])[:12]} for {entry.environment}; "
        f"audit entry {entry.seq}; next: invoke deploy --env {entry.environment}"
    )
