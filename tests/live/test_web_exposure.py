"""What docs/web-exposure.md says of each service, asked of a running lab as a foreign page would make a browser ask."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from lab.base.catalogue import LOOPBACK, Service
from tests.support.lab import LiveLab

pytestmark = pytest.mark.lab
EVIL = "http://evil.example"
FOREIGN_HOST = {"Host": "evil.example"}
FOREIGN_PAGE = {"Origin": EVIL}
JSON = {"Content-Type": "application/json"}
PREFLIGHT = FOREIGN_PAGE | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
MLFLOW_CREATE = "/api/2.0/mlflow/experiments/create"
MUTATION = "mutation { reloadWorkspace { __typename } }"


def ask(
    live: LiveLab, service: str, method: str, path: str, headers: Mapping[str, str], **options: Any
) -> httpx.Response:
    """`service` is one of the catalogue, or an internal port of the object store."""
    config = live.config
    if service in set(Service):
        base = config.url(Service(service))
    else:
        base = f"http://{LOOPBACK}:{config.extra_port(Service.OBJECT_STORE, service)}"
    with httpx.Client(base_url=base, trust_env=False, timeout=30) as client:
        return client.request(method, path, headers=headers, **options)


@pytest.mark.parametrize(
    ("service", "path", "status"),
    [
        (Service.DAGSTER, "/server_info", 403),
        (Service.DAGSTER, "/graphql?query={version}", 403),
        (Service.MLFLOW, "/api/2.0/mlflow/registered-models/search", 403),
        (Service.MLFLOW, "/", 403),
        (Service.OBJECT_STORE, "/audit", 403),
        ("filer", "/buckets/", 404),
        ("console", "/api/cluster/topology", 401),
    ],
)
def test_a_foreign_host_gets_nothing(live: LiveLab, service: str, path: str, status: int) -> None:
    assert ask(live, service, "GET", path, FOREIGN_HOST).status_code == status


@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "status"),
    [
        (Service.DAGSTER, "POST", "/graphql", FOREIGN_PAGE | JSON, 403),
        (Service.DAGSTER, "POST", f"/graphql?query={MUTATION}", {"Content-Type": "text/plain"}, 415),
        (Service.DAGSTER, "GET", f"/graphql?query={MUTATION}", {}, 405),
        (Service.DAGSTER, "POST", "/report_asset_materialization/x", FOREIGN_PAGE, 403),
        (Service.MLFLOW, "POST", MLFLOW_CREATE, FOREIGN_PAGE | JSON, 403),
        (Service.MLFLOW, "POST", MLFLOW_CREATE, {"Origin": "null"} | JSON, 403),
        (Service.MLFLOW, "POST", MLFLOW_CREATE, {"Content-Type": "text/plain"}, 400),
        (Service.MLFLOW, "PUT", "/api/2.0/mlflow-artifacts/artifacts/x", FOREIGN_PAGE, 403),
        (Service.OBJECT_STORE, "PUT", "/audit/x", FOREIGN_PAGE, 403),
        ("filer", "POST", "/buckets/data/x", FOREIGN_PAGE, 404),
        ("filer", "DELETE", "/buckets/audit/?recursive=true", FOREIGN_PAGE, 404),
        ("master", "GET", "/dir/assign", FOREIGN_PAGE, 404),
        ("master", "GET", "/col/delete?collection=none", FOREIGN_PAGE, 404),
        (Service.PROMETHEUS, "POST", "/-/quit", FOREIGN_PAGE, 403),
        (Service.PROMETHEUS, "POST", "/-/reload", FOREIGN_PAGE, 403),
        (Service.PROMETHEUS, "POST", "/api/v1/write", FOREIGN_PAGE, 404),
        (Service.ALERTMANAGER, "POST", "/api/v2/silences", FOREIGN_PAGE, 401),
        (Service.ALERTMANAGER, "GET", "/", {"Host": "evil.example"}, 401),
    ],
)
def test_a_foreign_page_changes_nothing(
    live: LiveLab, service: str, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = ask(live, service, method, path, headers, content='{"name": "evil", "query": "{version}"}')
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("service", "path"),
    [
        (Service.DAGSTER, "/graphql?query={version}"),
        (Service.MLFLOW, "/api/2.0/mlflow/registered-models/search"),
        (Service.OBJECT_STORE, "/audit/x"),
        (Service.PROMETHEUS, "/api/v1/query?query=up"),
        (Service.DRIFT_MONITOR, "/metrics"),
        (Service.DAGSTER_METRICS, "/metrics"),
        (Service.GOVERNANCE_METRICS, "/metrics"),
        ("filer", "/buckets/"),
        ("master", "/"),
        ("console", "/login"),
    ],
)
def test_a_foreign_page_reads_nothing(live: LiveLab, service: str, path: str) -> None:
    for method, headers in (("GET", FOREIGN_PAGE), ("OPTIONS", PREFLIGHT)):
        assert "access-control-allow-origin" not in ask(live, service, method, path, headers).headers


def test_programs_and_own_pages_pass(live: LiveLab) -> None:
    dagster, mlflow = live.config.url(Service.DAGSTER), live.config.url(Service.MLFLOW)
    for own in ({}, {"Origin": dagster, "Sec-Fetch-Site": "same-origin"}):
        asked = ask(live, Service.DAGSTER, "POST", "/graphql", JSON | own, content='{"query": "{ version }"}')
        assert asked.json()["data"]["version"]
    found = ask(live, Service.MLFLOW, "GET", "/api/2.0/mlflow/registered-models/search", {"Origin": mlflow})
    assert found.status_code == 200


def test_volumes_give_nothing_without_a_token(live: LiveLab) -> None:
    assert ask(live, "volume", "GET", "/1,0000000001", {}).status_code in {400, 401, 404}
    assert ask(live, "volume", "POST", "/1,0000000001", {}, content=b"x").status_code in {400, 401}
