"""GitHub's workflows: what they run is what people type, pinned and with as few rights as it needs."""

import itertools
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import jmespath
import pytest
import yaml
from moto import mock_aws

import tasks
from lab.commands.table import TASKS
from lab.operations.deployment.registry import COLLECTOR, IMAGES, REVISION_LABEL
from lab.runtime.images.image_names import OURS
from tests.support.lab import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DOCUMENTED = [ROOT / name for name in ("docs/aws.md", "CONTRIBUTING.md", "README.md")]
_OWN = {"check": tasks.check, "test": tasks.test, "tf-test": tasks.tf_test}
# What may be written, and by which workflow.
_WRITES = {"id-token": {"deploy", "drift", "images", "plan"}, "pull-requests": {"plan"}}


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    return found


def jobs(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from read(path)["jobs"].items()


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for _, job in jobs(path):
        yield from job["steps"]


def problem(line: str) -> str:
    """Why a command isn't one of the project's; empty when it is."""
    words = shlex.split(re.split(" >>? ", line)[0])
    if words[0] == "./run":
        return _task_problem(words[1], words[2:])
    named = itertools.takewhile(lambda word: "$" not in word and not word.startswith("--"), words)
    shown = " ".join(named)
    documented = any(shown in path.read_text() for path in DOCUMENTED)
    return "" if documented else f"{shown} stands in none of the project's documents"


def _task_problem(name: str, given: list[str]) -> str:
    made = {one.name.replace(" ", "-"): tasks._task(one) for one in TASKS} | _OWN
    if name not in made:
        return f"there is no task {name}"
    known = {f"--{flag.replace('_', '-')}" for one in made[name].get_arguments() for flag in one.names if len(flag) > 1}
    unknown = [word for word in given if word.startswith("--") and word not in known]
    return f"{name} has no {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_is_one_that_people_type(path: Path) -> None:
    for step in steps(path):
        if "run" in step:
            (line,) = step["run"].strip().splitlines()
            assert problem(line) == ""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("./run chekc", "there is no task chekc"),
        ("./run deploy --env dev --aply", "deploy has no --aply"),
        ("curl https://example.com --silent", "curl https://example.com stands in none"),
        ("./run deploy --env dev --plan > plan.txt", ""),
    ],
)
def test_a_command_that_the_project_lacks_is_found(line: str, found: str) -> None:
    assert problem(line).startswith(found)
    assert bool(problem(line)) == bool(found)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    for one in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one


def test_one_action_has_one_pin() -> None:
    used = {one for path in WORKFLOWS for one in re.findall(r"uses: (.*)", path.read_text())}
    assert len(used) == len({one.partition("@")[0] for one in used})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_has_as_few_rights_and_as_little_time_as_it_needs(path: Path) -> None:
    whole = read(path)
    assert whole["permissions"] == {}
    assert whole["concurrency"]["group"]
    for name, job in jobs(path):
        assert int(job["timeout-minutes"]) <= 120, name
        written = {right for right, level in job["permissions"].items() if level == "write"}
        assert all(path.stem in _WRITES.get(right, set()) for right in written), name
        assert set(job["permissions"]) <= {"contents", *_WRITES}
        assert "pull_request_target" not in whole["on"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_text_of_a_request_becomes_a_command(path: Path) -> None:
    assert not any("${{" in step.get("run", "") for step in steps(path))


def test_each_role_is_taken_on_by_what_it_is_for() -> None:
    """terraform/modules/identity/delivery.tf says what a workflow must be; GitHub tells AWS what it is."""
    subjects = (ROOT / "terraform/modules/identity/delivery.tf").read_text()
    for path, role, subject, environment in (
        ("plan", "ci-plan", ":pull_request", False),
        ("drift", "ci-drift", ":ref:refs/heads/main", False),
        ("images", "ci-push", ":ref:refs/heads/main", False),
        ("deploy", "ci-apply", ":environment:", True),
    ):
        line = next(one for one in subjects.splitlines() if one.strip().startswith(f"{role.partition('-')[2]} "))
        assert subject in line
        used = [
            step["with"]["role-to-assume"]
            for step in steps(ROOT / f".github/workflows/{path}.yml")
            if "role-to-assume" in step.get("with", {})
        ]
        assert used
        assert all(one.endswith(role) for one in used)
        assert all(("environment" in job) == environment for _, job in jobs(ROOT / f".github/workflows/{path}.yml"))


def test_every_image_is_built_scanned_and_pushed() -> None:
    path = ROOT / ".github/workflows/images.yml"
    found = dict(jobs(path))
    assert set(found["image"]["strategy"]["matrix"]["image"]) == set(OURS)
    assert set(IMAGES) == {*OURS, "collector"}
    assert found["collector"]["steps"][-1]["env"]["COLLECTOR"] == COLLECTOR
    used = [step.get("uses", "").partition("@")[0] for step in found["image"]["steps"]]
    assert used.index("anchore/scan-action") < used.index("aws-actions/configure-aws-credentials")
    pushed = found["image"]["steps"][-1]["with"]
    assert (pushed["push"], pushed["sbom"], pushed["provenance"]) == ("true", "true", "mode=max")


@pytest.mark.parametrize("job", ["image", "collector"])
def test_what_the_registry_has_of_a_commit_is_looked_at_and_not_pushed_again(job: str) -> None:
    """Run again on one commit: tags can't be written twice."""
    found = {step.get("name", ""): step for step in dict(jobs(ROOT / ".github/workflows/images.yml"))[job]["steps"]}
    (look,) = (step for step in found.values() if step.get("id") == "there")
    (same,) = (step for name, step in found.items() if name.startswith("what is there must"))
    pushes = [step for step in found.values() if "push" in step.get("with", {}) or " create " in step.get("run", "")]
    assert [one["if"] for one in pushes] == ["steps.there.outputs.digest == ''"]
    assert same["if"] == "steps.there.outputs.digest != ''"
    assert "grep --quiet" in same["run"]
    assert "::notice::left as it is" in same["run"]
    if job == "image":
        assert pushes[0]["with"]["labels"] == f"{REVISION_LABEL}=${{{{ github.sha }}}}"
    assert look["run"].endswith('--query "$FOUND" --output text >> "$GITHUB_OUTPUT"')


@pytest.mark.parametrize("there", [True, False])
def test_the_look_says_the_digest_of_what_is_there(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with mock_aws():
        ecr = boto3.client("ecr", region_name="eu-west-1")
        ecr.create_repository(repositoryName="mlops-dev/mlflow")
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}
        put = ecr.put_image(repositoryName="mlops-dev/mlflow", imageManifest=json.dumps(manifest), imageTag="c0ffee")
        tag = "c0ffee" if there else "decaf"
        said = ecr.batch_get_image(repositoryName="mlops-dev/mlflow", imageIds=[{"imageTag": tag}])
    queries = {
        step["env"]["FOUND"] for step in steps(ROOT / ".github/workflows/images.yml") if step.get("id") == "there"
    }
    digest = put["image"]["imageId"]["imageDigest"] if there else ""
    assert [jmespath.search(query, said) for query in queries] == [f"digest={digest}"]
