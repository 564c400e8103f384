"""Actions that are signed with a person's key: what is decided about a model version."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.errors import SignatureInvalid
from lab.views.jobs import ActionResult

if TYPE_CHECKING:
    from lab.base.progress import Report
    from lab.config import LabConfig
    from lab.governance.cases.signing import Signing


def act(config: "LabConfig", given: Mapping[str, str], report: "Report") -> ActionResult:
    """Approve, reject, promote or archive; with `dry_run` the gates, and the key that would sign, as `data`."""
    return asyncio.run(_act(config, given, report))


async def _act(config: "LabConfig", given: Mapping[str, str], report: "Report") -> ActionResult:
    from lab.base.progress import Progress
    from lab.governance.cases.approve import Approver, Tools
    from lab.governance.cases.signing import key_card
    from lab.governance.rules.policy import Action

    hand, action, version = signing(given), given["action"], given["target"]
    dry_run = bool(given.get("dry_run"))
    approver = Approver(config, hand, Tools.of_lab(config), lambda text: report(Progress("key", "signing", text)))
    try:
        outcome = await approver.act(Action(action), version, given.get("reason") or "looking only", dry_run)
    finally:
        await approver.aclose()
    gates = [asdict(gate) for gate in outcome.gates]
    data: dict[str, Any] = {"gates": gates, "from": outcome.from_state, "to": outcome.to_state}
    if dry_run:
        data["key"] = asdict(key_card(config, hand))
    lines = tuple(f"{'●' if gate.passed else '✗'} {gate.name}: {gate.detail}" for gate in outcome.gates)
    seq = f"; audit entry {outcome.entry.seq}" if outcome.entry else ""
    if not outcome.allowed:
        closed = ", ".join(gate.name for gate in outcome.gates if not gate.passed)
        return ActionResult(False, f"refused: {action} version {version}, by the gate {closed}{seq}", "", lines, data)
    said = f"{action} version {version}: {outcome.from_state} → {outcome.to_state}{seq}"
    return ActionResult(True, said, "", (*outcome.changes, *lines), data)


class Locked(SignatureInvalid):
    """The key can't sign without a person at a terminal; `lock` says why."""

    def __init__(self, key: Path, lock: str) -> None:
        super().__init__(
            f"The key {key} asks for its passphrase.", f"Load it once with `ssh-add {key}`, then try again."
        )
        self.lock = lock


def signing(given: Mapping[str, str]) -> "Signing":
    from lab.governance.cases.signing import Signing

    key = given.get("key", "")
    return Signing(Path(key).expanduser().absolute() if key else None, given.get("role", ""), sign=_sign)


def _sign(message: bytes, key: Path) -> str:
    from lab.services import ssh
    from lab.services.ssh_lock import PASSPHRASE, lock_of

    if not _at_terminal() and lock_of(key) == PASSPHRASE:
        raise Locked(key, PASSPHRASE)
    return ssh.sign(message, key)


def _at_terminal() -> bool:
    """Whether ssh-keygen could ask somebody."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
