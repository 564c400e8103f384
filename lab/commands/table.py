"""The one table of commands: Invoke tasks, subcommands of `mlops-lab` and the screen's actions are made from it.

Nothing heavy is imported here or by the modules of the commands: `invoke --list` and the first paint must be quick.
"""

from typing import TYPE_CHECKING, Any

from lab.commands.command import Command
from lab.commands.later import Later

if TYPE_CHECKING:
    from lab.commands import alert_commands as alerts
    from lab.commands import approval_commands as approval
    from lab.commands import audit_commands as audit
    from lab.commands import backup_commands as backup
    from lab.commands import compare_commands as comparing
    from lab.commands import deploy_commands as deployment
    from lab.commands import governance_commands as governance
    from lab.commands import image_commands as images
    from lab.commands import lifecycle_commands as lifecycle
    from lab.commands import model_commands as models
    from lab.commands import service_commands as services
    from lab.commands import training_commands as training
    from lab.commands import upgrade_commands as upgrade
else:
    alerts = Later("lab.commands.alert_commands")
    approval = Later("lab.commands.approval_commands")
    audit = Later("lab.commands.audit_commands")
    backup = Later("lab.commands.backup_commands")
    comparing = Later("lab.commands.compare_commands")
    deployment = Later("lab.commands.deploy_commands")
    governance = Later("lab.commands.governance_commands")
    images = Later("lab.commands.image_commands")
    lifecycle = Later("lab.commands.lifecycle_commands")
    models = Later("lab.commands.model_commands")
    services = Later("lab.commands.service_commands")
    training = Later("lab.commands.training_commands")
    upgrade = Later("lab.commands.upgrade_commands")

_DECISIONS = {
    "approve": "Approve a model version for staging, later for prod; never by its owner.",
    "reject": "Reject a model version; it loses its aliases at once, the champion's too.",
    "promote": "Move the alias staging, later champion, to an approved version when every gate is open.",
    "archive": "Put a model version away for good; not the present champion.",
}

# Invoke's alone: what is done to the lab of this folder.
_LAB: tuple[Command[Any], ...] = (
    Command("up", "Start every service, wait until each is healthy, and seed the data.", lifecycle.up,
            lifecycle.print_up, doing="Starting"),
    Command("demo-run", "Train, evaluate and register the default model under governance.", training.demo_run,
            training.print_run, json=True, doing="Running"),
    Command("train", "Train, evaluate and register one model under governance.", training.train,
            training.print_run, json=True, doing="Training"),
    Command("cancel", "Stop a run that goes on; the audit trail says who asked.", training.cancel,
            training.print_cancelled, json=True, doing="Stopping"),
    Command("models", "Show every model: its versions, how the newest stands, what is champion.", training.models,
            training.print_models, json=True, code=training.unsound),
    Command("compare", "Show what differs between two versions: metrics, parameters, data, code.", comparing.compare,
            comparing.print_comparison, json=True),
    Command("new-model", "Look at a data set, and write a model's folder for it: contract, baseline, test.",
            models.new_model, models.print_proposal, json=True),
    Command("seed", "Record the data set, its baseline profile and hash; plant or take back a drift.", training.seed,
            training.print_seeded, json=True),
    Command("status", "Show every service: health by its deep probe, address, uptime, memory.", lifecycle.status,
            lifecycle.print_services, json=True, code=lifecycle.not_all_up),
    Command("logs", "Show the logs of one service, or of all.", lifecycle.logs),
    Command("open", "Open a service's page in the browser.", lifecycle.open_page),
    Command("down", "Stop every service, and runs with them; all data stays.", lifecycle.down),
    Command("start", "Start one service and no other, and wait until it is healthy.", services.start,
            services.print_started, doing="Starting"),
    Command("stop", "Stop one service until it is started again; the rest goes on.", services.stop,
            services.print_stopped, doing="Stopping"),
    Command("restart", "Stop and start one service and no other, or all; ends a run that needs it.", lifecycle.restart,
            lifecycle.print_up, doing="Restarting"),
    Command("exec", "Run a command where a service runs: invoke exec mlflow -- env.", lifecycle.execute),
    Command("nuke", "Remove everything that this lab made, and nothing else.", lifecycle.nuke),
    Command("backup", "Write everything that the lab knows into one file: databases, buckets, audit trail, identities; "
            "no secret.", backup.back_up, backup.print_backup, json=True, doing="Backing up"),
    Command("restore", "Check a backup, load it into a lab that is empty, bring that up, and verify the audit trail.",
            backup.restore, backup.print_restored, json=True, doing="Restoring"),
    Command("upgrade", "Back up, bring databases and formats to what this code needs, verify; all as before if that "
            "fails.", upgrade.upgrade, upgrade.print_upgraded, json=True, doing="Upgrading"),
    Command("doctor", "Find what would keep the lab from starting, with the remedy of each.", lifecycle.doctor,
            lifecycle.print_findings, json=True, code=lifecycle.ill),
    Command("alert-test", "Send a test alert to every receiver, and say what each answered.", alerts.alert_test,
            alerts.print_test, json=True),
    Command("build", "Fetch and prepare all that `up` needs, so that it starts quickly and offline; with containers: "
            "their images.", images.build),
    Command("bundle", "Save images and wheels of an air-gapped build into one file, which `invoke build --bundle` "
            "loads elsewhere.", images.bundle, doing="Saving"),
    Command("deploy", "Bring the commit here to AWS: plan, show, and apply what was approved.", deployment.deploy,
            deployment.print_deployment, json=True, doing="Deploying"),
    Command("approve-deploy", "Approve a plan that waits to be applied; never by who made it.", deployment.approve,
            deployment.print_approved, json=True),
)  # fmt: skip

# Both command lines'.
_GOVERNANCE: tuple[Command[Any], ...] = (
    *(Command(name, text, approval.act, approval.print_outcome, json=True, fixed={"action": name})
      for name, text in _DECISIONS.items()),
    Command("criteria", "Show what a model's versions are judged by, and whether its contract asks for less.",
            approval.criteria, approval.print_criteria, json=True, code=approval.looser),
    Command("set-criteria", "Put a contract's margins, risk tier, protected columns and exemptions in force, signed.",
            approval.set_criteria, approval.print_criteria, json=True),
    Command("identity add", "Let an SSH key act as NAME in the roles given; the first identity is taken on trust.",
            approval.add_identity, approval.print_change, json=True),
    Command("identity remove", "Take the keys of NAME out; what they signed before stays signed.",
            approval.remove_identity, approval.print_change, json=True),
    Command("identity list", "Show who may sign, and whether file and audit trail agree.", approval.list_identities,
            approval.print_identities, json=True, code=approval.differs),
    Command("verify-governance", "Prove on the running lab that the guardrails hold.", governance.verify,
            governance.print_proofs, json=True, doing="Proving", live=True, code=governance.failed),
    Command("reconcile", "Compare the model registry with the audit trail.", governance.reconcile,
            governance.print_reconciliation, json=True),
    Command("evidence", "Write everything that is on record about a model version: card, metrics, data, approvals, "
            "ledger excerpt.", governance.evidence, governance.print_evidence, json=True),
)  # fmt: skip

# `mlops-lab`'s alone.
_AUDIT: tuple[Command[Any], ...] = (
    Command("alerts", "Show which alerts fired lately, and which of them were resolved.", alerts.history,
            alerts.print_history, json=True),
    Command("audit verify", "Check every entry, and compare with the published heads.", audit.verify,
            audit.print_verified, json=True, document=audit.verified_document),
    Command("audit export", "Write the trail as JSON Lines, to FILE or standard output.", audit.export),
    Command("audit deliver", "Append the entries that wait in the local journal.", audit.deliver),
    Command("audit close", "Record as failed what ended without its entry.", audit.close,
            audit.print_closed, json=True, document=audit.closed_document),
    Command("audit lock", "Make the store protect every entry for AUDIT_RETENTION_DAYS again.", audit.lock),
)  # fmt: skip

TASKS = (*_LAB, *_GOVERNANCE)
SUBCOMMANDS = (*_GOVERNANCE, *_AUDIT)
GROUPS = {"identity": "who may sign", "audit": "verify or export the audit trail"}
