"""Command lines and environments of the services: no secret where others can read it, and none that isn't needed."""

import dataclasses
import os
import pwd
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lab.base.account import LOCALE, unprivileged, user_name
from lab.base.catalogue import CATALOGUE, LOOPBACK, Service
from lab.config import LabConfig
from lab.runtime.credentials import credential_files, pgpass
from lab.runtime.endpoints import on_host
from lab.runtime.layout import Layout, write_private
from lab.runtime.native.command_lines import (
    OWNED_BY,
    Command,
    Tools,
    command,
    dying_with_parent,
    python,
)
from lab.runtime.native.programs import launch_spec
from lab.runtime.native.service_files import identities, inputs, scrape_targets, write_inputs
from lab.wiring import first_config

TOOLS = Tools(
    Path("/pg/bin"), Path("/bin/weed"), Path("/bin/prometheus"), ["/bin/alertmanager"], ["/bin/grafana", "server"]
)
PYTHON_SERVICES = {
    Service.MLFLOW,
    Service.DAGSTER_CODE,
    Service.DAGSTER,
    Service.DAGSTER_DAEMON,
    Service.DRIFT_MONITOR,
    Service.DAGSTER_METRICS,
    Service.GOVERNANCE_METRICS,
}

Make = Callable[..., tuple[LabConfig, Layout]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A configuration with secrets, and its folders."""

    def made(**environ: str) -> tuple[LabConfig, Layout]:
        given = {"LAB_ENV_FILE": str(tmp_path / "env"), "LAB_HOME": str(tmp_path / "home"), **environ}
        config, _ = first_config(given)
        return config, Layout(config.home)

    return made


@pytest.fixture
def commands(make: Make) -> Mapping[Service, Command]:
    config, layout = make()
    return {service: command(service, config, layout, TOOLS) for service in Service}


def secrets(config: LabConfig) -> Mapping[str, str]:
    return vars(config.secrets)


@pytest.mark.parametrize("service", Service)
def test_no_secret_is_on_a_command_line(make: Make, service: Service) -> None:
    config, layout = make()
    made = command(service, config, layout, TOOLS)

    line = " ".join(map(str, made.argv))
    assert len(secrets(config)) >= 9
    assert not [name for name, secret in secrets(config).items() if secret in line]
    assert not [name for name, secret in secrets(config).items() if secret in repr(made)]


# Every other secret reaches its service by a file.
ALLOWED: Mapping[Service, set[str]] = {
    Service.OBJECT_STORE: {"store_jwt"},
    Service.GRAFANA: {"grafana_admin", "grafana_signing"},
}
FILES = {
    Service.MLFLOW: {"mlflow_db", "s3_mlflow"},
    Service.DAGSTER_CODE: {"dagster_db"},
    Service.DAGSTER: {"dagster_db"},
    Service.DAGSTER_DAEMON: {"dagster_db", "s3_pipeline"},
    Service.DRIFT_MONITOR: {"s3_reader"},
    Service.DAGSTER_METRICS: set(),
    Service.GOVERNANCE_METRICS: {"s3_reader"},
}


@pytest.mark.parametrize("service", Service)
def test_a_service_is_given_the_secrets_it_needs_and_no_other(make: Make, service: Service) -> None:
    config, layout = make()
    text = "\n".join(command(service, config, layout, TOOLS).environment.values())

    assert {name for name, secret in secrets(config).items() if secret in text} == ALLOWED.get(service, set())


@pytest.mark.parametrize("service", Service)
def test_a_service_starts_by_absolute_path_and_is_marked_as_the_labs(make: Make, service: Service) -> None:
    config, layout = make()
    made = command(service, config, layout, TOOLS)

    assert Path(made.argv[0]).is_absolute()
    assert made.environment[OWNED_BY] == str(layout.home)
    assert Path(made.environment["TMPDIR"]).is_relative_to(layout.home)
    assert made.folder.is_absolute()
    assert all(isinstance(value, str) for value in made.environment.values())


@pytest.mark.parametrize("offset", ["0", "70"])
def test_a_service_is_told_to_listen_on_loopback_and_on_its_port(make: Make, offset: str) -> None:
    config, layout = make(PORT_OFFSET=offset)
    for spec in CATALOGUE:
        if spec.port is None or spec.name is Service.OBJECT_STORE:
            continue
        made = command(spec.name, config, layout, TOOLS)
        told = " ".join([*map(str, made.argv), *(f"{name}={value}" for name, value in made.environment.items())])
        assert str(config.port(spec.name)) in told, spec.name
        assert LOOPBACK in told, spec.name
        assert "0.0.0.0" not in told, spec.name


SHELLS: tuple[Mapping[str, str], ...] = (
    {},
    {"PATH": "/usr/games", "HOME": "/home/else", "USER": "else", "LOGNAME": "else"},
    {"TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8", "LC_ALL": "tr_TR.ISO-8859-9", "LC_TIME": "C", "TMPDIR": "/from/shell"},
    {"SSL_CERT_FILE": "/from/shell", "SSL_CERT_DIR": "/from/shell", "REQUESTS_CA_BUNDLE": "/x", "http_proxy": "x:1"},
    {"AWS_PROFILE": "corp", "PGSSLMODE": "require", "MLFLOW_TRACKING_TOKEN": "x", "DAGSTER_HOME": "/from/shell"},
    {"PYTHONPATH": "/from/shell", "PYTHONHOME": "/x", "VIRTUAL_ENV": "/x", "LD_LIBRARY_PATH": "/x", "GIT_DIR": "/x"},
)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_service_is_the_same_whatever_shell_starts_it(
    make: Make, commands: Mapping[Service, Command], shell: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name != "PYTEST_CURRENT_TEST"]:
        monkeypatch.delenv(name)
    for name, value in shell.items():
        monkeypatch.setenv(name, value)
    config, layout = make()

    for service in Service:
        assert command(service, config, layout, TOOLS) == commands[service]


def test_a_service_has_what_every_program_asks_for_and_no_home_of_a_person(
    make: Make, commands: Mapping[Service, Command]
) -> None:
    for made in commands.values():
        told = made.environment
        assert told["USER"] == told["LOGNAME"] == user_name() != ""
        assert Path(told["HOME"]).is_relative_to(make()[1].home)
        assert (told["TZ"], told["LC_ALL"]) == ("UTC", LOCALE)
        assert {"/usr/bin", str(python().parent)} <= set(told["PATH"].split(":"))


def test_the_interpreter_has_one_name_however_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    known = python()
    monkeypatch.setattr(sys, "executable", str(Path(sys.executable).with_name("python3")))
    assert python() == known
    assert known.exists()


def test_dagsters_processes_do_not_run_where_the_settings_are(commands: Mapping[Service, Command]) -> None:
    # Dagster loads `.env` from its working folder.
    root = Path(__file__).resolve().parents[2]
    for service in (Service.DAGSTER, Service.DAGSTER_CODE, Service.DAGSTER_DAEMON):
        assert commands[service].folder != root


def test_python_services_run_with_this_interpreter(commands: Mapping[Service, Command]) -> None:
    for service in PYTHON_SERVICES:
        assert str(python()) in commands[service].argv


@pytest.mark.parametrize("service", FILES)
def test_a_service_is_pointed_at_files_with_its_own_secrets(make: Make, service: Service) -> None:
    config, layout = make()
    files = credential_files(config, on_host(config, layout))
    told = command(service, config, layout, TOOLS).environment
    named = [told[name] for name in ("PGPASSFILE", "AWS_SHARED_CREDENTIALS_FILE") if name in told]
    text = "".join(files[Path(path).name] for path in named)

    assert all(Path(path).parent == layout.config for path in named)
    assert {name for name, secret in secrets(config).items() if secret in text} == FILES[service]


@pytest.mark.parametrize("password", ["a@b:c/d?e#f%20 g", "back\\slash:and:colons", "ü\U0001f600"])
def test_a_password_of_ones_own_is_written_as_libpq_reads_it(password: str) -> None:
    # As libpq does: a backslash takes the next character as it stands, a colon ends the field.
    fields, escaped = [""], False
    for mark in pgpass("host", 5432, "mlflow", password).rstrip("\n"):
        if mark == ":" and not escaped:
            fields.append("")
        elif mark != "\\" or escaped:
            fields[-1] += mark
        escaped = mark == "\\" and not escaped

    assert fields == ["host", "5432", "*", "mlflow", password]


@pytest.mark.parametrize("service", [Service.ALERTMANAGER, Service.GRAFANA])
def test_a_service_that_is_not_installed_has_no_command(make: Make, service: Service) -> None:
    config, layout = make()
    with pytest.raises(KeyError):
        command(service, config, layout, Tools(Path("/pg"), Path("/weed"), Path("/prometheus")))


def test_grafana_is_started_by_what_sets_its_password(make: Make) -> None:
    config, layout = make()
    argv = ["/g/bin/grafana", "server", "--homepath", "/g"]
    made = command(Service.GRAFANA, config, layout, dataclasses.replace(TOOLS, grafana=argv))
    words = list(made.argv[made.argv.index("/bin/sh") :])

    assert words[1] == str(config.root / "stack" / "grafana" / "start.sh")
    assert words[2:4] == ["/g/bin/grafana", "/g"]
    assert words[4:] == argv
    # A changed password changes what the service is given, so that `invoke up` starts it anew.
    assert made.environment["GF_SECURITY_ADMIN_PASSWORD"] == config.secrets.grafana_admin


def test_grafana_knows_its_address_has_a_key_of_its_own_and_asks_nobody(make: Make) -> None:
    config, layout = make()
    told = command(Service.GRAFANA, config, layout, TOOLS).environment
    assert told["GF_SERVER_ROOT_URL"] == f"{config.url(Service.GRAFANA)}/"
    assert told["GF_SECURITY_SECRET_KEY"] == config.secrets.grafana_signing
    assert {
        told[f"GF_{name}"]
        for name in (
            "ANALYTICS_REPORTING_ENABLED",
            "ANALYTICS_CHECK_FOR_UPDATES",
            "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
            "NEWS_NEWS_FEED_ENABLED",
            "PLUGINS_PLUGIN_ADMIN_ENABLED",
        )
    } == {"false"}
    assert told["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


def test_postgres_is_asked_to_end_at_once_and_by_itself(commands: Mapping[Service, Command]) -> None:
    # INT is PostgreSQL's fast shutdown, and its children must hear of it from their parent only.
    made = commands[Service.POSTGRES]
    assert (made.stop_signal, made.stop_group) == ("INT", False)
    assert all(one.stop_signal == "TERM" for service, one in commands.items() if service is not Service.POSTGRES)


def test_only_postgres_is_given_another_uid_and_only_when_it_must_be() -> None:
    wrapped = unprivileged(["postgres", "-D", "x"])
    named = os.getuid() in {entry.pw_uid for entry in pwd.getpwall()}

    assert wrapped[-3:] == ["postgres", "-D", "x"]
    assert (len(wrapped) == 3) is (os.getuid() != 0 and named)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_service_ends_with_its_supervisor() -> None:
    assert dying_with_parent(["x"], "INT")[1:] == ["--pdeathsig", "INT", "x"]


def test_the_launch_file_holds_what_the_command_holds(commands: Mapping[Service, Command]) -> None:
    import json

    made = commands[Service.MLFLOW]
    spec = json.loads(launch_spec(made, {"rules.yml": "abc"}))

    assert spec["command"] == list(made.argv)
    assert spec["environment"] == dict(made.environment)
    assert spec["files"] == {"rules.yml": "abc"}


def test_files_of_the_services_are_private_and_whole(make: Make) -> None:
    config, layout = make()
    # Of a long home the folder for sockets lies elsewhere, and nobody here needs it.
    for folder in set(layout.folders()) - {layout.run}:
        folder.mkdir(parents=True, exist_ok=True)
    read = inputs(config, layout, list(Service))
    write_inputs(read)

    written = [path for path in layout.home.rglob("*") if path.is_file()]
    assert written
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert {one.path for one in read if one.ours} == set(written)
    assert all(one.text and one.readers for one in read)
    assert inputs(config, layout, list(Service)) == read


def test_writing_the_same_text_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"

    assert write_private(path, "a") is True
    assert write_private(path, "a") is False
    assert write_private(path, "b") is True
    assert path.read_text() == "b"
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def test_only_the_administrator_has_rights_without_a_policy(make: Make) -> None:
    import json

    config, _ = make()
    found = {one["name"]: one for one in json.loads(identities(config))["identities"]}

    assert set(found) == {"admin", "pipeline", "mlflow", "reader"}
    assert [name for name, one in found.items() if one["actions"]] == ["admin"]


def test_nothing_that_prometheus_waits_for_waits_for_prometheus(make: Make) -> None:
    """It counts as ready when every target is up: one that started only then would keep both waiting for good."""
    config, _ = make()
    needed: dict[Service, set[Service]] = {}
    for spec in CATALOGUE:  # in which everything comes after what it needs
        needed[spec.name] = {*spec.needs, *(far for near in spec.needs for far in needed[near])}

    targets = {Service(name) for name in scrape_targets(config, list(Service))}
    assert Service.GRAFANA in targets
    assert not [name for name in targets if Service.PROMETHEUS in needed[name]]


def test_prometheus_scrapes_only_what_runs_here(make: Make) -> None:
    config, _ = make()
    everywhere = scrape_targets(config, list(Service))
    without = scrape_targets(config, [one for one in Service if one is not Service.GRAFANA])

    assert set(everywhere) - set(without) == {"grafana"}
    assert all(urlsplit(f"//{target}").hostname == LOOPBACK for target in everywhere.values())
    assert len(set(everywhere.values())) == len(everywhere)
