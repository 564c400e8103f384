"""The main job on a live lab: it is up, it trains, and everything that a user looks at shows it."""

import json
import socket
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg2
import pytest

from lab.base.catalogue import BY_NAME, CATALOGUE, LOOPBACK, Service
from lab.base.dataset import hash_file
from lab.base.errors import LabError
from lab.base.model_versions import GovernanceTags
from lab.base.runs import JOB, OWNER_TAG, SCHEDULE, STEPS
from lab.governance.ledger import Status
from lab.observe.snapshot import Health
from lab.runtime.native.service_files import scrape_targets
from lab.services.s3 import PIPELINE, READER, S3
from tests.stack.toolbox import complaints
from tests.support.contracts import MODEL_NAME
from tests.support.lab import ROOT, LiveLab
from tests.support.launching import REPOSITORY, launch, run_tags
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

_PAGES = {
    Service.DAGSTER: "/server_info",
    Service.MLFLOW: "/version",
    Service.PROMETHEUS: "/-/ready",
    Service.ALERTMANAGER: "/-/ready",
    Service.GRAFANA: "/api/health",
    Service.DRIFT_MONITOR: "/metrics",
    Service.DAGSTER_METRICS: "/metrics",
    Service.GOVERNANCE_METRICS: "/metrics",
}
# How Prometheus 2.42 and 3 ask.
ACCEPTED_BY_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
ACCEPTED_BY_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


def states(lab: LiveLab) -> dict[str, dict[str, Any]]:
    return {state["name"]: state for state in lab.json("status")}


def up_or_absent(lab: LiveLab) -> dict[str, dict[str, Any]] | None:
    """As `status` says it, unless something isn't up just now."""
    found = states(lab)
    return found if all(one["health"] in {Health.UP, Health.ABSENT} for one in found.values()) else None


def here(lab: LiveLab) -> list[Service]:
    """The services that are installed on this machine."""
    return [Service(name) for name, state in states(lab).items() if state["health"] != Health.ABSENT]


@pytest.fixture(scope="module")
def two_runs(live: LiveLab) -> list[dict[str, Any]]:
    """What `demo-run --json` says of two runs on the same data."""
    return [live.json("demo-run"), live.json("demo-run")]


def test_up_again_does_nothing_and_says_so(live: LiveLab) -> None:
    before = {name: state["pid"] for name, state in states(live).items()}

    done = live.invoke("up")

    assert "is up already: nothing to do" in done.stdout
    assert {name: state["pid"] for name, state in states(live).items()} == before


def test_a_lab_that_is_up_has_nothing_left_to_build(live: LiveLab) -> None:
    before = live.pids()
    live.invoke("build")
    assert live.pids() == before


def test_status_shows_every_service_of_the_catalogue_up(live: LiveLab) -> None:
    live.healthy()
    found = eventually(lambda: up_or_absent(live), 60, "a status without a missed probe")

    assert set(found) == set(Service)
    for name, state in found.items():
        optional = BY_NAME[Service(name)].optional
        assert state["health"] == Health.UP or (optional and state["health"] == Health.ABSENT), state
        assert state["health"] == Health.ABSENT or (state["pid"] and state["memory_bytes"] and state["uptime_s"])


def test_every_http_service_answers_on_its_documented_port(live: LiveLab) -> None:
    for service in here(live):
        if path := _PAGES.get(service):
            login = ("admin", live.config.secrets.alertmanager) if service is Service.ALERTMANAGER else None
            answer = live.get(service, path, auth=login)
            assert answer.status_code == 200, f"{service}: {answer.status_code}"


def test_every_target_says_its_format_in_words_that_each_prometheus_takes(live: LiveLab) -> None:
    """Version 3 refuses a scrape without a known Content-Type, and asks in other words than version 2."""
    known = ("text/plain", "application/openmetrics-text")
    for service, target in scrape_targets(live.config, here(live)).items():
        login = ("admin", live.config.secrets.alertmanager) if service == Service.ALERTMANAGER else None
        for accept in (ACCEPTED_BY_2, ACCEPTED_BY_3):
            url = f"http://{target}/metrics"
            answer = httpx.get(url, headers={"Accept": accept}, auth=login, timeout=30, trust_env=False)
            assert answer.status_code == 200, service
            kind, *parameters = (part.strip() for part in answer.headers["Content-Type"].split(";"))
            assert kind in known, (service, answer.headers["Content-Type"])
            assert {"version=0.0.4", "version=1.0.0", "version=0.0.1"} & set(parameters), (service, parameters)


def test_every_documented_port_accepts_connections(live: LiveLab) -> None:
    for service in here(live):
        for label, port in BY_NAME[service].ports(live.config.port_offset).items():
            with closing(socket.socket()) as client:
                client.settimeout(5)
                assert client.connect_ex((LOOPBACK, port)) == 0, f"{service} {label} doesn't answer on {port}"


def connections(process: psutil.Process) -> Sequence[Any]:
    """None of a process that has just ended."""
    with suppress(psutil.NoSuchProcess):
        return process.net_connections("inet")
    return ()


def test_nothing_listens_off_loopback_or_on_a_port_that_is_not_documented(live: LiveLab) -> None:
    documented = {port for spec in CATALOGUE for port in spec.ports(live.config.port_offset).values()}
    seen: set[int] = set()
    for process in live.processes():
        for connection in connections(process):
            if connection.status == psutil.CONN_LISTEN:
                address, port = connection.laddr.ip, connection.laddr.port
                assert address in {LOOPBACK, "::1", f"::ffff:{LOOPBACK}"}, f"{process.name()} on {address}:{port}"
                assert port in documented, f"{process.name()} listens on {port}"
                seen.add(port)
    assert live.config.port(Service.DAGSTER) in seen


def test_a_run_leaves_a_version_with_every_governance_tag_and_real_metrics(two_runs: list[dict[str, Any]]) -> None:
    result = two_runs[0]

    assert result["succeeded"]
    assert [step["name"] for step in result["run"]["steps"]] == list(STEPS)
    assert {step["status"] for step in result["run"]["steps"]} == {"SUCCESS"}
    version = result["version"]
    assert version["name"] == MODEL_NAME
    assert all(version["tags"].get(name) for name in GovernanceTags.names())
    assert version["tags"]["deployment_blocked"] == "true"
    metrics = version["metrics"]
    assert 0.7 < metrics["auc"] < 0.9
    assert metrics["gini"] == pytest.approx(2 * metrics["auc"] - 1, abs=2e-6)
    assert 0.2 < metrics["ks"] < 0.8
    assert 0.6 < metrics["accuracy"] < 0.9


def test_two_runs_on_the_same_data_give_the_very_same_metrics_and_hash(two_runs: list[dict[str, Any]]) -> None:
    first, second = (result["version"] for result in two_runs)

    assert first["metrics"] == second["metrics"]
    assert first["tags"]["data_hash"] == second["tags"]["data_hash"] == hash_file(ROOT / "data" / "sample_data.csv")
    assert int(second["version"]) > int(first["version"])


def test_pictures_and_model_of_a_run_can_be_had_from_mlflow(
    live: LiveLab, two_runs: list[dict[str, Any]], tmp_path: Path
) -> None:
    version = two_runs[0]["version"]
    for picture in ("plots/roc.png", "plots/confusion_matrix.png"):
        answer = live.get(Service.MLFLOW, "/get-artifact", params={"run_id": version["run_id"], "path": picture})
        assert answer.content.startswith(b"\x89PNG"), picture

    code = """
import json, sys, mlflow.sklearn, pandas as pd
model = mlflow.sklearn.load_model(f"models:/CreditRiskModel/{sys.argv[1]}", dst_path=sys.argv[3])
rows = pd.read_csv(sys.argv[2]).drop(columns="creditability").head(50)
print(json.dumps([float(p) for p in model.predict_proba(rows)[:, 1]]))
"""
    data = str(ROOT / "data" / "sample_data.csv")
    url = live.config.url(Service.MLFLOW)
    done = live.command(sys.executable, "-c", code, version["version"], data, str(tmp_path), MLFLOW_TRACKING_URI=url)
    risks = json.loads(done.stdout.splitlines()[-1])
    assert len(risks) == 50
    assert all(0 < risk < 1 for risk in risks)
    assert len(set(risks)) > 10


def test_every_step_of_a_run_has_its_entries_and_the_chain_is_intact(
    live: LiveLab, two_runs: list[dict[str, Any]]
) -> None:
    for result in two_runs:
        run_id = result["run"]["run_id"]
        seen = [(entry.action, entry.status) for entry in live.entries_of(run_id)]
        assert [pair for pair in seen if pair[0] in STEPS] == [
            (step, status) for step in STEPS for status in (Status.STARTED, Status.SUCCESS)
        ]
        tags = result["version"]["tags"]
        vouching = next(entry for entry in live.entries_of(run_id) if entry.seq == int(tags["audit_seq"]))
        assert vouching.hash == tags["audit_hash"]
    found = live.verified()
    assert found.intact, found.faults
    assert not found.unfinished


def test_dagster_shows_job_steps_and_schedule(live: LiveLab) -> None:
    query = """query($job: PipelineSelector!, $schedule: ScheduleSelector!) {
      pipelineOrError(params: $job) {... on Pipeline {name isJob solids {name}}}
      scheduleOrError(scheduleSelector: $schedule) {
        ... on Schedule {name cronSchedule pipelineName scheduleState {status}}}
    }"""
    found = live.graphql(
        query, job={**REPOSITORY, "pipelineName": JOB}, schedule={**REPOSITORY, "scheduleName": SCHEDULE}
    )

    assert found["pipelineOrError"]["name"] == JOB
    assert {step["name"] for step in found["pipelineOrError"]["solids"]} == set(STEPS)
    schedule = found["scheduleOrError"]
    assert (schedule["name"], schedule["pipelineName"]) == (SCHEDULE, JOB)
    assert schedule["cronSchedule"] == "0 */6 * * *"
    # As the lab's settings have it.
    assert schedule["scheduleState"]["status"] == "STOPPED"


def test_a_launch_as_the_ui_makes_it_runs_and_is_audited(live: LiveLab) -> None:
    run_id = launch(live)

    assert live.finished(run_id) == "SUCCESS"
    ended = {entry.action: entry for entry in live.entries_of(run_id) if entry.status is Status.SUCCESS}
    assert set(ended) == set(STEPS)
    assert {entry.owner for entry in ended.values()} == {live.config.actor.owner}
    assert run_tags(live, run_id)[OWNER_TAG] == live.config.actor.owner


def test_dagsters_own_command_line_launches_the_job(live: LiveLab) -> None:
    spec = json.loads((live.home / "config" / "dagster-daemon.json").read_text())
    workspace = str(live.home / "dagster" / "workspace.yaml")
    before = set(live.run_ids())

    argv = ["-m", "dagster", "job", "launch", "-w", workspace, "-l", "pipelines", "-j", JOB]
    # In the project's folder, as a user would, though Dagster's processes run elsewhere.
    live.command(sys.executable, *argv, **spec["environment"])

    [run_id] = eventually(lambda: set(live.run_ids()) - before, 60, "the launched run")
    assert live.finished(run_id) == "SUCCESS"
    assert {entry.action for entry in live.entries_of(run_id)} >= set(STEPS)


def test_prometheus_has_every_target_up(live: LiveLab) -> None:
    def targets() -> dict[str, str]:
        found = live.get(Service.PROMETHEUS, "/api/v1/targets").json()["data"]["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in found}

    expected = set(scrape_targets(live.config, here(live)))
    eventually(lambda: set(targets().values()) == {"up"}, 60, "every target up")
    assert set(targets()) == expected


@pytest.mark.parametrize("service", [Service.DRIFT_MONITOR, Service.DAGSTER_METRICS, Service.GOVERNANCE_METRICS])
def test_promtool_accepts_what_an_exporter_of_the_lab_says(
    live: LiveLab, two_runs: list[dict[str, Any]], service: Service
) -> None:
    """With runs, versions and a trail in the lab, so that every metric has something to say."""
    assert complaints(live.get(service, "/metrics").text) == []


@pytest.mark.parametrize("host", ["evil.example", "mlflow:5000", "127.0.0.1.evil.example"])
def test_mlflow_refuses_a_foreign_host_header(live: LiveLab, host: str) -> None:
    path = "/api/2.0/mlflow/registered-models/search"

    assert live.get(Service.MLFLOW, path, headers={"Host": host}).status_code == 403
    assert live.get(Service.MLFLOW, path).status_code == 200


@pytest.mark.parametrize(("key", "secret"), [("pipeline", "wrong"), ("admin", "wrong"), ("nobody", "x"), ("", "")])
def test_the_store_refuses_wrong_credentials(live: LiveLab, key: str, secret: str) -> None:
    url = live.config.url(Service.OBJECT_STORE)
    if key:
        with pytest.raises(LabError, match=r"refused|not in the object store"):
            S3.connect(url, key, secret).get(live.config.data_bucket, "current.json")
    else:
        assert httpx.get(f"{url}/{live.config.data_bucket}/current.json", trust_env=False).status_code == 403


def test_an_identity_can_do_no_more_than_it_needs(live: LiveLab) -> None:
    reader, pipeline = (S3.of_lab(live.config, name) for name in (READER, PIPELINE))
    with pytest.raises(LabError, match="refused"):
        reader.put(live.config.data_bucket, "from-a-reader", b"x")
    with pytest.raises(LabError, match="refused"):
        S3.of_lab(live.config, "mlflow").get(live.config.audit_bucket, "x")
    with pytest.raises(Exception, match="AccessDenied"):
        pipeline.client.delete_object(Bucket=live.config.audit_bucket, Key=live.config.audit_prefix + "x")


@pytest.mark.parametrize(
    ("user", "secret", "database"),
    [
        ("postgres", "wrong", "postgres"),
        ("dagster", "wrong", "dagster"),
        ("mlflow", "", "mlflow"),
        ("mlflow", "mlflow_db", "dagster"),
        ("dagster", "dagster_db", "mlflow"),
    ],
)
def test_postgres_refuses_wrong_passwords_and_foreign_databases(
    live: LiveLab, user: str, secret: str, database: str
) -> None:
    password = getattr(live.config.secrets, secret, secret)
    with pytest.raises(psycopg2.OperationalError, match=r"password|permission denied"):
        psycopg2.connect(
            host=LOOPBACK,
            port=live.config.port(Service.POSTGRES),
            user=user,
            password=password,
            dbname=database,
            connect_timeout=10,
        )
