"""Secrets in containers: files that only who needs them may read."""

import dataclasses
import json
from pathlib import Path

from lab.runtime.compose import compose_files
from lab.runtime.compose.compose_files import Stack
from tests.stack.stacks import Make, Model, granted


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
