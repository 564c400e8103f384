"""Whether each service that is down is told of, in which time, and by its own alert alone.

`.venv/bin/python benchmarks/alerts.py [--only SERVICE …] [--json FILE] [--write]` brings up a lab of its own (temporary
home, free ports, removed at the end), tells its Alertmanager of a receiver in this process, and holds down one service
after the other. Takes about twenty minutes; exits with 1 unless each did as docs/alerts.md says.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.lab import Bench  # noqa: E402 - run as a file, it must find the packages first
from docs.tables import filled, table  # noqa: E402
from lab import wiring  # noqa: E402
from lab.base.catalogue import Service  # noqa: E402
from lab.config import LabConfig  # noqa: E402
from tests.support.alert_inbox import Webhook  # noqa: E402

_S = Service
# The alert of each service, and within how many seconds it must arrive: the rule's own time, two rounds of Prometheus
# (5 s each), 5 s of grouping, and what a busy machine needs.
OWN: Mapping[Service, tuple[str, float]] = {
    _S.POSTGRES: ("PostgresDown", 45),
    _S.OBJECT_STORE: ("ServiceDown", 60),
    _S.MLFLOW: ("ServiceDown", 60),
    _S.DAGSTER_CODE: ("DagsterCodeLocationDown", 105),
    _S.DAGSTER: ("DagsterWebserverDown", 60),
    _S.DAGSTER_DAEMON: ("DagsterDaemonDown", 180),
    _S.DRIFT_MONITOR: ("ServiceDown", 60),
    _S.DAGSTER_METRICS: ("ServiceDown", 60),
    _S.GOVERNANCE_METRICS: ("ServiceDown", 60),
}
# Children have time to fire as well, and must not arrive.
_WATCHED_S = 60.0
_RESOLVED_S = 240.0


@dataclass(frozen=True)
class Seen:
    """What happened when a service was down; seconds are from its stop, or from its start, to the message."""

    service: str
    alert: str
    allowed_s: float
    fired_s: float | None
    resolved_s: float | None
    silenced: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def good(self) -> bool:
        on_time = self.fired_s is not None and self.fired_s <= self.allowed_s
        return on_time and self.resolved_s is not None and not self.others


class Trial:
    """One lab whose services are held down, and the receiver that is told."""

    def __init__(self, bench: Bench, config: LabConfig, inbox: Webhook) -> None:
        self._bench, self._config, self._inbox = bench, config, inbox
        self._runtime = wiring.runtime(config)

    def hold_down(self, service: Service) -> Seen:
        """Stops the service, watches what is told, and starts it again."""
        alert, allowed = OWN[service]
        self._until_quiet()
        before = len(self._inbox.messages)
        began = time.monotonic()
        self._runtime.stop([service], 60.0)
        fired = self._heard(alert, service, "firing", before, began, allowed + 60)
        _poll(lambda: False, began + max(allowed, 0) + _WATCHED_S)
        firing = self._firing()
        again = time.monotonic()
        self._bench.invoke("up")
        resolved = self._heard(alert, service, "resolved", before, again, _RESOLVED_S) if fired is not None else None
        told = {name for name, about, status in self._told(before) if status == "firing" and name != alert}
        return Seen(
            service, alert, allowed, fired, resolved, tuple(sorted(firing - told - {alert})), tuple(sorted(told))
        )

    def _told(self, since: int) -> list[tuple[str, str, str]]:
        """Name, service and status of each alert that the receiver was told of."""
        with self._inbox.arrived:
            bodies = [body for _, body in self._inbox.messages[since:]]
        return [
            (one["labels"]["alertname"], one["labels"].get("service", ""), one["status"])
            for body in bodies
            for one in body["alerts"]
        ]

    def _heard(
        self, alert: str, service: Service, status: str, since: int, began: float, allowed: float
    ) -> float | None:
        """Seconds from `began` until that was told; None when it wasn't in time."""
        wanted = (alert, str(service), status)
        there = _poll(lambda: wanted in self._told(since), began + allowed)
        return time.monotonic() - began if there else None

    def _firing(self) -> set[str]:
        url = f"{self._config.url(Service.PROMETHEUS)}/api/v1/alerts"
        alerts = httpx.get(url, trust_env=False, timeout=5).json()["data"]["alerts"]
        return {
            one["labels"]["alertname"]
            for one in alerts
            if one["state"] == "firing" and one["labels"]["severity"] != "none"
        }

    def _until_quiet(self) -> None:
        """Waits until nothing fires or is about to."""
        if not _poll(lambda: not self._firing(), time.monotonic() + _RESOLVED_S):
            raise SystemExit(f"before anything was stopped there fires: {', '.join(sorted(self._firing()))}")


def _poll(condition: Callable[[], bool], until: float) -> bool:
    while not (found := condition()) and time.monotonic() < until:
        time.sleep(0.25)
    return found


def measure(only: Sequence[str]) -> list[Seen]:
    """Holds down each of the services, in a lab of its own."""
    inbox = Webhook()
    with tempfile.TemporaryDirectory() as name, inbox.running():
        url = Path(name) / "url"
        url.write_text(inbox.url)
        url.chmod(0o600)
        chosen = {one: os.environ[one] for one in ("LAB_NAME", "PORT_OFFSET") if one in os.environ}
        bench = Bench(Path(name), ALERT_WEBHOOK_URL_FILE=str(url), **chosen)
        try:
            bench.invoke("up", "demo-run")
            trial = Trial(bench, wiring.load_config(bench.environ), inbox)
            found = []
            for service in [one for one in OWN if not only or one in only]:
                found.append(trial.hold_down(service))
                print(json.dumps(asdict(found[-1])), flush=True)
            return found
        finally:
            bench.invoke("nuke", "--yes")


def drawn(found: Sequence[Seen]) -> str:
    """The table of docs/alerts.md."""

    def seconds(value: float | None) -> str:
        return "–" if value is None else f"{value:.0f} s"

    rows = [
        (
            f"`{one.service}`",
            f"`{one.alert}`",
            f"{one.allowed_s:.0f} s",
            seconds(one.fired_s),
            ", ".join(f"`{name}`" for name in one.silenced) or "none",
            seconds(one.resolved_s),
        )
        for one in found
    ]
    head = ("service", "alert", "allowed", "told after", "fired meanwhile and wasn't told", "end told after its return")
    return table(head, rows)


def main() -> int:
    """Measures, prints, and fills the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = measure(options.only)
    print(drawn(found))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    if options.write:
        path = ROOT / "docs" / "alerts.md"
        path.write_text(filled(path.read_text(), "times", drawn(found)))
    return int(not all(one.good for one in found))


if __name__ == "__main__":
    sys.exit(main())
