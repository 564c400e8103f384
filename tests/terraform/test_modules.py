"""What Terraform itself says of the files: their form, their types, and their logic with a mocked provider."""

import pytest

from tests.support.aws.terraform import ENVIRONMENTS, Workspace

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1800)]


def test_files_are_formatted(workspace: Workspace) -> None:
    workspace.run(".", "fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("root", ["bootstrap", *(f"envs/{name}" for name in ENVIRONMENTS)])
def test_root_is_valid_with_the_locked_provider(workspace: Workspace, root: str) -> None:
    assert (workspace.path(root) / ".terraform.lock.hcl").is_file(), (
        "type `terraform init` there, and commit the lock file"
    )
    workspace.init(root, "-backend=false")
    workspace.run(root, "validate", "-no-color")


def test_modules_decide_as_meant(workspace: Workspace) -> None:
    workspace.init("tests")
    workspace.run("tests", "test", "-no-color", timeout_s=1500)
