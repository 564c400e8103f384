"""Runs as tasks of ECS: Dagster's own EcsRunLauncher, told by the environment where to start them.

In dagster.yaml:
    run_launcher:
      module: lab.dagster_host.ecs_runs
      class: LabEcsRunLauncher
      config: { task_definition: { env: RUN_TASK_DEFINITION }, … }
Dagster reads lists (subnets, security groups) from no variable, and takes the network from the task that launches; the
daemon's isn't that of runs. This is all that is added.
"""

from collections.abc import Mapping
from typing import Any, Self

from dagster import DagsterInstance, Field, StringSource
from dagster_aws.ecs import EcsRunLauncher

from lab.dagster_host.dagster_private import ConfigurableClassData

_SETTINGS: Mapping[str, str] = {
    "cluster": "name of the cluster",
    "task_definition": "family of the task definition whose role runs have",
    "container_name": "the container of it in which a run is executed",
    "subnets": "subnets of runs, separated by commas",
    "security_groups": "security groups of runs, separated by commas",
    "lab": "name of the lab, as a tag of each task",
}


class LabEcsRunLauncher(EcsRunLauncher[DagsterInstance]):
    """EcsRunLauncher with one task definition, and a network that the environment names."""

    @classmethod
    def config_type(cls) -> Mapping[str, Field]:
        return {name: Field(StringSource, description=what) for name, what in _SETTINGS.items()}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **launcher_options(config_value))


def launcher_options(config: Mapping[str, str]) -> dict[str, Any]:
    """What EcsRunLauncher is made with."""
    network = {
        "subnets": _listed(config["subnets"]),
        "securityGroups": _listed(config["security_groups"]),
        "assignPublicIp": "DISABLED",
    }
    return {
        "task_definition": config["task_definition"],
        "container_name": config["container_name"],
        # Secrets are in the task definition; looking for tagged ones would need the right to list all there are.
        "secrets_tag": None,
        "use_current_ecs_task_config": False,
        "run_task_kwargs": {
            "cluster": config["cluster"],
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": network},
        },
        # Beside the run's id and job. Of a run's own tags none: they may hold what ECS refuses.
        "run_ecs_tags": [{"key": "Lab", "value": config["lab"]}],
    }


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]
