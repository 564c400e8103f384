"""Calling Compose for a lab."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.base.account import ENGINE, passed_on
from lab.base.errors import LabError
from lab.runtime.engine import compose_command

DEADLINE_S = 600.0


class Compose:
    """The command line of Compose with the variables of a lab. Methods raise LabError."""

    def __init__(self, variables_file: Path) -> None:
        self._variables_file = variables_file

    def run(self, *arguments: str, deadline_s: float = DEADLINE_S) -> None:
        """Raises LabError with Compose's own words when it fails."""
        try:
            done = subprocess.run(
                [*self._line(), "--progress", "plain", *arguments],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=deadline_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"`docker compose {arguments[0]}` wasn't done after {deadline_s:.0f} s.") from None
        if done.returncode:
            said = "\n".join(f"    {line}" for line in done.stdout.strip().splitlines()[-15:])
            raise LabError(f"`docker compose {arguments[0]}` failed:\n{said}", "Type `invoke doctor`.")

    def execute(self, service: str, argv: Sequence[str], terminal: bool) -> int:
        """Runs a command inside the service's container, with this process's streams; returns its exit code."""
        options = [] if terminal else ["-T"]
        line = [*self._line(), "exec", *options, service, *argv]
        return subprocess.run(line, env=_environment(), check=False).returncode

    def _line(self) -> list[str]:
        return [*compose_command(), "--env-file", str(self._variables_file), "--ansi", "never"]


def _environment() -> dict[str, str]:
    """Little from the caller's shell: a variable there would win over the lab's own."""
    proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
    return passed_on([*ENGINE, *proxies])
