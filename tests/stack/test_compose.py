"""The Compose stack as it stands in files: whole, hardened, without secrets, and of one mind with the catalogue."""

import itertools
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.catalogue import BY_NAME, CATALOGUE, LOOPBACK, Service
from lab.base.errors import LabError
from lab.runtime.compose import compose_files
from lab.runtime.compose.compose_files import Stack, variables_of
from lab.runtime.compose.container_set import make_stack
from lab.runtime.compose.ownership import ID_LABEL
from lab.runtime.images.image_names import images, write_override
from tests.stack.stacks import COMPOSE, ONCE, Make, Model, compose, resolved
from tests.support.lab import ROOT

UNPUBLISHED = {Service.DAGSTER_CODE, Service.DAGSTER_DAEMON}
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
