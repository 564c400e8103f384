"""What Terraform tells is what the code reads, name by name."""

import re
from typing import Any

import pytest
import yaml

from lab.envfile import ROOT
from lab.settings import Settings
from lab.training.step_environment import read_environment
from tests.support.aws.terraform import SOURCE
from tests.support.aws.told import told, told_service

DAGSTER = ROOT / "stack" / "dagster"


def read(value: Any) -> set[str]:
    """Every variable that a part of one of Dagster's files takes its value from."""
    if isinstance(value, list):
        return set().union(*map(read, value))
    if not isinstance(value, dict):
        return set()
    return {value["env"]} if set(value) == {"env"} else set().union(*map(read, value.values()))


def instance() -> dict[str, Any]:
    return dict(yaml.safe_load((DAGSTER / "aws.yaml").read_text()))


@pytest.mark.parametrize("service", ["dagster", "dagster-daemon"])
def test_an_instance_that_launches_or_cancels_runs_has_all_that_its_file_reads(service: str) -> None:
    wanted = read(instance()) | read(yaml.safe_load((DAGSTER / "workspace.yaml").read_text()))
    assert wanted <= told_service(service)


def test_nothing_is_told_about_launching_that_nobody_reads() -> None:
    assert told("launcher") <= read(instance())


def test_a_run_has_all_that_its_instance_reads() -> None:
    launching = read(instance()["run_launcher"]) - {"LAB_NAME"}
    assert read(instance()) - launching <= told("run")


def test_a_run_has_all_that_its_steps_need() -> None:
    env = read_environment(dict.fromkeys(told("run"), "x") | {"RUN_ROLE_SOURCE": "caller"})
    assert env.by_caller
    for field in ("data_path", "mlflow_url", "dagster_url", "lab", "environment", "staging_roles", "prod_roles"):
        assert getattr(env, field), field


def test_a_training_job_has_all_that_steps_need() -> None:
    assert read_environment(dict.fromkeys(told("common"), "x")).policy


def test_the_task_that_makes_databases_is_told_what_it_asks_for() -> None:
    written = (SOURCE / "modules/lab/services.tf").read_text()
    task = written.partition("      provision = {")[2].partition("\n      }\n")[0]
    names = told("common") | set(re.findall(r"^          ([A-Z_]+) +=", task, re.MULTILINE))
    asked = re.findall(
        r'_needed\((?:environ, )?f?"([A-Z_{}.a-z()]+)"', (ROOT / "lab/services/provision_command.py").read_text()
    )
    clients = {"DAGSTER_DB_PASSWORD", "MLFLOW_DB_PASSWORD"}
    elsewhere = {"PROVISION_SECRETS_FILE", "AWS_ENDPOINT_URL_S3", "{name.upper()}_DB_PASSWORD"}
    assert {*asked} - elsewhere | clients <= names


def test_no_run_is_told_its_role() -> None:
    assert "RUN_ROLE" not in (SOURCE / "modules/lab/services.tf").read_text().replace("RUN_ROLE is ignored", "").split()


def test_the_settings_file_holds_settings_of_the_lab() -> None:
    output = (SOURCE / "modules/lab/outputs.tf").read_text().partition("<<-SETTINGS")[2].partition("\n  SETTINGS")[0]
    names = set(re.findall(r"^ +([A-Z_]+)=", output, re.MULTILINE))
    assert len(names) > 5
    assert names <= {name.upper() for name in Settings.model_fields}
