"""Dagster takes its file of AWS, and its launcher is told what the environment says."""

from pathlib import Path

import pytest
import yaml

from lab.dagster_host.ecs_runs import launcher_options

SETTINGS = {
    "cluster": "mlops-dev",
    "task_definition": "mlops-dev-run-ml-engineer",
    "container_name": "run-ml-engineer",
    "subnets": "subnet-1,subnet-2",
    "security_groups": "sg-1",
    "lab": "mlops-dev",
}
ROOT = Path(__file__).resolve().parents[2]


def test_runs_are_tasks_without_a_public_address_in_their_own_network() -> None:
    options = launcher_options(SETTINGS)
    assert options["run_task_kwargs"] == {
        "cluster": "mlops-dev",
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-1", "subnet-2"],
                "securityGroups": ["sg-1"],
                "assignPublicIp": "DISABLED",
            }
        },
    }


def test_no_secret_is_looked_for_and_no_network_taken_from_the_launching_task() -> None:
    options = launcher_options(SETTINGS)
    assert (options["secrets_tag"], options["use_current_ecs_task_config"]) == (None, False)


def test_dagster_takes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._core.instance.config import dagster_instance_config

    (tmp_path / "dagster.yaml").write_text((ROOT / "stack" / "dagster" / "aws.yaml").read_text())
    config, _ = dagster_instance_config(str(tmp_path))
    assert config["run_launcher"]["class"] == "LabEcsRunLauncher"
    assert set(config["run_launcher"]["config"]) == set(SETTINGS)


def test_both_files_of_dagster_differ_by_what_aws_runs_only() -> None:
    here, there = (
        yaml.safe_load((ROOT / "stack" / "dagster" / name).read_text()) for name in ("dagster.yaml", "aws.yaml")
    )
    assert here["storage"] == there["storage"]
    assert set(there) - set(here) == {"compute_logs", "local_artifact_storage"}
