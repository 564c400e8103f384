"""What Terraform itself says of the files: their form, their types, and their logic with a mocked provider."""

import pytest

from tests.support.aws.cycle import WANTED
from tests.support.aws.terraform import ENVIRONMENTS, SOURCE, Workspace

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1800)]


def test_files_are_formatted(workspace: Workspace) -> None:
    workspace.run(".", "fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("root", ["bootstrap", *(f"envs/{name}" for name in ENVIRONMENTS)])
def test_root_has_its_locked_provider(root: str) -> None:
    assert (SOURCE / root / ".terraform.lock.hcl").is_file(), "type `terraform init` there, and commit the lock file"


# The others are valid when a cycle has made them, with the provider that they lock.
@pytest.mark.parametrize("name", [name for name in ENVIRONMENTS if name not in WANTED])
def test_environment_that_is_not_made_is_valid_with_the_locked_provider(workspace: Workspace, name: str) -> None:
    workspace.init(f"envs/{name}", "-backend=false")
    workspace.run(f"envs/{name}", "validate", "-no-color")


def test_modules_decide_as_meant(workspace: Workspace) -> None:
    workspace.init("tests")
    with workspace.one_provider("tests") as attached:
        attached.run("tests", "test", "-no-color", timeout_s=1500)
