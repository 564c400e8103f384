"""Terraform on a copy of terraform/, with its providers from a folder of this machine: no registry is asked."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.envfile import ROOT
from tests.support.aws.emulator import Emulator
from tests.support.waiting import eventually

ENVIRONMENTS = ("dev", "staging", "prod")
SOURCE = ROOT / "terraform"
_ATTACHED = "TF_REATTACH_PROVIDERS"
_HOST = "registry.terraform.io"
# Where the provider may lie: in a mirror, as Terraform documents it and as machines without a network are given one, or
# where `terraform init` has put it.
_MIRRORS = (
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/*",
    f"{SOURCE}/envs/*/.terraform/providers",
)
# The default of 25 attempts would hide an answer that the emulator doesn't have behind minutes of waiting.
_OVERRIDE = """
provider "aws" {
  max_retries = 3
}

provider "aws" {
  alias       = "audit"
  max_retries = 3
}

provider "aws" {
  alias       = "witness"
  max_retries = 3
}
"""
# What protects an environment from being destroyed, taken away: tests only.
_UNPROTECTED = """
locals {
  protected = false
}
"""


class Missing(Exception):
    """Terraform, or the folder with its provider, isn't here; the message says which."""


class TerraformFailed(AssertionError):
    """A command of Terraform ended with an error; the message has what it said."""


def binary() -> str:
    """Raises Missing."""
    if found := shutil.which("terraform"):
        return found
    raise Missing("no terraform on PATH")


def mirror() -> Path:
    """The folder above registry.terraform.io. Raises Missing."""
    named = os.environ.get("TF_PLUGIN_MIRROR", "")
    for pattern in (named, *_MIRRORS) if named else _MIRRORS:
        path = Path(pattern).expanduser()
        for folder in sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))):
            if (folder / _HOST / "hashicorp" / "aws").is_dir():
                return folder
    raise Missing(
        "no AWS provider here; type `terraform -chdir=terraform/envs/dev init -backend=false`, or name the folder of a "
        "mirror by TF_PLUGIN_MIRROR"
    )


def configured(folder: Path) -> None:
    """Writes `terraformrc` into it, by which Terraform finds its provider here. Raises Missing."""
    binary()
    (folder / "terraformrc").write_text(
        f'disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n'
        f'    include = ["{_HOST}/hashicorp/*"]\n  }}\n}}\n'
    )


@dataclass(frozen=True)
class Workspace:
    """A copy of terraform/ in which commands are run; nothing is written into the project's own."""

    folder: Path
    emulator: Emulator | None = None
    plugins: Path = field(default_factory=mirror)
    # How a provider that runs already is reached, as Terraform wants it in TF_REATTACH_PROVIDERS.
    attached: str = ""

    @classmethod
    def copied(cls, folder: Path, emulator: Emulator | None = None, source: Path = SOURCE) -> "Workspace":
        """A copy of `source` below `folder`, with what its modules read of the project."""
        unwanted = shutil.ignore_patterns(".terraform", "*.tfstate*", "node_modules")
        shutil.copytree(source, folder / "terraform", ignore=unwanted, dirs_exist_ok=True)
        rules = Path("stack/prometheus/alert_rules.yml")
        (folder / rules).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / rules, folder / rules)
        configured(folder)
        return cls(folder, emulator)

    def path(self, module: str) -> Path:
        return self.folder / "terraform" / module

    def use_emulator(self, environment: str, unprotected: bool = False) -> None:
        """Adds the files that only tests use."""
        (self.path(f"envs/{environment}") / "tests_override.tf").write_text(_OVERRIDE)
        if unprotected:
            (self.path("modules/lab") / "tests_override.tf").write_text(_UNPROTECTED)

    def run(self, module: str, *arguments: str, ok: Sequence[int] = (0,), timeout_s: float = 600) -> "Said":
        """Raises TerraformFailed for an exit code that isn't in `ok`."""
        process = subprocess.Popen(
            [binary(), *arguments],
            cwd=self.path(module),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except BaseException:
            _end(process)
            raise
        if process.returncode not in ok:
            raise TerraformFailed(f"terraform {' '.join(arguments)} in {module}: {process.returncode}\n{output}")
        return Said(process.returncode, output)

    def init(self, module: str, *arguments: str) -> None:
        """Raises TerraformFailed when the lock file would have to change."""
        locked = ["-lockfile=readonly"] if (self.path(module) / ".terraform.lock.hcl").exists() else []
        self.run(module, "init", "-input=false", "-no-color", *locked, *arguments)

    def json(self, module: str, *arguments: str) -> Any:
        """What a command says in JSON."""
        return json.loads(self.run(module, *arguments).output)

    @contextmanager
    def one_provider(self, module: str) -> Iterator["Workspace"]:
        """A workspace whose commands use one process of the provider that `init` found for the module.

        Else each command starts as many as it has providers, which takes it longer than what they are asked. They'd
        share their settings, too: for mocked providers only, which have none. Raises TerraformFailed.
        """
        found = sorted(self.path(module).glob(".terraform/providers/*/hashicorp/aws/*/*/terraform-provider-aws_*"))
        assert found, f"type `terraform init` in {module} first"
        log = self.folder / "provider.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [found[0], "-debug"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        try:
            attached = eventually(lambda: _address(process, log), deadline_s=120, what="the provider's address")
            yield replace(self, attached=attached)
        finally:
            _end(process)

    @property
    def reached(self) -> dict[str, str]:
        """The variables by which any Terraform uses this emulator and the mirror of providers."""
        return {
            **(self.emulator.environment if self.emulator else {}),
            "TF_CLI_CONFIG_FILE": str(self.folder / "terraformrc"),
            "TF_VAR_oidc_client_secret": "not-a-secret",
        }

    def _environment(self) -> dict[str, str]:
        kept: Mapping[str, str] = {
            name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_", "MOTO_"))
        }
        return {
            **kept,
            **self.reached,
            **({_ATTACHED: self.attached} if self.attached else {}),
            "TF_IN_AUTOMATION": "1",
            "TF_VAR_image_tag": "1.0.0",
            "CHECKPOINT_DISABLE": "1",
            # Each command reads the provider's whole schema; a quarter of its time goes into collecting that garbage.
            "GOGC": "300",
        }


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    output: str


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """What a provider says when it is ready, empty before. Raises AssertionError when it ends without."""
    assert process.poll() is None, f"the provider ended:\n{log.read_text()}"
    _, _, said = log.read_text().partition(f"{_ATTACHED}='")
    return said.partition("'\n")[0] if "'\n" in said else ""


def _end(process: "subprocess.Popen[Any]") -> None:
    """Terraform ends its providers when it is asked to; killed at once, it would leave them behind."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _here() -> int:
    """0 where its tests can be run, with all that they need; else 1, and what is missing."""
    try:
        binary()
        mirror()
    except Missing as err:
        sys.stdout.write(f"tests of Terraform are skipped: {err}\n")
        return 1
    if not (shutil.which("node") and shutil.which("npm")):
        sys.stdout.write("tests of Terraform are skipped where they need node and npm\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_here())
