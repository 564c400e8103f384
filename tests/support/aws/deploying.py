"""`invoke deploy` against the emulator, on an environment that is there: planned, approved and applied."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.config import LabConfig
from lab.envfile import ROOT
from lab.governance.cases.deploy_approval import DeploymentApprover
from lab.governance.cases.signing import Signing
from lab.governance.ledger import Entry
from lab.governance.rules.policy import Environment, Role
from lab.operations.deployment.deploy import Deployer, Deployment, facts_of
from lab.operations.deployment.registry import IMAGES
from lab.operations.deployment.saved_plan import Workplace
from lab.operations.deployment.terraform import Terraform
from tests.support.aws.emulator import Emulator
from tests.support.aws.terraform import Workspace
from tests.support.documents import validate
from tests.support.governed_lab import ENGINEER, OFFICER, GovernedLab

TAG = "1.0.1"
_DEV = Environment.DEV


@dataclass(frozen=True)
class Deployed:
    """What was seen: of the command in a clean clone, and of one plan's way to being applied.

    What is refused on this way is tried beside a lab, on an environment of four resources.
    """

    from_clone: dict[str, Any]
    approval: Entry
    applied: Deployment
    entries: tuple[Entry, ...]
    left: tuple[str, ...]
    settings: str


def lived(aws: Emulator, folder: Path, workspace: Workspace) -> Deployed:
    """Deploys another tag of the images to dev, which is there. Raises LabError."""
    clone = _clone(folder / "clone")
    _push_images(aws)
    with _environment(workspace):
        from_clone = _typed(clone, folder)
        (folder / "people").mkdir()
        return _Room(GovernedLab(folder / "people").staffed(baseline=False), clone).lived(from_clone)


@dataclass(frozen=True)
class _Room:
    """The engineer deploys, the risk officer approves; what dev asks for here is what staging and prod do."""

    governed: GovernedLab
    clone: Path

    @property
    def config(self) -> LabConfig:
        config = self.governed.config
        actor = replace(config.actor, owner=ENGINEER, role=Role.ML_ENGINEER)
        policy = replace(config.policy, signed=frozenset(Environment))
        return replace(config, root=self.clone, actor=actor, policy=policy)

    @property
    def deployer(self) -> Deployer:
        return Deployer(self.config, _DEV, self.governed.store, lambda _: None)

    def lived(self, from_clone: dict[str, Any]) -> Deployed:
        self.deployer.planned(TAG)
        approval = self._approved()
        applied = self.deployer.applied()
        work = Workplace.of(self.config, _DEV)
        left, settings = tuple(sorted(path.name for path in work.folder.iterdir())), work.settings.read_text()
        return Deployed(from_clone, approval, applied, tuple(self.governed.store.entries), left, settings)

    def _approved(self) -> Entry:
        def shown(work: Workplace, _: object) -> bytes:
            return Terraform(work.source / "terraform/envs/dev", lambda _: None, TAG).show(work.plan)

        signing = Signing(self.governed.keys[OFFICER], home=self.governed.folder)
        facts = facts_of(self.config, _DEV, shown)
        return DeploymentApprover(self.config, self.governed.store, signing).approve(facts, "nothing but images")


def _clone(folder: Path) -> Path:
    """The project as git would hand it out if all that is here were committed."""
    listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in _git(ROOT, *listed).split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    _git(folder, "init", "--quiet")
    _commit(folder)
    return folder


def _commit(folder: Path) -> None:
    _git(folder, "add", "--all")
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    _git(folder, *who, "commit", "--quiet", "--no-verify", "--message", "as it is")


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


def _push_images(aws: Emulator) -> None:
    """What the registry would have after a push: the emulator keeps no images, but what is said of them."""
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []})
    for image in IMAGES:
        aws.client("ecr").put_image(repositoryName=f"mlops-dev/{image}", imageManifest=manifest, imageTag=TAG)


def _typed(clone: Path, folder: Path) -> dict[str, Any]:
    """What somebody who has just cloned it types: there is no lab, and no settings."""
    given = {"LAB_HOME": str(folder / "home"), "PYTHONPATH": str(clone)}
    invoke = Path(sys.executable).with_name("invoke")
    argv = [str(invoke), "deploy", "--env", "dev", "--plan", "--tag", TAG, "--json"]
    done = subprocess.run(argv, cwd=clone, env=os.environ | given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    validate("deploy", found)
    return found


@contextmanager
def _environment(workspace: Workspace) -> Iterator[None]:
    """In a process of its own, so that no other test sees it."""
    before = dict(os.environ)
    os.environ.update(workspace.reached)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
