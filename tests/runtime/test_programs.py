"""What was written down of a service says in what it would differ now, by name; and nothing of other services moves."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base.catalogue import Service
from lab.config import LabConfig
from lab.runtime.layout import Layout
from lab.runtime.native.command_lines import Command, Tools, command
from lab.runtime.native.programs import Plan, plan, write_programs
from lab.runtime.native.service_files import inputs, write_inputs
from lab.wiring import first_config
from tests.support.ports import NEVER_STARTED

TOOLS = Tools(Path("/pg/bin"), Path("/bin/weed"), Path("/bin/prometheus"), ["/bin/alertmanager"], ["/bin/grafana"])
Plans = dict[Service, Plan]


@pytest.fixture
def plans(tmp_path: Path) -> Callable[..., Plans]:
    """How every service would be started, with settings as given; the first call's is what was started."""

    def made(**environ: str) -> Plans:
        config, layout = lab(tmp_path, **environ)
        files = inputs(config, layout, list(Service))
        return {one: plan(one, command(one, config, layout, TOOLS), files, layout) for one in Service}

    config, layout = lab(tmp_path)
    for folder in set(layout.folders()) - {layout.run}:
        folder.mkdir(parents=True, exist_ok=True)
    write_inputs(inputs(config, layout, list(Service)))
    write_programs(list(made().values()), layout)
    return made


def lab(folder: Path, **environ: str) -> tuple[LabConfig, Layout]:
    given = {"LAB_ENV_FILE": str(folder / "env"), "LAB_HOME": str(folder / "h"), "PORT_OFFSET": str(NEVER_STARTED)}
    config, _ = first_config({**given, **environ})
    return config, Layout(config.home)


def differing(plans: Plans) -> dict[Service, tuple[str, ...]]:
    return {service: one.changes() for service, one in plans.items() if one.changes()}


def test_nothing_differs_where_nothing_changed(plans: Callable[..., Plans]) -> None:
    assert differing(plans()) == {}


def test_a_setting_is_named_and_concerns_only_those_who_are_told_of_it(plans: Callable[..., Plans]) -> None:
    assert differing(plans(RUN_MEMORY_LIMIT_MB="4000")) == {Service.DAGSTER_DAEMON: ("variable RUN_MEMORY_LIMIT_MB",)}


def test_a_secret_is_named_and_never_shown(plans: Callable[..., Plans]) -> None:
    found = differing(plans(S3_READER_SECRET="new-secret-of-the-reader", GRAFANA_ADMIN_PASSWORD="new-for-grafana"))

    assert found == {
        Service.DRIFT_MONITOR: ("file s3-reader",),
        Service.GOVERNANCE_METRICS: ("file s3-reader",),
        Service.OBJECT_STORE: ("file s3-identities.json",),
        Service.GRAFANA: ("variable GF_SECURITY_ADMIN_PASSWORD",),
    }
    assert "new-" not in str(found)
    assert "new-secret" not in repr(plans(S3_READER_SECRET="new-secret-of-the-reader"))


def test_other_ports_are_command_lines(plans: Callable[..., Plans]) -> None:
    found = differing(plans(PORT_OFFSET=str(NEVER_STARTED + 1)))
    assert "command line" in found[Service.POSTGRES]
    assert "file prometheus.yml" in found[Service.PROMETHEUS]


def test_a_file_of_the_project_is_named(plans: Callable[..., Plans], tmp_path: Path) -> None:
    path = Layout(tmp_path / "h").config / "prometheus.json"
    spec = json.loads(path.read_text())
    spec["files"]["alert_rules.yml"] = "as it was"
    path.write_text(json.dumps(spec))
    assert differing(plans()) == {Service.PROMETHEUS: ("file alert_rules.yml",)}


@pytest.mark.parametrize("text", ["", "[]", '{"environment": 7}', "{"])
def test_what_cannot_be_read_is_a_change(plans: Callable[..., Plans], tmp_path: Path, text: str) -> None:
    (Layout(tmp_path / "h").config / "mlflow.json").write_text(text)
    assert differing(plans()) == {Service.MLFLOW: ("file mlflow.json",)}


def test_what_an_older_version_wrote_is_a_change(plans: Callable[..., Plans], tmp_path: Path) -> None:
    path = Layout(tmp_path / "h").config / "alertmanager.json"
    spec = json.loads(path.read_text())
    del spec["files"]
    path.write_text(json.dumps(spec))
    assert differing(plans())[Service.ALERTMANAGER] == ("file alertmanager-web.yml", "file alertmanager.yml")


def test_a_service_alone_leaves_all_others_as_they_were(plans: Callable[..., Plans], tmp_path: Path) -> None:
    layout = Layout(tmp_path / "h")
    before = {path: path.read_text() for path in layout.config.iterdir() if path.is_file()}
    config, _ = lab(tmp_path, RUN_OWNER="ada", S3_READER_SECRET="another", ENVIRONMENT="staging")
    now = plans(RUN_OWNER="ada", S3_READER_SECRET="another", ENVIRONMENT="staging")

    write_inputs(inputs(config, layout, list(Service)), [Service.DRIFT_MONITOR])
    write_programs(list(now.values()), layout, [Service.DRIFT_MONITOR])

    after = {path: path.read_text() for path in before}
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed == {"s3-reader", "drift-monitor.json", "supervisord.conf"}
    conf = layout.config / "supervisord.conf"
    lines = zip(before[conf].splitlines(), after[conf].splitlines(), strict=True)
    assert [new for old, new in lines if old != new] == [
        one for one in after[conf].splitlines() if "drift-monitor.json" in one
    ]
    assert Service.DRIFT_MONITOR not in differing(now)
    assert Service.DAGSTER_DAEMON in differing(now)


def test_one_command_holds_no_secret_in_what_supervisord_reads(plans: Callable[..., Plans], tmp_path: Path) -> None:
    config, layout = lab(tmp_path)
    text = (layout.config / "supervisord.conf").read_text()
    assert not [name for name, secret in vars(config.secrets).items() if secret in text]


def test_a_command_is_told_from_another_by_its_folder(plans: Callable[..., Plans], tmp_path: Path) -> None:
    _, layout = lab(tmp_path)
    one = Command(["/x"], {}, tmp_path)
    first = plan(Service.MLFLOW, one, (), layout)
    first.path.write_text(first.spec)
    assert plan(Service.MLFLOW, Command(["/x"], {}, tmp_path / "y"), (), layout).changes() == ("folder",)
