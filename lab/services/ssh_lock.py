"""Whether an SSH key can sign without asking a person for something."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.base.account import AGENT, named, passed_on
from lab.base.errors import LabError
from lab.services.ssh import public_path, read_public_key

PASSPHRASE, NOWHERE = "passphrase", "nowhere"
_DEADLINE_S = 30.0


def lock_of(key: Path) -> str:
    """PASSPHRASE when the key asks for one, NOWHERE when neither a file nor an agent has it, else nothing."""
    if _in_agent(key):
        return ""
    private = key.with_suffix("") if key.suffix == ".pub" else key
    if not private.exists():
        return NOWHERE
    code, _ = _run(named(["ssh-keygen", "-y", "-P", "", "-f", str(private)]))
    return PASSPHRASE if code else ""


def _in_agent(key: Path) -> bool:
    try:
        blob = read_public_key(public_path(key)).blob
    except LabError:
        return False
    code, listed = _run(["ssh-add", "-L"])
    return code == 0 and any(blob in line.split() for line in listed.splitlines())


def _run(argv: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            argv,
            env=passed_on(AGENT),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 1, ""
    return done.returncode, done.stdout
