"""Terraform as the lab runs it: what it is told, what it says, and how it ends."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.base.file_lock import is_taken, take
from lab.base.progress import Progress
from lab.governance.cases.deploy_approval import deployment_lock
from lab.operations.deployment.saved_plan import Workplace
from lab.operations.deployment.terraform import LOG, SECRET, Terraform, need_secret
from tests.support.lab import ROOT


@pytest.fixture
def terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terraform:
    """One that says what it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "terraform"
    script.write_text(
        '#!/bin/sh\nenv | grep ^TF_ | sort >seen\necho "$@" >>seen\n'
        'case $1 in apply) echo "Error: Saved plan is stale" >&2; exit 1 ;; show) echo warning >&2; echo "{}" ;; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Terraform(tmp_path, lambda _: None, "1.0.0")


def test_terraform_gets_the_secret_and_none_of_the_shells_other_settings(
    terraform: Terraform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TF_CLI_ARGS_plan", "TF_WORKSPACE", "TF_VAR_image_tag", "TF_VAR_other", "TF_DATA_DIR"):
        monkeypatch.setenv(name, "wrong")
    monkeypatch.setenv(SECRET, "secret")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "mirror")
    file = terraform.folder / "plan"
    terraform.plan(file)
    assert file.stat().st_mode & 0o777 == 0o600
    seen = (terraform.folder / "seen").read_text()
    assert "wrong" not in seen
    given = ("TF_VAR_image_tag=1.0.0", f"{SECRET}=secret", "TF_CLI_CONFIG_FILE=mirror", f"-out={file}", "-input=false")
    assert all(one in seen for one in given)


def test_who_only_looks_looks_in_the_other_accounts_too(terraform: Terraform) -> None:
    terraform.init()
    assert "TF_VAR_look_only" not in (terraform.folder / "seen").read_text()
    replace(terraform, look_only=True).init()
    assert "TF_VAR_look_only=true" in (terraform.folder / "seen").read_text()


def test_what_terraform_shows_is_kept_apart_from_what_it_warns_of(terraform: Terraform) -> None:
    assert terraform.show(Path("plan")) == b"{}\n"


def test_a_failure_says_what_to_do(terraform: Terraform) -> None:
    with pytest.raises(LabError, match="terraform apply failed") as caught:
        terraform.apply(Path("plan"))
    assert "Saved plan is stale" in caught.value.message
    assert "make and approve a new one" in caught.value.remedy


_TYPED = """
import sys
from pathlib import Path

from lab.operations.deployment.saved_plan import Workplace
from lab.operations.deployment.terraform import Terraform

with Workplace(Path(sys.argv[1])).held(print) as work:
    Terraform(Path(sys.argv[2]), print, "1.0.0", lock=work.lock).apply(work.plan)
"""


@pytest.mark.timeout(60)
def test_terraform_ends_by_itself_when_who_typed_the_command_is_gone(terraform: Terraform, tmp_path: Path) -> None:
    """Killed by its first word that nobody reads, it would leave its lock, and forget what it has made."""
    folder, work = terraform.folder, Workplace(tmp_path / "deploy" / "dev")
    gate, ended = folder / "gate", folder / "ended"
    os.mkfifo(gate)
    script = folder / "bin" / "terraform"
    script.write_text(f"#!/bin/sh\nread _ <{gate}\necho one\necho two\ntouch {ended}\n")
    lock = deployment_lock(tmp_path, "dev")
    typed = subprocess.Popen([sys.executable, "-c", _TYPED, str(work.folder), str(folder)], cwd=ROOT)
    # Opened when Terraform reads it: it is at work then.
    with gate.open("w") as goes_on:
        typed.kill()
        typed.wait()
        assert is_taken(lock)
        goes_on.write("\n")
    with lock.open() as file:
        take(file, 30)
    assert ended.exists()
    assert (folder / LOG).read_text() == "one\ntwo\n"
    assert (folder / LOG).stat().st_mode & 0o777 == 0o600


def test_what_terraform_has_made_is_told_line_by_line(terraform: Terraform) -> None:
    told: list[Progress] = []
    script = terraform.folder / "bin" / "terraform"
    script.write_text("#!/bin/sh\nprintf 'a.b: Creating...\\na.b: Creation complete after 1m2s [id=x]\\nno end'\n")
    replace(terraform, report=told.append).apply(Path("plan"))
    assert told == [Progress("a.b", "success", "creation", 62)]


def test_the_one_secret_is_asked_for_first() -> None:
    with pytest.raises(LabError, match=f"{SECRET} isn't set"):
        need_secret({})
