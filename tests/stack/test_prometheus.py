import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from exporters.backup_metrics import BackupCollector
from exporters.bucket_metrics import BucketCollector, BucketStatus
from exporters.dagster_metrics import DagsterCollector, DagsterStatus, DashboardWatch
from exporters.drift_monitor import DriftStatus
from exporters.drift_monitor import collectors as of_drift
from exporters.entry_validator import EntryValidityCollector, Validated
from exporters.governance_metrics import GovernanceCollector, RegistryStatus
from exporters.machine_metrics import MachineCollector
from exporters.poller import Poller
from exporters.postgres_metrics import PostgresCollector, PostgresWatch
from exporters.reconcile_metrics import ReconcileCollector, ReconcileStatus
from exporters.run_metrics import RunWatch
from exporters.schedule_metrics import ScheduleWatch
from exporters.serve import Exporter, registry
from exporters.trail_metrics import LedgerStatus
from lab.base.alerts import WATCHDOG
from lab.base.catalogue import Service
from lab.base.drift_report import DriftReport, FeatureDrift
from lab.base.log_lines import written_at
from lab.base.runs import Run, RunStatus, ScheduleState
from lab.dashboards.looking import each
from lab.dashboards.model import ALL, Variable
from lab.dashboards.parse import read_file
from lab.dashboards.variables import Resolved, Scope, Span
from lab.governance.rules.history import History
from lab.governance.rules.identities import Identities
from lab.runtime.alertmanager_config import DOWN
from lab.runtime.endpoints import in_container
from lab.runtime.prometheus_config import render
from lab.runtime.service_configuration import prometheus_options
from lab.services.dagster import Dashboard
from lab.services.dagster_answers import DaemonStatus
from lab.wiring import load_config
from tests.exporters.exposition import names, parse
from tests.stack.promql import metrics
from tests.stack.toolbox import DASHBOARDS, ROOT, RULES, complaints, run

# Of servers that aren't this project's: tests/live/test_dashboards.py asks a lab that is up for each of them.
OTHERS = ("process_", "prometheus_", "alertmanager_", "SeaweedFS_", "scrape_")
# What a panel shows when there is such a metric; without one its query has another answer.
OPTIONAL = {
    *("dagster_oldest_run_timestamp_seconds", "dagster_schedule_last_tick_timestamp_seconds"),
    *("dagster_run_duration_seconds_bucket", "dagster_step_duration_seconds_bucket"),
    *("governance_approval_waiting_since_timestamp_seconds", "lab_last_backup_timestamp_seconds", "postgres_up"),
    *("machine_memory_available_bytes", "machine_memory_total_bytes", "machine_disk_free_bytes"),
    "machine_disk_total_bytes",
}
TARGETS = {"mlflow": "127.0.0.1:5000", "object-store": "127.0.0.1:9010", "drift-monitor": "127.0.0.1:9100"}


def rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load(RULES.read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    """Every query of the dashboards, with values in place of variables, as Grafana asks it."""
    model = Variable("model", "query", include_all=True, all_value=".*")
    scope = Scope({"model": Resolved(model, (), (ALL,))}, Span(0, 3600))
    panels = [panel for path in DASHBOARDS for panel in each(read_file(path).panels)]
    return [scope.in_query(target.expr) for panel in panels for target in panel.targets]


def expressions() -> list[str]:
    """Every PromQL expression of rules and dashboards."""
    return [rule["expr"] for rule in rules()] + queries()


def exporters() -> dict[str, Exporter]:
    """The lab's exporters with something to say."""
    report = DriftReport("b" * 64, "c" * 64, 1000, (FeatureDrift("housing", 0.1),), 1.0)
    runs = (Run("r", "j", RunStatus.SUCCESS, 1.0, 2.0, 3.0),)
    dashboard = Dashboard(runs, ScheduleState("s", "RUNNING", "* * * * *", 4.0), (DaemonStatus("SCHEDULER", 5.0),))
    ledger = LedgerStatus(up=True, known=True, entries=1, by_status={"success": 1})
    watch = DashboardWatch(RunWatch(lambda _: ()), ScheduleWatch(True, lambda: 1.0))
    watch.schedule.ask_for_ticks()
    database = PostgresWatch("127.0.0.1", 1)
    database.refresh()
    governance = [
        GovernanceCollector(lambda: ledger, lambda: RegistryStatus(True, (), ("M",), 1, known=True)),
        EntryValidityCollector(lambda: Validated(1, History({}, {}, Identities()))),
        BucketCollector(lambda: BucketStatus(True, True)),
        ReconcileCollector(lambda: ReconcileStatus(True, True, counts={("M", "tag"): 1})),
        BackupCollector(ROOT),
    ]
    collectors: dict[str, list[Any]] = {
        "drift": list(of_drift(lambda: {"M": DriftStatus(report, 1)}, 30)),
        "dagster": [
            DagsterCollector(lambda: DagsterStatus(True, 0.1, True, dashboard), watch),
            PostgresCollector(database),
            MachineCollector(ROOT),
        ],
        "governance": governance,
    }
    pollers = [Poller("first", 1, lambda: None), Poller("second", 1, lambda: None)]
    return {name: Exporter(name, found, pollers, lambda: True) for name, found in collectors.items()}


def exposition(exporter: Exporter) -> str:
    return generate_latest(registry(exporter)).decode()


def exposed() -> set[str]:
    """Names in real expositions: the exporters', those captured of other servers, and Prometheus' own."""
    own = {name for exporter in exporters().values() for name in names(parse(exposition(exporter)))}
    captured = (Path(__file__).parent / "data").glob("*_metrics.txt")
    others = {name for path in captured for name in names(parse(path.read_text()))}
    return own | others | {"up", "ALERTS"}


@pytest.mark.parametrize("name", exporters())
def test_promtool_accepts_what_an_exporter_exposes(name: str) -> None:
    assert complaints(exposition(exporters()[name])) == []


# Names from before the rule that a time ends in its unit.
OLD_TIMES = {"synthetic_data_last_check_timestamp"}


@pytest.mark.parametrize("name", exporters())
def test_each_family_is_exposed_once_and_each_time_says_that_it_is_in_seconds(name: str) -> None:
    families = [line.split()[2] for line in exposition(exporters()[name]).splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    times = {one for one in families if "timestamp" in one} - OLD_TIMES
    assert all(one.endswith("_timestamp_seconds") for one in times)
    assert "exporter_build_info" in families


def test_every_silencing_alert_is_a_rule_about_a_service() -> None:
    about = {rule["alert"]: rule["labels"].get("service") for rule in rules()}
    assert set(DOWN) <= set(about)
    assert all(about[name] for name in DOWN)


def test_what_tells_of_tampering_is_silenced_by_nothing() -> None:
    about = {rule["alert"]: rule["labels"].get("service") for rule in rules()}
    tampering = ("LedgerBroken", "LedgerShrank", "AuditBucketUnprotected", "EntriesWithoutProof")
    assert not any(about[name] for name in (*tampering, "RegistryDiffersFromLedger", "RunBlocked"))


def test_promtool_refuses_a_metric_that_is_exposed_twice() -> None:
    text = exposition(exporters()["drift"])
    assert complaints(
        text + "# HELP exporter_poller_up Again.\n# TYPE exporter_poller_up gauge\nexporter_poller_up 1\n"
    )


def test_promtool_accepts_the_rules() -> None:
    checked = run("promtool", "check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr


# --- what both Prometheus 2.42, which is tested here, and 3.x, which is pinned, take (the migration guide of 3.0) ---


def test_each_flag_is_one_of_both_versions(tmp_path: Path) -> None:
    known = {
        *("config.file", "storage.tsdb.path", "storage.tsdb.retention.time"),
        *("web.listen-address", "web.external-url", "web.cors.origin"),
    }
    place = in_container(load_config({"LAB_ENV_FILE": str(tmp_path / "env"), "LAB_HOME": str(tmp_path / "home")}))
    given = {option.removeprefix("--").partition("=")[0] for option in prometheus_options(place, "/c.yml", "/data")}

    assert given <= known  # no feature flag among them: 3 dropped some, and 2 lacks what it has without
    said = run("prometheus", "--help")
    assert not [flag for flag in given if f"--{flag}" not in said.stdout + said.stderr]


def new_in_3(expression: str) -> list[str]:
    """What in `expression` means something else in version 3, or nothing in one of both."""
    found = re.findall(r"\b(?:le|quantile)\s*=~?\s*\"\d+\"", expression)  # labels are 1.0 there, not 1
    # Renamed, or of one version only.
    found += re.findall(
        r"\b(?:holt_winters|double_exponential_smoothing|info|ts_of_\w+|first_over_time)\s*\(", expression
    )
    # The left end of a range doesn't belong to it there: a subquery of one step has no second point.
    steps = [(window, step) for window, step in re.findall(r"\[(\w+):(\w*)\]", expression) if window == step]
    return [*found, *(f"[{window}:{step}]" for window, step in steps)]


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_each_expression_means_the_same_in_both_versions(expression: str) -> None:
    assert new_in_3(expression) == []


@pytest.mark.parametrize(
    "expression",
    ['x_bucket{le="1"}', 'y{quantile="0"}', "holt_winters(x[5m], 0.5, 0.5)", "rate(x[1m:1m])", "info(x)"],
)
def test_an_expression_that_changes_its_meaning_is_found(expression: str) -> None:
    assert new_in_3(expression)


def test_the_configuration_has_no_key_that_one_of_both_versions_lacks() -> None:
    config = yaml.safe_load(render(TARGETS, "/rules.yml", "am:9093", {"mlflow": ("a", "b")}, {"mlflow": "/m"}, lab="x"))

    assert set(config) == {"global", "rule_files", "alerting", "scrape_configs"}
    assert set(config["global"]) == {"scrape_interval", "scrape_timeout", "evaluation_interval"}
    # External labels would be expanded by 3, and version 1 of Alertmanager's interface is gone there.
    assert set(config["alerting"]["alertmanagers"][0]) <= {"static_configs", "basic_auth"}
    assert {key for job in config["scrape_configs"] for key in job} == {
        *("job_name", "static_configs", "metrics_path", "basic_auth"),
    }


def test_each_line_of_a_log_says_when_in_both_versions() -> None:
    old = 'ts=2026-11-29T02:03:04.567Z caller=main.go:627 level=info msg="Server is ready"'
    new = 'time=2026-11-29T03:03:04.567+01:00 level=INFO source=main.go:640 msg="Server is ready"'
    when = datetime(2026, 11, 29, 2, 3, 4, tzinfo=UTC)

    assert [written_at(line, when) for line in (old, new)] == [when, when]


TESTS = sorted(RULES.parent.glob("alert_tests*.yml"))


@pytest.mark.parametrize("tests", TESTS, ids=lambda path: path.stem)
def test_every_alert_fires_when_it_should_and_only_then(tests: Path, tmp_path: Path) -> None:
    shutil.copy(tests, tmp_path)
    (tmp_path / RULES.name).write_text(json.dumps(asked_about(tests.read_text())))
    tested = run("promtool", "test", "rules", tests.name, folder=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def asked_about(tests: str) -> dict[str, Any]:
    """The rules of the alerts that they name: each rule is evaluated at each of their ticks, and knows of no other."""
    named = set(re.findall(r"alertname(?:: |=\")(\w+)", tests))
    assert "ALERTS" not in RULES.read_text()
    found: dict[str, Any] = yaml.safe_load(RULES.read_text())
    for group in found["groups"]:
        group["rules"] = [rule for rule in group["rules"] if rule.get("alert") in named or "record" in rule]
    assert named == {rule["alert"] for group in found["groups"] for rule in group["rules"] if "alert" in rule}
    return found


def test_every_alert_is_tested_to_fire() -> None:
    tests = [test for file in TESTS for test in yaml.safe_load(file.read_text())["tests"]]
    fired = {case["alertname"] for test in tests for case in test.get("alert_rule_test", ()) if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules()}


def test_a_rule_that_is_broken_fails_its_test(tmp_path: Path) -> None:
    (tmp_path / "alert_rules.yml").write_text(RULES.read_text().replace("up == 0", "up == 2"))
    of_it = yaml.safe_load(RULES.with_name("alert_tests.yml").read_text())
    of_it["tests"] = [
        test for test in of_it["tests"] if {case["alertname"] for case in test["alert_rule_test"]} == {"ServiceDown"}
    ]
    assert of_it["tests"]
    (tmp_path / "alert_tests.yml").write_text(json.dumps(of_it))
    assert run("promtool", "test", "rules", "alert_tests.yml", folder=tmp_path).returncode != 0
    (tmp_path / "alert_rules.yml").write_text(RULES.read_text())
    assert run("promtool", "test", "rules", "alert_tests.yml", folder=tmp_path).returncode == 0


def test_the_seeds_alerts_are_there() -> None:
    assert {"ServiceDown", "DataDriftDetected", "DriftMonitorStale"} <= {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    # The one that always fires isn't bad.
    assert rule["labels"]["severity"] in ({"none"} if rule["alert"] == WATCHDOG else {"critical", "warning"})
    service = rule["labels"].get("service", "")
    assert not service or "{{" in service or service in set(Service)
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / path).read_text(), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}


def test_every_runbook_belongs_to_an_alert() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    assert set(headings) == {rule["alert"] for rule in rules()}


def test_every_expression_parses(tmp_path: Path) -> None:
    records = [{"record": f"lab:expression_{i}", "expr": text} for i, text in enumerate(expressions())]
    (tmp_path / "all.yml").write_text(json.dumps({"groups": [{"name": "all", "rules": records}]}))
    checked = run("promtool", "check", "rules", "all.yml", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(records)} rules found" in checked.stdout


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_metric_asked_for_is_exposed(expression: str) -> None:
    asked = metrics(expression)
    assert bool(asked) is (expression != "vector(1)"), "the one that always fires asks for nothing"
    assert {name for name in asked if not name.startswith(OTHERS)} <= exposed() | OPTIONAL


def test_the_metric_reader_finds_names_and_nothing_else() -> None:
    expression = 'sum by (le) (rate(a_bucket{le="x", code=~"5.."}[5m])) / ignoring (status) b_total or vector(0)'
    assert metrics(expression) == {"a_bucket", "b_total"}
    assert metrics("time() - c > 60 + 3 * d or absent(e) == 1") == {"c", "d", "e"}


@pytest.mark.parametrize("alertmanager", [None, "127.0.0.1:9093"])
@pytest.mark.parametrize("logins", [None, {"alertmanager": ("admin", "p#: {")}])
def test_promtool_accepts_the_rendered_configuration(
    tmp_path: Path, alertmanager: str | None, logins: dict[str, tuple[str, str]] | None
) -> None:
    path = tmp_path / "prometheus.yml"
    path.write_text(render(TARGETS, str(RULES), alertmanager, logins, lab="second-lab"))
    checked = run("promtool", "check", "config", str(path))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_jobs_are_named_as_in_the_catalogue_and_scraped_where_they_were_said_to_be() -> None:
    config = yaml.safe_load(render(TARGETS, "/rules.yml", "am:9093", lab="second-lab"))
    scraped = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert scraped == {name: [target] for name, target in TARGETS.items()}
    assert set(scraped) <= set(Service)
    assert config["rule_files"] == ["/rules.yml"]
    assert config["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["am:9093"]}]}]
    assert config["alerting"]["alert_relabel_configs"] == [{"target_label": "lab", "replacement": "second-lab"}]


def test_without_an_alertmanager_none_is_asked() -> None:
    assert "alerting" not in yaml.safe_load(render(TARGETS, "/rules.yml", None, lab="x"))


def test_a_path_with_quotes_and_spaces_survives() -> None:
    path = '/home/o\'neil/my "lab": x/rules.yml'
    assert yaml.safe_load(render({}, path, None, lab="x"))["rule_files"] == [path]


def test_a_login_is_used_for_scrapes_and_for_alerts() -> None:
    config = yaml.safe_load(
        render({"alertmanager": "am:9093", "mlflow": "m:5000"}, "/r", "am:9093", {"alertmanager": ("a", "b#")}, lab="x")
    )
    login = {"username": "a", "password": "b#"}
    assert config["alerting"]["alertmanagers"][0]["basic_auth"] == login
    assert {job["job_name"]: job.get("basic_auth") for job in config["scrape_configs"]} == {
        "alertmanager": login,
        "mlflow": None,
    }
