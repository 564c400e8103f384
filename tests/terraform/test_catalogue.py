"""What runs on AWS is what runs here: the same services, images and commands."""

import re
from typing import Any

import pytest
import yaml

from docs.modules import blocks
from lab.base.catalogue import BY_NAME, Service
from lab.envfile import ROOT
from tests.support.aws.terraform import SOURCE

# What AWS runs itself, and the resource that it is there.
MANAGED = {
    Service.POSTGRES: "aws_rds_cluster",
    Service.OBJECT_STORE: "aws_s3_bucket",
    Service.PROMETHEUS: "aws_prometheus_workspace",
    Service.ALERTMANAGER: "aws_prometheus_alert_manager_definition",
    Service.GRAFANA: "aws_grafana_workspace",
}
# Scrapes for Managed Prometheus, which doesn't do it itself.
_ADDED = {"collector"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    import hcl2

    with (SOURCE / "modules/lab/services.tf").open() as text:
        return dict(hcl2.load(text)["locals"][0]["services"])


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "stack/compose.yaml").read_text())["services"])


def test_every_service_is_there_or_is_aws_own(services: dict[str, Any]) -> None:
    assert set(services) | set(MANAGED) == set(BY_NAME) | _ADDED


@pytest.mark.parametrize("resource", MANAGED.values())
def test_what_aws_runs_is_made(resource: str) -> None:
    made = {kind for file in (SOURCE / "modules").glob("*/*.tf") for kind in blocks(file, "resource")}
    assert resource in made


def test_commands_ports_and_images_are_those_of_compose(services: dict[str, Any], compose: dict[str, Any]) -> None:
    for name in sorted(set(services) - _ADDED):
        command = [word.strip('"') for word in services[name]["command"]]
        told = [word for word in command if not word.startswith(("--allow-host", "dagster."))]
        there = [
            word
            for word in compose[name]["command"]
            if not word.startswith(("--allow-host", "127.", "local", "dagster."))
        ]
        assert told == there, name
        assert services[name].get("port") == BY_NAME[Service(name)].port, name
        assert f"/{services[name]['image'].strip(chr(34))}:" in compose[name]["image"], name


def test_databases_are_made_by_the_command_of_compose(compose: dict[str, Any]) -> None:
    written = (SOURCE / "modules/lab/services.tf").read_text().partition("      provision = {")[2]
    told = ", ".join(f'"{word}"' for word in compose["provision"]["command"])
    assert re.search(rf"^ +command += {re.escape(f'[{told}]')}$", written, re.MULTILINE)
