"""Every action the screen offers beyond looking: its name, its words, and what is asked before it begins."""

from dataclasses import dataclass
from enum import StrEnum


class Ask(StrEnum):
    """What a person is asked first."""

    NOTHING = "nothing"
    CONFIRM = "confirm"
    REASON = "reason"
    GATES = "gates"  # the gates are shown, the reason and the role asked for


@dataclass(frozen=True)
class Action:
    """One action. `part` names the panel whose row it is about, empty for the whole lab; `{}` in words is that row.

    `warning` says what will happen; `changes` is false for what only looks, which a read-only screen offers, too.
    `signs` is true where the policy may ask for a signature.
    """

    name: str
    title: str
    help: str
    part: str = ""
    ask: Ask = Ask.NOTHING
    warning: str = ""
    changes: bool = True
    signs: bool = False
    # What the answer that changes nothing is called, where "Cancel" could be taken for the action itself.
    keep: str = "Cancel"


_ALL = (
    Action(
        "up",
        "Start the lab",
        "As `invoke up`: start every service and wait until each is healthy",
        ask=Ask.CONFIRM,
        warning="Starts every service of the lab on this machine, and seeds the data if that was never done.",
    ),
    Action(
        "demo-run",
        "Launch a demo run",
        "As `invoke demo-run`: train, evaluate and register under governance",
        ask=Ask.CONFIRM,
        warning="Trains the default model in your name, and registers a version that waits for approval.",
    ),
    Action(
        "seed",
        "Seed the data",
        "As `invoke seed`: record the data set and its baseline",
        ask=Ask.REASON,
        warning="Makes DATA_PATH the current data and the baseline that drift is measured against.",
        signs=True,
    ),
    Action(
        "drift",
        "Plant a drift",
        "As `invoke seed --drift`: the same population in worse times",
        ask=Ask.CONFIRM,
        warning="Replaces the current data by a drifted set: alerts fire, and versions trained on it stay blocked.",
    ),
    Action(
        "reset",
        "Take the drift back",
        "As `invoke seed --reset`: the baseline's data is current again",
        ask=Ask.CONFIRM,
        warning="Makes the baseline's data the current data again.",
    ),
    Action(
        "verify-governance",
        "Verify governance",
        "As `invoke verify-governance`: prove on the running lab that the guardrails hold",
        ask=Ask.CONFIRM,
        warning="Tries every guardrail, which trains probes, writes audit entries and takes a minute or more.",
    ),
    Action("reconcile", "Reconcile", "As `invoke reconcile`: compare registry and audit trail", changes=False),
    Action(
        "repair",
        "Reconcile and repair",
        "As `invoke reconcile --repair`: tags, aliases and stages follow the trail",
        ask=Ask.CONFIRM,
        warning="Makes the registry's tags, aliases and stages follow the audit trail, which records every change.",
    ),
    Action("approve", "Approve version {}", "For staging, later for prod; never by its owner", "models", Ask.GATES,
           signs=True),
    Action("promote", "Promote version {}", "Move the alias staging, later champion", "models", Ask.GATES, signs=True),
    Action("reject", "Reject version {}", "It loses its aliases at once", "models", Ask.GATES, signs=True),
    Action("archive", "Archive version {}", "Put it away for good", "models", Ask.GATES, signs=True),
    Action("evidence", "Write the evidence of version {}", "As `invoke evidence`: all that is on record, in ./evidence",
           "models", changes=False),
    Action(
        "relaunch",
        "Re-launch run {}",
        "A new run on the same data, in your name",
        "runs",
        Ask.CONFIRM,
        "Starts a new run on the data that this one trained on. It is yours, whoever started the first.",
    ),
    Action(
        "cancel",
        "Stop run {}",
        "As `invoke cancel`: stop it; the audit trail says who asked",
        "runs",
        Ask.CONFIRM,
        "Stops the run, whoever started it. What it has done so far stays; it registers no version.",
        keep="Keep running",
    ),
    Action(
        "start",
        "Start {}",
        "As `invoke start`: start it, and wait until it is healthy",
        "services",
        Ask.CONFIRM,
        "Starts the service, no other, and waits until it is healthy.",
    ),
    Action(
        "stop",
        "Stop {}",
        "As `invoke stop`: it stays stopped until somebody starts it",
        "services",
        Ask.CONFIRM,
        "Stops the service until somebody starts it again; alerts tell that it is down. Its data stays.",
    ),
    Action(
        "restart",
        "Restart {}",
        "As `invoke restart`: stop it, start it, wait until it is healthy",
        "services",
        Ask.CONFIRM,
        "Stops the service and starts it again; what needs it fails meanwhile.",
    ),
    Action(
        "silence",
        "Silence {}",
        "For two hours, in Alertmanager",
        "drift",
        Ask.REASON,
        "Alertmanager tells nobody of this alert for two hours; it goes on showing here.",
    ),
)  # fmt: skip
ACTIONS = {action.name: action for action in _ALL}
