"""What containers are told: as on the host, and as it stands in the settings."""

import json
from pathlib import Path

import pytest
import yaml

from lab.base.catalogue import BY_NAME, Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime import service_configuration
from lab.runtime.compose.compose_files import Stack, quoted, variables_of
from tests.stack.stacks import Make, Model, compose
from tests.support.lab import ROOT

DASHBOARDS = ROOT / "grafana" / "dashboards"
PYTHON = {
    Service.MLFLOW,
    Service.DAGSTER_CODE,
    Service.DAGSTER,
    Service.DAGSTER_DAEMON,
    Service.DRIFT_MONITOR,
    Service.DAGSTER_METRICS,
    Service.GOVERNANCE_METRICS,
}


@pytest.mark.parametrize("service", sorted(PYTHON))
def test_a_service_is_told_in_a_container_what_it_is_told_on_the_host(
    service: Service, minio: Stack, model: Model
) -> None:
    found = model["services"][service]
    told = dict(found["environment"])

    assert told.pop("LAB_FILES_READ")
    assert told == service_configuration.environment(service, minio.place)
    assert found["command"] == ["python", *service_configuration.python_arguments(service, minio.place)]


def test_servers_of_others_get_the_options_that_they_get_on_the_host(minio: Stack, model: Model) -> None:
    place, services = minio.place, model["services"]

    assert services["postgres"]["command"][3:] == service_configuration.postgres_options()
    prometheus = service_configuration.prometheus_options(place, "/lab/prometheus/prometheus.yml", "/prometheus/data")
    assert services["prometheus"]["command"] == prometheus
    files = ("/run/secrets/alertmanager-config", "/run/secrets/alertmanager-web", "/alertmanager/data")
    assert services["alertmanager"]["command"] == service_configuration.alertmanager_options(place, *files)
    grafana = service_configuration.grafana_environment(place, "/lab/grafana/provisioning", "/lab/grafana/dashboards")
    assert grafana.items() <= services["grafana"]["environment"].items()


def test_prometheus_scrapes_every_service_that_has_metrics_by_its_name_in_the_network(
    minio: Stack, seaweed: Stack
) -> None:
    for stack, store in ((minio, "object-store.lab:9000"), (seaweed, "object-store.lab:9010")):
        config = yaml.safe_load((stack.folder / "config" / "prometheus.yml").read_text())
        targets = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in config["scrape_configs"]}
        without = {"postgres", "dagster", "dagster-code", "dagster-daemon"}
        assert set(targets) == {str(service) for service in Service} - without
        assert targets.pop("object-store") == store
        assert targets == {name: f"{name}.lab:{BY_NAME[Service(name)].port}" for name in targets}


def test_minio_is_started_as_its_documentation_says(model: Model) -> None:
    store = model["services"]["object-store"]

    assert store["command"] == ["server", "/data", "--address", ":9000", "--console-address", ":9001"]
    assert store["environment"]["MINIO_ROOT_PASSWORD_FILE"] == "/run/secrets/minio-password"
    assert store["healthcheck"]["test"] == ["CMD", "mc", "ready", "local"]


def test_grafana_finds_its_provisioning_where_it_is_mounted(model: Model) -> None:
    grafana = model["services"]["grafana"]
    mounts = {mount["target"]: Path(mount["source"]) for mount in grafana["volumes"] if mount["type"] == "bind"}
    provisioning = mounts[grafana["environment"]["GF_PATHS_PROVISIONING"]]

    assert {path.name for path in provisioning.iterdir()} >= {"dashboards", "datasources"}
    dashboards = mounts[grafana["environment"]["DASHBOARDS_DIR"]]
    assert {path.name for path in dashboards.glob("*.json")} == {path.name for path in DASHBOARDS.glob("*.json")}
    assert grafana["environment"]["GF_SECURITY_SECRET_KEY__FILE"] == "/run/secrets/grafana-secret-key"
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana-password"


def test_grafana_is_started_by_what_sets_its_password(model: Model) -> None:
    grafana = model["services"]["grafana"]
    shell, script, *words = grafana["entrypoint"]

    assert (shell, words) == ("sh", ["grafana", "/usr/share/grafana", "/run.sh"])
    (mounted,) = [one for one in grafana["configs"] if one["target"] == script]
    assert Path(model["configs"][mounted["source"]]["file"]) == ROOT / "stack" / "grafana" / "start.sh"


@pytest.mark.parametrize("variable", ["DATA_PATH", "POLICY_PATH"])
def test_a_file_in_a_folder_that_containers_must_not_see_is_refused(
    make: Make, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    source = ROOT / ("data/sample_data.csv" if variable == "DATA_PATH" else "stack/governance/policy.yaml")
    (tmp_path / source.name).write_bytes(source.read_bytes())

    with pytest.raises(LabError, match="must not see whole"):
        make(**{variable: str(tmp_path / source.name)})


@pytest.mark.parametrize(
    "value", ["plain", "with $dollar and ${brace}", "it's", "both ' and \"", "a\\b'$x", "# no comment"]
)
def test_a_value_reaches_a_container_as_it_stands(value: str, tmp_path: Path) -> None:
    (tmp_path / "one.env").write_text(f"VALUE={quoted(value)}\n")
    (tmp_path / "compose.yaml").write_text("services: {a: {image: b, env_file: one.env}}\n")

    shown = json.loads(compose("-f", str(tmp_path / "compose.yaml"), "config", "--format", "json"))
    # What it shows could be read again: there, two dollars mean one.
    assert shown["services"]["a"]["environment"]["VALUE"].replace("$$", "$") == value


def test_a_line_break_cannot_be_smuggled_into_a_containers_variables() -> None:
    with pytest.raises(LabError, match="line break"):
        quoted("a\nb")


def test_settings_that_matter_reach_compose(make: Make) -> None:
    stack = make(LAB_NAME="other", PORT_OFFSET="1000", OBJECT_STORE="seaweedfs")
    told = variables_of(stack)

    assert (told["LAB_NAME"], told["MLFLOW_PORT"], told["OBJECT_STORE"]) == ("other", "6000", "seaweedfs")
    assert told["COMPOSE_PROJECT_NAME"] == "other"
    assert isinstance(stack.config, LabConfig)
