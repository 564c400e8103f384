"""Terraform as a process: on an exported commit, with the user's credentials and none of the user's other settings."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.base.errors import LabError
from lab.base.progress import Progress, Report
from lab.runtime.images.builder_process import tail

SECRET = "TF_VAR_oidc_client_secret"  # noqa: S105 - the variable's name
# Time enough to hand back the lock of the state.
_END_S = 60.0
# How often what it says is read; a second's part is soon enough for whoever watches.
_LOOK_S = 0.2
# What the command under way said, or the last one: it stays when whoever typed it is gone.
LOG = "terraform.log"
_DONE = re.compile(r"^(?P<what>\S+): (?P<how>[A-Z]\w+) complete after (?:(?P<m>\d+)m)?(?P<s>\d+)s")
_CLUES = (
    ("Saved plan is stale", "Something was applied since this plan was made: make and approve a new one."),
    (
        "Error acquiring the state lock",
        "Somebody else applies now: wait. If nobody does: `terraform -chdir={folder} force-unlock ID`.",
    ),
    ("Failed to query available provider packages", "The provider can't be downloaded: check the network."),
    ("is not available for", "Type `terraform providers lock` for this platform, and commit the lock file."),
    ("ExpiredToken", "The credentials expired: sign in again."),
)


@dataclass(frozen=True)
class Terraform:
    """Commands in one folder of a configuration; with `look_only` it takes on roles in the other accounts that only
    look. `lock` is the descriptor of a lock that Terraform holds to its own end. Methods raise LabError with the end
    of what Terraform said.
    """

    folder: Path
    report: Report
    image_tag: str
    look_only: bool = False
    lock: int | None = None

    def init(self) -> None:
        self._run("init", "-lockfile=readonly", "-reconfigure", "-backend-config=backend.hcl")

    def plan(self, file: Path, *options: str) -> None:
        """Writes the plan into `file`, which holds secrets."""
        file.touch(mode=0o600)
        self._run("plan", "-lock-timeout=60s", f"-out={file}", *options)

    def show(self, file: Path) -> bytes:
        """The plan as JSON, which holds secrets."""
        return self._run("show", "-json", str(file), quiet=True)

    def apply(self, file: Path) -> None:
        self._run("apply", "-lock-timeout=60s", "-parallelism=20", str(file))

    def output(self, name: str) -> str:
        return self._run("output", "-raw", name, quiet=True).decode()

    def _run(self, command: str, *arguments: str, quiet: bool = False) -> bytes:
        common = [] if command in {"show", "output"} else ["-input=false"]
        argv = [binary(), command, *common, "-no-color", *arguments]
        with nullcontext() if quiet else self._log() as log:
            process = subprocess.Popen(
                argv,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                # A pipe without a reader would kill it, with a lock and what it has made missing in its state.
                stdout=log or subprocess.PIPE,
                stderr=subprocess.STDOUT if log else subprocess.PIPE,
                # Ctrl-C on a terminal must not end it behind the back of whoever waits for it.
                start_new_session=True,
                pass_fds=() if self.lock is None else (self.lock,),
            )
            try:
                said, problem = (self._followed(process), b"") if log else process.communicate()
            finally:
                _end(process)
        if process.returncode:
            lines = (said + (problem or b"")).decode(errors="replace").splitlines()
            raise LabError(f"terraform {command} failed.\n{tail(lines)}", _remedy(lines, self.folder))
        return said

    def _log(self) -> BinaryIO:
        """Where a command's words go, for its owner's eyes only."""
        path = self.folder / LOG
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        return path.open("wb")

    def _followed(self, process: "subprocess.Popen[bytes]") -> bytes:
        """What it said to its end, each line reported when it comes."""
        said, seen = b"", 0
        with (self.folder / LOG).open("rb") as log:
            while True:
                # Asked before the rest is read: what ended says nothing more.
                ended = process.poll() is not None
                said += log.read()
                whole = said.rfind(b"\n") + 1
                for line in said[seen:whole].splitlines():
                    self._tell(line.decode(errors="replace"))
                seen = whole
                if ended:
                    return said
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_S)

    def _tell(self, line: str) -> None:
        if done := _DONE.match(line):
            seconds = int(done["m"] or 0) * 60 + int(done["s"])
            self.report(Progress(done["what"], "success", done["how"].lower(), seconds))

    def _environment(self) -> Mapping[str, str]:
        # TF_CLI_ARGS, TF_WORKSPACE and variables would make another plan of the same commit.
        unwanted = re.compile(r"TF_(CLI_ARGS|VAR_|WORKSPACE|DATA_DIR)")
        kept = {name: value for name, value in os.environ.items() if name == SECRET or not unwanted.match(name)}
        looking = {"TF_VAR_look_only": "true"} if self.look_only else {}
        own = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_VAR_image_tag": self.image_tag}
        return {**kept, **own, **looking}


def binary() -> str:
    """Raises LabError where there is none."""
    if found := shutil.which("terraform"):
        return found
    raise LabError(
        "There is no terraform on PATH.",
        "Install it (1.11 or newer): https://developer.hashicorp.com/terraform/install",
    )


def need_secret(environ: Mapping[str, str] = os.environ) -> None:
    """Raises LabError without the one value that stands in no file."""
    if not environ.get(SECRET):
        raise LabError(f"{SECRET} isn't set.", f"Export {SECRET}: the secret of the pages' OIDC client.")


def _remedy(lines: Sequence[str], folder: Path) -> str:
    said = "\n".join(lines)
    found = next((advice for clue, advice in _CLUES if clue in said), "The lines above say why.")
    return found.replace("{folder}", str(folder))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Asked to, Terraform ends its providers and gives the lock back; killed, it would leave both."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
