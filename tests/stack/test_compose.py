"""The Compose stack as it stands in files: whole, hardened, without secrets, and of one mind with the catalogue."""

import dataclasses
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.base.catalogue import BY_NAME, CATALOGUE, LOOPBACK, Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime import service_configuration
from lab.runtime.compose import compose_files
from lab.runtime.compose.compose_files import Stack, quoted, variables_of
from lab.runtime.compose.container_set import make_stack
from lab.runtime.compose.engine import compose_command
from lab.runtime.compose.ownership import ID_LABEL
from lab.runtime.images.image_names import images, write_override
from lab.wiring import first_config

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "grafana" / "dashboards"
COMPOSE = ROOT / "stack" / "compose.yaml"
ONCE = {"volumes", "provision"}
PYTHON = {
    Service.MLFLOW,
    Service.DAGSTER_CODE,
    Service.DAGSTER,
    Service.DAGSTER_DAEMON,
    Service.DRIFT_MONITOR,
    Service.DAGSTER_METRICS,
    Service.GOVERNANCE_METRICS,
}
UNPUBLISHED = {Service.DAGSTER_CODE, Service.DAGSTER_DAEMON}
# Who may meet whom: the tiers of each service, and nothing else.
TIERS: Mapping[str, set[str]] = {
    "volumes": set(),
    "provision": {"database", "storage"},
    "postgres": {"edge", "database"},
    "object-store": {"edge", "storage"},
    "mlflow": {"edge", "database", "storage", "tracking"},
    "dagster-code": {"database", "code"},
    "dagster": {"edge", "database", "code", "orchestration"},
    "dagster-daemon": {"database", "code", "storage", "tracking"},
    "drift-monitor": {"edge", "storage", "monitoring"},
    "dagster-metrics": {"edge", "database", "orchestration", "monitoring"},
    "governance-metrics": {"edge", "storage", "tracking", "monitoring"},
    "prometheus": {"edge", "storage", "tracking", "monitoring"},
    "alertmanager": {"edge", "monitoring"},
    "grafana": {"edge", "monitoring"},
}
Make = Callable[..., Stack]
Model = Mapping[str, Any]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A stack whose files are written."""

    def made(**environ: str) -> Stack:
        folder = tmp_path_factory.mktemp("lab")
        given = {"LAB_ENV_FILE": str(folder / "env"), "LAB_HOME": str(folder / "home"), "RUNTIME": "compose", **environ}
        config, _ = first_config(given)
        stack = make_stack(config)
        compose_files.write_all(stack)
        return stack

    return made


@pytest.fixture(scope="module")
def minio(make: Make) -> Stack:
    return make(OBJECT_STORE="minio", PORT_OFFSET="70", LAB_NAME="static")


@pytest.fixture(scope="module")
def seaweed(make: Make) -> Stack:
    return make(OBJECT_STORE="seaweedfs", PORT_OFFSET="70", LAB_NAME="static")


@pytest.fixture(scope="module")
def model(minio: Stack) -> Model:
    return resolved(minio)


@pytest.fixture(scope="module")
def models(minio: Stack, seaweed: Stack, model: Model) -> list[Model]:
    return [model, resolved(seaweed)]


def compose(*arguments: str, **environ: str) -> str:
    """What Compose says; it needs no engine for that."""
    try:
        command = compose_command()
    except LabError as err:
        pytest.skip(err.message)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
    done = subprocess.run(
        [*command, *arguments], env=kept | environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def resolved(stack: Stack) -> Model:
    text = compose("--env-file", str(stack.variables_file), "config", "--format", "json")
    found: Model = json.loads(text)
    return found


PROFILES = ("alertmanager", "grafana")
COMBINATIONS = [
    (store, chosen)
    for store in ("minio", "seaweedfs")
    for count in range(len(PROFILES) + 1)
    for chosen in itertools.combinations(PROFILES, count)
]


@pytest.mark.parametrize(("store", "profiles"), COMBINATIONS)
def test_compose_takes_the_file_with_the_variables_of_the_example_alone(store: str, profiles: tuple[str, ...]) -> None:
    files = ["--env-file", str(ROOT / ".env.example"), "--env-file", str(ROOT / "stack" / "images.env")]
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    shown = compose(*files, "-f", str(COMPOSE), *chosen, "config", "--services", OBJECT_STORE=store)

    always = {str(service) for service in Service} - set(PROFILES)
    assert set(shown.split()) == always | ONCE | set(profiles)


def test_the_file_follows_the_specifications_schema() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [program, "--builtin-schema", "vendor.compose-spec", COMPOSE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_service_of_the_catalogue_is_there_and_no_other(model: Model) -> None:
    assert set(model["services"]) == {str(service) for service in Service} | ONCE
    assert model["name"] == "static"


def test_every_published_port_is_the_catalogues_and_on_loopback(models: list[Model]) -> None:
    for model in models:
        published = {
            (name, port["target"], int(port["published"]), port["host_ip"])
            for name, service in model["services"].items()
            for port in service.get("ports", ())
        }
        specs = [spec for spec in CATALOGUE if spec.published]
        expected = {(str(spec.name), spec.port_at(0), spec.port_at(70), LOOPBACK) for spec in specs}
        assert {spec.name for spec in CATALOGUE} - {spec.name for spec in specs} == UNPUBLISHED
        console = BY_NAME[Service.OBJECT_STORE].extra_port("console", 0)
        assert published == expected | {("object-store", console, console + 70, LOOPBACK)}


def test_every_service_is_hardened(models: list[Model]) -> None:
    for name, service in (pair for model in models for pair in model["services"].items()):
        user = service["user"].partition(":")[0]
        assert user.isdigit(), name
        assert int(user) > 0, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert int(service["mem_limit"]) <= 4 << 30, name
        assert service["memswap_limit"] == service["mem_limit"], name
        assert 0 < float(service["cpus"]) <= 2, name
        assert 0 < service["pids_limit"] <= 512, name
        assert all(re.search(r"size=\d+[mg]", one) for one in service["tmpfs"]), name
        assert not {"privileged", "devices", "pid", "ipc", "userns_mode", "cgroup_parent"} & service.keys(), name
        assert service["labels"] == {"org.mlops-lab.lab": "static", "org.mlops-lab.service": name}


def test_every_service_has_a_health_check_but_the_one_shots(models: list[Model]) -> None:
    for name, service in (pair for model in models for pair in model["services"].items()):
        check = service["healthcheck"]
        assert (check.get("disable") is True) == (name in ONCE), name
        if name not in ONCE:
            assert check["test"][0] == "CMD", name


def test_health_checks_are_seldom_as_each_is_a_process(models: list[Model]) -> None:
    for name, service in (pair for model in models for pair in model["services"].items() if pair[0] not in ONCE):
        every = {"dagster-code": "15s", "run-gate": "15s"}.get(name, "1m0s")
        assert service["healthcheck"]["interval"] == every, name


def test_only_what_is_written_to_is_writable(models: list[Model]) -> None:
    writable = {
        ("postgres", "/var/lib/postgresql"),
        ("object-store", "/data"),
        ("dagster-code", "/lab/dagster"),
        ("dagster", "/lab/dagster"),
        ("dagster-daemon", "/lab/dagster"),
        ("dagster-daemon", "/lab/journal"),
        ("governance-metrics", "/lab/witness"),
        ("prometheus", "/prometheus"),
        ("alertmanager", "/alertmanager"),
        ("grafana", "/var/lib/grafana"),
    }
    for model in models:
        found = {
            (name, mount["target"])
            for name, service in model["services"].items()
            for mount in service.get("volumes", ())
            if not mount.get("read_only") and name != "volumes"
        }
        assert found == writable


def test_nothing_of_the_host_is_mounted_but_the_projects_and_the_labs_folders(model: Model, minio: Stack) -> None:
    for name, service in model["services"].items():
        for mount in service.get("volumes", ()):
            if mount["type"] == "bind":
                source = Path(mount["source"])
                inside = source.is_relative_to(ROOT) or source.is_relative_to(minio.config.home)
                assert inside, (name, mount)
                assert source not in {ROOT, minio.config.home}, (name, mount)


def test_a_volume_is_given_its_mode_before_anybody_else_sees_it(model: Model) -> None:
    first = {mount["source"] for mount in model["services"]["volumes"]["volumes"]}
    assert first == set(model["volumes"])
    for name, service in model["services"].items():
        named = [mount for mount in service.get("volumes", ()) if mount["type"] == "volume"]
        if named and name != "volumes":
            assert all(mount["volume"] == {"nocopy": True} for mount in named), name
            assert "volumes" in needed_before(model, name), name


def needed_before(model: Model, name: str) -> set[str]:
    """Everything that has happened when a service is started."""
    direct = set(model["services"][name].get("depends_on", {}))
    return direct.union(*(needed_before(model, one) for one in direct))


def test_services_wait_for_what_the_catalogue_says_they_need(model: Model) -> None:
    for spec in CATALOGUE:
        assert {str(one) for one in spec.needs} <= needed_before(model, spec.name), spec.name
    for name, service in model["services"].items():
        for needed, how in service.get("depends_on", {}).items():
            assert (how["condition"] == "service_completed_successfully") == (needed in ONCE), (name, needed)


def test_each_service_is_on_the_networks_of_its_tiers_only(models: list[Model]) -> None:
    for model in models:
        assert {name: set(one.get("networks") or ()) for name, one in model["services"].items()} == TIERS
        assert model["services"]["volumes"]["network_mode"] == "none"


def test_exporters_and_pages_do_not_meet_the_database_but_for_the_one_that_asks_whether_it_is_there(
    model: Model,
) -> None:
    meets = {name for name, tiers in TIERS.items() if "database" in tiers}
    users = {"provision", "postgres", "mlflow", "dagster-code", "dagster", "dagster-daemon"}
    assert meets == users | {"dagster-metrics"}
    assert granted(model["services"]["dagster-metrics"]) == set(), "it knows no password"


def test_only_the_network_for_publishing_leads_outside_and_containers_do_not_meet_there(model: Model) -> None:
    outside = {name: network for name, network in model["networks"].items() if not network.get("internal")}
    assert set(outside) == {"edge"}
    options = outside["edge"]["driver_opts"]
    assert options["com.docker.network.bridge.enable_icc"] == "false"
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    # Else the containers of a tier would reach what listens on this machine.
    inside = [network for network in model["networks"].values() if network.get("internal")]
    assert all(one["driver_opts"]["com.docker.network.bridge.inhibit_ipv4"] == "true" for one in inside)
    # A name on `edge` would lead to an address that doesn't answer.
    assert all(not (one.get("networks") or {}).get("edge") for one in model["services"].values())


def test_names_that_services_are_told_are_known_on_a_tier_that_they_share(minio: Stack, model: Model) -> None:
    aliases = {
        alias: (name, tier)
        for name, service in model["services"].items()
        for tier, how in (service.get("networks") or {}).items()
        for alias in (how or {}).get("aliases", ())
    }
    for name, service in model["services"].items():
        told = json.dumps(service.get("environment") or {})
        if name == "prometheus":
            told += (minio.folder / "config" / "prometheus.yml").read_text()
        for alias in set(re.findall(r"[a-z-]+\.lab\b", told)):
            owner, tier = aliases[alias]
            assert tier in TIERS[name] or owner == name, f"{name} is told {alias}, which is known on {tier}"


def test_no_secret_is_in_the_model_or_in_the_variables(minio: Stack, seaweed: Stack, models: list[Model]) -> None:
    for stack, model in zip((minio, seaweed), models, strict=True):
        shown = json.dumps(model) + stack.variables_file.read_text()
        shown += "".join(path.read_text() for path in (stack.folder / "env").iterdir())
        shown += "".join(path.read_text() for path in (stack.folder / "config").iterdir())
        assert len(vars(stack.config.secrets)) >= 9
        assert not [name for name, secret in vars(stack.config.secrets).items() if secret in shown]


def test_secrets_are_files_that_only_the_containers_user_may_read(minio: Stack, model: Model) -> None:
    files = {Path(one["file"]) for one in model["secrets"].values()}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o400}
    assert {path.stat().st_uid for path in files} == {minio.uid}
    unused = {name for name in model["secrets"] if not any(name in granted(one) for one in model["services"].values())}
    assert not {name for name in unused if not name.startswith("seaweedfs-")}


def granted(service: Model) -> set[str]:
    return {one["source"] for one in service.get("secrets", ())}


def test_a_service_is_granted_the_secrets_it_needs_and_no_other(models: list[Model]) -> None:
    instance = {"pgpass-dagster"}
    expected = {
        "postgres": {"postgres-password", "pgpass-check"},
        "provision": {"provision"},
        "mlflow": {"pgpass-mlflow", "s3-mlflow"},
        "dagster-code": instance,
        "dagster": instance,
        "dagster-daemon": instance | {"s3-pipeline"},
        "drift-monitor": {"s3-reader"},
        "governance-metrics": {"s3-reader"},
        "prometheus": {"alertmanager-password"},
        "alertmanager": {
            "alertmanager-config",
            "alertmanager-web",
            "alertmanager-password",
            "alertmanager-check",
        },
        "grafana": {"grafana-password", "grafana-secret-key"},
    }
    for model in models:
        found = {name: granted(one) for name, one in model["services"].items() if name != "object-store"}
        assert {name: names for name, names in found.items() if names} == expected
    assert granted(models[0]["services"]["object-store"]) == {"minio-password"}
    assert all(name.startswith("seaweedfs-") for name in granted(models[1]["services"]["object-store"]))


def test_only_alertmanager_gets_a_way_out_and_only_when_somebody_is_to_be_told(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("https://hooks.example.com/very-secret")
    path.chmod(0o600)
    stack = make(OBJECT_STORE="seaweedfs", LAB_NAME="static", ALERT_WEBHOOK_URL_FILE=str(path))
    found = resolved(stack)

    assert [name for name, one in found["services"].items() if "alerting" in one.get("networks", {})] == [
        "alertmanager"
    ]
    assert set(found["services"]["alertmanager"]["networks"]) == {"edge", "monitoring", "alerting"}
    assert "com.docker.network.bridge.enable_ip_masquerade" not in found["networks"]["alerting"]["driver_opts"]
    shown = json.dumps(found) + stack.variables_file.read_text()
    shown += "".join(file.read_text() for part in ("env", "config") for file in (stack.folder / part).iterdir())
    assert "very-secret" not in shown
    assert "very-secret" in (stack.folder / "secrets" / "alertmanager-config").read_text()


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


@pytest.mark.parametrize("isolation", ["process", "container"])
def test_every_container_network_and_volume_of_a_labelled_lab_says_whose_it_is(
    make: Make, isolation: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "engine.sock").touch()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    plain = make(OBJECT_STORE="seaweedfs", LAB_NAME="static", RUN_ISOLATION=isolation)
    stack = replace(plain, lab_id="f" * 32)
    compose_files.write_all(stack)
    labelled = resolved(stack)
    ids = {
        f"{kind} {name}": one["labels"].pop(ID_LABEL, "")
        for kind in ("services", "networks", "volumes")
        for name, one in labelled[kind].items()
    }
    assert set(ids.values()) == {"f" * 32}, ids
    assert {"services postgres", "services volumes", "networks edge", "volumes object-store"} <= set(ids)
    # And that is all that it changes: what a lab has that can't be labelled is the same without.
    compose_files.write_all(plain)
    assert resolved(plain) == labelled


def test_every_variable_of_the_file_is_one_that_the_runtime_writes_and_none_is_left_over(
    minio: Stack, seaweed: Stack
) -> None:
    files = (COMPOSE, *(ROOT / "stack" / "object-store").iterdir())
    used = {name for path in files for name in re.findall(r"\$\{([A-Z_]+)", path.read_text())}
    own = {"COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "PYTHON_IMAGE"}

    assert used == set(variables_of(minio)) - own
    assert set(variables_of(minio)) == set(variables_of(seaweed))


def test_official_images_are_pinned_to_a_version(minio: Stack) -> None:
    for variable, image in images(minio.config).items():
        version = image.partition("@")[0].rpartition(":")[2]
        assert re.search(r"\d+\.\d+|\d{4}-\d\d-\d\d", version), f"{variable}={image}"


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


def test_a_changed_password_of_grafana_makes_its_container_anew(make: Make) -> None:
    stack = make()
    secrets = dataclasses.replace(stack.config.secrets, grafana_admin="another")
    told = (stack.folder / "env" / "grafana.env").read_text()
    compose_files.write_all(dataclasses.replace(stack, config=dataclasses.replace(stack.config, secrets=secrets)))

    assert (stack.folder / "env" / "grafana.env").read_text() != told
    assert (stack.folder / "secrets" / "grafana-password").read_text() == "another"


def test_a_changed_secret_or_configuration_makes_the_containers_that_read_it_anew(make: Make) -> None:
    before, after = make(), make()
    told = [{path.name: path.read_text() for path in (one.folder / "env").iterdir()} for one in (before, after)]

    assert told[0]["mlflow.env"] != told[1]["mlflow.env"]
    again = {path.name: path.read_text() for path in (before.folder / "env").iterdir()}
    compose_files.write_all(before)
    assert again == {path.name: path.read_text() for path in (before.folder / "env").iterdir()}


def test_images_made_without_a_registry_leave_out_what_they_do_not_hold(make: Make) -> None:
    config = make().config
    write_override(config)

    stack = make_stack(config)
    assert stack.store == "seaweedfs"
    assert Service.GRAFANA not in stack.services
    assert stack.profiles == ["alertmanager"]


def test_minio_is_refused_where_the_images_hold_none(make: Make) -> None:
    config = make(OBJECT_STORE="minio").config
    write_override(config)

    with pytest.raises(LabError, match="no MinIO"):
        make_stack(config)


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
