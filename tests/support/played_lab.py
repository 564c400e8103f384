"""A configuration for tests whose ports nobody listens on, and a transport that plays all HTTP services of a lab."""

import asyncio
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from lab import wiring
from lab.base.catalogue import Service
from lab.config import LabConfig
from lab.governance.ledger import Entry, Status, key_of, seal
from lab.services.s3_reader import PROBE_KEY
from tests.services.answers import answer, query_name
from tests.support.ports import NEVER_STARTED

Handler = Callable[[httpx.Request], Any]
# Heartbeats and checks in the captured answers are this old at most.
NOW = 1795444700.0
DRIFT = """
synthetic_data_drift_detected{model="CreditRiskModel"} 0.0
synthetic_data_row_count{model="CreditRiskModel"} 1000.0
synthetic_data_last_check_timestamp{model="CreditRiskModel"} 1795444690.0
synthetic_data_check_success{model="CreditRiskModel"} 1.0
synthetic_data_feature_psi{model="CreditRiskModel",feature="age_in_years"} 0.05
synthetic_data_info{model="CreditRiskModel",baseline_hash="b",current_hash="b"} 1.0
synthetic_data_check_interval_seconds 30.0
"""


def config(tmp_path: Path, **environ: str) -> LabConfig:
    """Settings of a lab that was never started, at ports where none is."""
    absent = {"LAB_ENV_FILE": str(tmp_path / "absent"), "LAB_HOME": str(tmp_path / "home")}
    given = {**absent, "PORT_OFFSET": str(NEVER_STARTED), **environ}
    return wiring.load_config(given)


def trail(length: int, prefix: str = "governance/audit/") -> dict[str, bytes]:
    """The objects of an audit trail of that many sound entries."""
    found: dict[str, bytes] = {}
    last: Entry | None = None
    for number in range(length):
        entry = Entry("train_model", Status.SUCCESS, "ada", "ml-engineer", "dev", f"{number:06}", details={"rows": 7})
        last = seal(entry, last)
        found[key_of(prefix, last.seq)] = last.body()
    return found


class Services:
    """Every HTTP service of a lab, healthy unless `broken` says otherwise; counts requests and bytes by service."""

    def __init__(self, lab: LabConfig) -> None:
        self.objects = trail(3)
        self.by_port = {lab.port(s): s for s in Service if lab.url(s).startswith("http:")}
        self.broken: dict[Service, Handler] = {}
        self.uploads: list[str] = []
        self.asked: dict[Service, int] = dict.fromkeys(Service, 0)
        self.sent: dict[Service, int] = dict.fromkeys(Service, 0)
        self.transport = httpx.MockTransport(self._serve)

    def slow(self, service: Service) -> asyncio.Event:
        """Lets `service` answer only when the event is set."""
        free = asyncio.Event()

        async def wait(request: httpx.Request) -> httpx.Response:
            await free.wait()
            answered: httpx.Response = self._own(service)(request)
            return answered

        self.broken[service] = wait
        return free

    def _own(self, service: Service) -> Handler:
        found: Handler = getattr(self, "_" + service.replace("-", "_"))
        return found

    async def _serve(self, request: httpx.Request) -> httpx.Response:
        service = self.by_port[request.url.port or 80]
        self.asked[service] += 1
        handler = self.broken.get(service) or self._own(service)
        answered = handler(request)
        response: httpx.Response = await answered if hasattr(answered, "__await__") else answered
        self.sent[service] += int(response.headers.get("content-length", 0))
        return response

    def _object_store(self, request: httpx.Request) -> httpx.Response:
        if "Signature=" not in request.headers.get("authorization", ""):
            return httpx.Response(403)
        _, _, key = request.url.path.lstrip("/").partition("/")
        if key == PROBE_KEY:
            self.uploads.append(request.method)
            return httpx.Response(200, text="<R><UploadId>a&amp;b</UploadId></R>" if request.method == "POST" else "")
        if key:
            return httpx.Response(200, content=self.objects[key]) if key in self.objects else httpx.Response(404)
        if request.method == "HEAD":
            return httpx.Response(200)
        asked = request.url.params
        found = (name for name in self.objects if name > asked["start-after"])
        items = "".join(f"<Contents><Key>{name}</Key></Contents>" for name in islice(found, int(asked["max-keys"])))
        space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        return httpx.Response(200, text=f"<ListBucketResult {space}>{items}</ListBucketResult>")

    def _dagster(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answer(f"dagster_{query_name(request)}"))

    def _mlflow(self, request: httpx.Request) -> httpx.Response:
        kind = request.url.path.rpartition("mlflow/")[2]
        names = {"registered-models/search": "models", "model-versions/search": "versions", "runs/get": "run"}
        return httpx.Response(200, json=answer(f"mlflow_{names[kind]}"))

    def _prometheus(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/-/ready":
            return httpx.Response(200, text="Prometheus Server is Ready.\n")
        if request.url.path.endswith("/targets"):
            body = answer("prometheus_targets")
            for target in body["data"]["activeTargets"]:
                target["health"] = "up"
            return httpx.Response(200, json=body)
        return httpx.Response(200, json=answer("prometheus_alerts"))

    def _drift_monitor(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=DRIFT)

    def _dagster_metrics(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="dagster_webserver_up 1.0\n")

    def _governance_metrics(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="governance_ledger_entries 3.0\n")

    def _alertmanager(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="OK")

    def _grafana(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/health":
            return httpx.Response(200, json={"database": "ok", "version": "11"})
        known = request.headers["authorization"].startswith("Basic ")
        known = known and request.url.path == "/api/dashboards/uid/mlops-observability"
        return httpx.Response(200 if known else 404, json={})
