"""`mlops-lab alerts` over a real Prometheus whose alerts fire for a moment only."""

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lab.base.catalogue import LOOPBACK, Service
from lab.base.monitoring import Firing
from lab.config import LabConfig
from lab.operations.alert_history import alert_history
from tests.stack.toolbox import program
from tests.support.played_lab import config
from tests.support.ports import reserved_offset
from tests.support.waiting import eventually

# One after the other, each for two seconds in sixteen.
SHORT = {f"Short{number}": f"vector(time() % 16) >= {2 * number} < {2 * number + 2}" for number in range(8)}
ALERTS = {**SHORT, "Lasting": "vector(1)"}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabConfig]:
    with reserved_offset() as offset:
        yield config(tmp_path, PORT_OFFSET=str(offset))


@contextmanager
def prometheus(folder: Path, port: int) -> Iterator[None]:
    """A server that watches nothing and whose alerts fire by the clock."""
    rules = "".join(
        f"  - {{alert: {name}, expr: {expr}, labels: {{severity: warning}}}}\n" for name, expr in ALERTS.items()
    )
    (folder / "rules.yml").write_text(f"groups:\n- name: clock\n  rules:\n{rules}")
    (folder / "prometheus.yml").write_text("global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n")
    options = (f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={LOOPBACK}:{port}")
    argv = [str(program("prometheus")), f"--config.file={folder / 'prometheus.yml'}", *options]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.kill()


def fired(port: int) -> set[str]:
    """The alerts of which Prometheus has any sample."""
    asked = {"query": "count_over_time(ALERTS[5m])"}
    answer = httpx.get(f"http://{LOOPBACK}:{port}/api/v1/query", params=asked, timeout=5).raise_for_status()
    return {one["metric"]["alertname"] for one in answer.json()["data"]["result"]}


def test_an_alert_that_fired_for_a_moment_is_in_the_history(lab: LabConfig, tmp_path: Path) -> None:
    """Its rules are judged five times as often as a lab's, so that a day is as much work for it as a lab's week."""
    port = lab.port(Service.PROMETHEUS)
    with prometheus(tmp_path, port):
        eventually(lambda: fired(port) == set(ALERTS), 120, "every alert", (httpx.HTTPError,))
        looks = [asyncio.run(alert_history(lab, hours)) for hours in (1, 24)]

    for told in looks:
        holds(told)


def holds(told: Sequence[Firing]) -> None:
    assert {one.name for one in told} == set(ALERTS)
    firing = {one.name for one in told if one.resolved_at is None}
    # One of the others may be just at it.
    assert "Lasting" in firing
    assert len(firing) <= 2
    assert all(one.fired_at <= one.resolved_at for one in told if one.resolved_at)
