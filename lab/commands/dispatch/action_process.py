"""One of the screen's actions in a process of its own, so that its libraries never weigh on the screen.

`python -m lab.commands.dispatch.action_process NAME '{"target": "7", …}'` calls the function of the command, as Invoke
does, and prints JSON lines: `{"progress": …}` while it goes on, and one `{"result": …}` at the end.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lab.base import interruption
from lab.base.errors import LabError, SignatureInvalid, UsageError, told
from lab.base.progress import Progress
from lab.commands import (
    approval_commands,
    command,
    governance_commands,
    lifecycle_commands,
    service_commands,
    training_commands,
)
from lab.commands.command import Voice
from lab.commands.dispatch import action_results as results
from lab.views.jobs import ActionResult

if TYPE_CHECKING:
    from lab.governance.cases.approve import Outcome
    from lab.governance.cases.signing import KeyCard
    from lab.operations.bring_up import UpResult
    from lab.operations.demo_run import DemoRun
    from lab.operations.silence import Silence

T = TypeVar("T")


@dataclass(frozen=True)
class ActionProcess(Generic[T]):
    """A command as an action: `target` is its parameter for the row that was chosen, `fixed` what the action decides.

    Of what the screen has asked a person, the action `takes` some; `result` says how it went.
    """

    function: Callable[..., T]
    result: Callable[[T], ActionResult]
    target: str = ""
    takes: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def run(self, voice: Voice, arguments: Mapping[str, str]) -> ActionResult:
        """Does it. Raises LabError."""
        row = {self.target: arguments["target"]} if self.target else {}
        taken = {name: arguments[name] for name in self.takes if name in arguments}
        return self.result(self.function(voice, **self.fixed, **row, **taken))


def relaunch(voice: Voice, run_id: str) -> "DemoRun":
    """A new run on the data of an earlier one."""
    from lab import wiring
    from lab.operations.demo_run import DemoRunner

    return interruption.run(DemoRunner(wiring.own_lab(), voice.report).again(run_id))


def restart(voice: Voice, service: str) -> "tuple[str, UpResult]":
    """`invoke restart` of one service, with its name."""
    return service, lifecycle_commands.restart(voice, service)[1]


def silence(_: Voice, labels: str, reason: str) -> "Silence":
    """The alert with these labels (JSON) is silent for a while."""
    from lab import wiring
    from lab.operations.silence import silence as put

    return interruption.run(put(wiring.own_lab(), json.loads(labels), reason))


def decide(
    voice: Voice,
    action: str,
    version: str,
    model: str = "",
    reason: str = "",
    key: str = "",
    role: str = "",
    dry_run: str = "",
) -> "tuple[Outcome, KeyCard | None]":
    """`invoke approve` and its kind; a dry run needs no reason yet, and shows the key."""
    from lab import wiring
    from lab.governance.cases.signing import key_card

    why = reason or "looking only"
    outcome = approval_commands.act(voice, action, version, why, key, role, bool(dry_run), model)
    hand = approval_commands.signing(voice, key, role)
    return outcome, key_card(wiring.load_config(), hand) if dry_run else None


def _decision(action: str) -> ActionProcess[Any]:
    asked = ("model", "reason", "key", "role", "dry_run")
    return ActionProcess(decide, results.decided, "version", asked, {"action": action})


_SEED, _COMPARE = training_commands.seed, governance_commands.reconcile
PROCESSES: Mapping[str, ActionProcess[Any]] = {
    "up": ActionProcess(lifecycle_commands.up, results.started),
    "demo-run": ActionProcess(training_commands.demo_run, results.trained),
    "relaunch": ActionProcess(relaunch, results.trained, "run_id"),
    "cancel": ActionProcess(training_commands.cancel, results.cancelled, "run"),
    "seed": ActionProcess(_SEED, results.seeded, takes=("model", "reason", "key")),
    "drift": ActionProcess(_SEED, results.seeded, takes=("model",), fixed={"drift": True}),
    "reset": ActionProcess(_SEED, results.seeded, takes=("model",), fixed={"reset": True}),
    "start": ActionProcess(service_commands.start, results.brought_up, "service"),
    "stop": ActionProcess(service_commands.stop, results.stopped, "service"),
    "restart": ActionProcess(restart, results.restarted, "service"),
    "verify-governance": ActionProcess(governance_commands.verify, results.proved),
    "reconcile": ActionProcess(_COMPARE, results.compared),
    "repair": ActionProcess(_COMPARE, results.compared, fixed={"repair": True}),
    "evidence": ActionProcess(governance_commands.evidence, results.collected, "version", ("model",)),
    "silence": ActionProcess(silence, results.silenced, takes=("labels", "reason")),
    **{action: _decision(action) for action in ("approve", "reject", "promote", "archive")},
}


class Locked(SignatureInvalid):
    """The key can't sign without a person at a terminal; `lock` says why."""

    def __init__(self, key: Path, lock: str) -> None:
        super().__init__(
            f"The key {key} asks for its passphrase.", f"Load it once with `ssh-add {key}`, then try again."
        )
        self.lock = lock


def main(argv: list[str]) -> int:
    """Runs one action; whatever happens, the last line says how it ended."""
    # The screen may be gone before the action is: it goes on to its end then, and its lines go nowhere.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        result = _do(argv)
    except LabError as err:
        result = ActionResult(
            False, err.message, err.remedy, data={"lock": err.lock} if isinstance(err, Locked) else {}
        )
    except Exception as err:  # a mistake of ours must reach the screen as a message, too
        step = "Type the task on a command line: it shows the traceback."
        result = ActionResult(False, told(err), step)
    _say({"result": asdict(result)})
    return 0 if result.ok else 1


def _do(argv: list[str]) -> ActionResult:
    if len(argv) != 2 or argv[0] not in PROCESSES:
        raise UsageError(f"There is no action {argv[:1]}.", f"There are: {', '.join(PROCESSES)}.")

    def report(progress: Progress) -> None:
        _say({"progress": asdict(progress)})

    voice = Voice(report, lambda text: report(Progress("", "", text)), sign)
    return PROCESSES[argv[0]].run(voice, json.loads(argv[1]))


def _say(value: object) -> None:
    try:
        os.write(sys.stdout.fileno(), (json.dumps(value, ensure_ascii=False) + "\n").encode(errors="replace"))
    except OSError:
        return


def sign(message: bytes, key: Path) -> str:
    """Signs, and asks for a passphrase only where somebody is at a terminal. Raises Locked elsewhere."""
    from lab.services.ssh_lock import PASSPHRASE, lock_of

    if not _at_terminal() and lock_of(key) == PASSPHRASE:
        raise Locked(key, PASSPHRASE)
    return command.sign(message, key)


def _at_terminal() -> bool:
    """Whether ssh-keygen could ask somebody."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
