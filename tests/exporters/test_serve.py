import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric

from exporters.exporter_config import ExporterConfig, from_environment
from exporters.poller import Poller
from exporters.serve import REQUEST_THREADS, Exporter, LabCollector, gauge, registry, serve
from lab.base.catalogue import POLL_HEADER, POLL_PATH
from lab.base.errors import LabError, SettingsError
from tests.exporters.exposition import names, parse, value
from tests.support.contracts import MODEL_NAME
from tests.support.ports import reserved_port
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0


class Fixed(LabCollector):
    def families(self) -> Iterable[Metric]:
        yield gauge("lab_answer", "The answer.", 42)


class Broken(LabCollector):
    def families(self) -> Iterable[Metric]:
        yield gauge("lab_half", "Half of an answer.", 21)
        raise RuntimeError("no more")


def config(port: int) -> ExporterConfig:
    return from_environment({"LISTEN_PORT": str(port)})


@contextmanager
def serving(exporter: Exporter) -> Iterator[int]:
    stop = threading.Event()
    with reserved_port() as port:
        thread = threading.Thread(target=serve, args=(exporter, config(port), stop), daemon=True)
        thread.start()
        wait_for_port(port)
        try:
            yield port
        finally:
            stop.set()
            thread.join(DEADLINE_S)
            assert not thread.is_alive()


def wait_for_port(port: int) -> None:
    end = time.monotonic() + DEADLINE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def get(port: int, path: str, method: str = "GET", accept: str = "") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request(method, path, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers.get("Content-Type", "")
    finally:
        connection.close()


def test_metrics_health_and_readiness_are_served() -> None:
    ready = threading.Event()
    with serving(Exporter("test", [Fixed()], [], ready.is_set)) as port:
        status, text, content_type = get(port, "/metrics")
        assert (status, content_type.split(";")[0]) == (200, "text/plain")
        assert value(parse(text), "lab_answer") == 42
        assert "process_resident_memory_bytes" in names(parse(text)) or sys.platform != "linux"
        assert get(port, "/healthz")[:2] == (200, "ok\n")
        assert get(port, "/readyz")[0] == 503
        ready.set()
        assert get(port, "/readyz")[0] == 200
        assert get(port, "/secret")[0] == 404
        assert get(port, "/metrics", "HEAD")[:2] == (200, "")
        assert get(port, "/metrics", "DELETE")[0] == 501


def test_prometheus_gets_the_format_it_asks_for() -> None:
    with serving(Exporter("test", [Fixed()], [], lambda: True)) as port:
        _, text, content_type = get(port, "/metrics", accept="application/openmetrics-text;version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


class Costly(LabCollector):
    """Says what it has to give, and counts how often it is made."""

    made = 0
    names = ("lab_costly",)  # type: ignore[assignment]  # a property is more than a test needs

    def families(self) -> Iterable[Metric]:
        self.made += 1
        return [gauge("lab_costly", "Takes long.", 1)]


def test_who_asks_for_some_metrics_gets_those_and_no_others_are_made() -> None:
    costly = Costly()
    with serving(Exporter("test", [Fixed(), costly], [], lambda: True)) as port:
        _, some, _ = get(port, "/metrics?name[]=lab_answer&name[]=exporter_collect_failures_total")
        assert {one for one in names(parse(some)) if not one.endswith("_created")} == {
            "lab_answer",
            "exporter_collect_failures_total",
        }
        assert costly.made == 0
        assert names(parse(get(port, "/metrics?name[]=lab_costly")[1])) == {"lab_costly"}
        assert {"lab_costly", "lab_answer"} <= set(names(parse(get(port, "/metrics?other=1")[1])))
        assert get(port, "/metrics?name[]=absent")[:2] == (200, "")


def test_a_collector_that_raises_costs_its_own_metrics_only(caplog: pytest.LogCaptureFixture) -> None:
    with serving(Exporter("test", [Fixed(), Broken()], [], lambda: True)) as port:
        status, text, _ = get(port, "/metrics")
    assert status == 200
    assert value(parse(text), "lab_answer") == 42
    assert "lab_half" not in names(parse(text))
    assert "no more" in caplog.text


def test_idle_connections_short_of_the_limit_do_not_stop_a_scrape() -> None:
    with serving(Exporter("test", [Fixed()], [], lambda: True)) as port:
        # One thread may still be busy with the connection that found the port.
        assert get(port, "/healthz")[0] == 200
        idle = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(REQUEST_THREADS - 2)]
        try:
            assert get(port, "/metrics")[0] == 200
        finally:
            for connection in idle:
                connection.close()


def test_a_poller_starts_at_once_and_survives_its_work() -> None:
    rounds, stop = threading.Semaphore(0), threading.Event()

    def work() -> None:
        rounds.release()
        raise RuntimeError("this round failed")

    Poller("test", 0.01, work).start(stop)
    assert all(rounds.acquire(timeout=DEADLINE_S) for _ in range(3))
    stop.set()


def test_an_exporter_says_once_how_often_its_collectors_failed() -> None:
    made = registry(Exporter("test", [Fixed(), Broken(), Broken()], [], lambda: True))
    generate_latest(made)
    text = generate_latest(made).decode()
    assert text.count("# HELP exporter_collect_failures_total ") == 1
    assert value(parse(text), "exporter_collect_failures_total") == 4


def polled(poller: Poller) -> tuple[float, float]:
    """What an exporter says of its poller: `up`, and the time of the last success."""
    samples = parse(generate_latest(registry(Exporter("test", [], [poller], lambda: True))).decode())
    at = "exporter_poller_last_success_timestamp_seconds"
    return value(samples, "exporter_poller_up", poller="test"), value(samples, at, poller="test")


def test_a_poller_whose_round_failed_is_not_up_until_one_succeeds() -> None:
    begin, end, stop = threading.Semaphore(0), threading.Semaphore(0), threading.Event()
    failing = True

    def work() -> None:
        end.release()  # of the round before
        assert begin.acquire(timeout=DEADLINE_S)
        if failing:
            raise KeyError("of an answer that nobody foresaw")

    poller = Poller("test", 0.0, work, clock=lambda: 12.0)
    poller.start(stop)
    assert end.acquire(timeout=DEADLINE_S)
    assert polled(poller) == (1, 0)
    begin.release()
    assert end.acquire(timeout=DEADLINE_S)
    assert polled(poller) == (0, 0)
    assert "KeyError" in poller.trouble
    failing = False
    begin.release()
    assert end.acquire(timeout=DEADLINE_S)
    assert polled(poller) == (1, 12)
    stop.set()
    begin.release()


def test_a_poller_that_hangs_in_a_round_is_not_up() -> None:
    now, free, stop = 100.0, threading.Event(), threading.Event()
    poller = Poller("test", 10.0, lambda: stop.set() if free.wait(DEADLINE_S) else None, 20.0, monotonic=lambda: now)
    poller.start(stop)
    now = 129.0
    assert polled(poller)[0] == 1
    now = 131.0
    assert polled(poller)[0] == 0
    assert "31 s" in poller.trouble
    free.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_poller_whose_thread_has_ended_is_neither_up_nor_healthy() -> None:
    poller = Poller("test", 1.0, sys.exit)
    with serving(Exporter("test", [Fixed()], [poller], lambda: True)) as port:
        eventually(lambda: get(port, "/healthz")[0] == 503, DEADLINE_S, "that the exporter isn't healthy")
        assert get(port, "/healthz")[1] == "poller test: its thread has ended\n"
        assert get(port, "/readyz")[0] == 503
        status, text, _ = get(port, "/metrics")
        assert (status, value(parse(text), "exporter_poller_up", poller="test")) == (200, 0)


def test_a_taken_port_is_an_error_with_a_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LabError, match="PORT_OFFSET"):
            serve(Exporter("test", [], [], lambda: True), config(taken.getsockname()[1]), threading.Event())


def test_a_malformed_number_in_the_environment_is_named() -> None:
    with pytest.raises(SettingsError, match="LISTEN_PORT='many'"):
        from_environment({"LISTEN_PORT": "many"})


@contextmanager
def process(module: str, **environment: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    given = {
        "AWS_ACCESS_KEY_ID": "reader",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        **environment,
    }
    with reserved_port() as port:
        environ = {**os.environ, **given, "LISTEN_PORT": str(port)}
        started = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=environ)
        try:
            wait_for_port(port)
            yield started, port
        finally:
            started.kill()
            started.wait(DEADLINE_S)


@pytest.fixture
def hanging() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "module", ["exporters.drift_monitor", "exporters.dagster_metrics", "exporters.governance_metrics"]
)
def test_an_exporter_whose_sources_hang_serves_and_ends_cleanly_at_sigterm(module: str, hanging: str) -> None:
    sources = {"AWS_ENDPOINT_URL_S3": hanging, "DAGSTER_URL": hanging, "MLFLOW_URL": hanging}
    with process(module, **sources) as (started, port):
        assert get(port, "/healthz")[0] == 200
        status, text, _ = get(port, "/metrics")
        assert status == 200
        samples = parse(text)
        expected = {
            "exporters.drift_monitor": "synthetic_data_check_success",
            "exporters.dagster_metrics": "dagster_webserver_up",
            "exporters.governance_metrics": "governance_ledger_up",
        }
        labels = {"model": MODEL_NAME} if module == "exporters.drift_monitor" else {}
        assert value(samples, expected[module], **labels) == 0
        started.send_signal(signal.SIGTERM)
        assert started.wait(DEADLINE_S) == 0


def test_an_exporter_that_cannot_listen_ends_with_code_1(hanging: str) -> None:
    port = hanging.rpartition(":")[2]
    environment = {**os.environ, "LISTEN_PORT": port}
    command = [sys.executable, "-m", "exporters.dagster_metrics"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=DEADLINE_S, check=False)
    assert ended.returncode == 1
    assert b"PORT_OFFSET" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_round_that_got_nothing_is_no_success() -> None:
    rounds, stop, now = 0, threading.Event(), 5.0

    def work() -> None:
        nonlocal rounds, now
        rounds, now = rounds + 1, now + 1.0
        if rounds == 3:
            stop.set()

    poller = Poller("test", 0.0, work, clock=lambda: now, succeeded=lambda: rounds == 2)
    poller.start(stop)
    eventually(lambda: rounds == 3, DEADLINE_S, "three rounds")
    assert poller.last_success == 7.0


def post(port: int, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("POST", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_round_can_be_asked_for_but_by_no_web_page() -> None:
    rounds: list[int] = []
    first = threading.Event()
    poller = Poller("slow", 3600, lambda: (rounds.append(1), first.set())[0])
    with serving(Exporter("test", [Fixed()], [poller], lambda: True)) as port:
        assert first.wait(DEADLINE_S)
        assert post(port, POLL_PATH, {}) == 404
        assert post(port, "/metrics", {POLL_HEADER: "1"}) == 404
        assert get(port, POLL_PATH)[0] == 404
        assert post(port, POLL_PATH, {POLL_HEADER: "1"}) in {200, 202}
        assert post(port, POLL_PATH, {POLL_HEADER: "1"}) == 200
    assert 2 <= len(rounds) <= 3


def test_two_rounds_never_overlap() -> None:
    begun, go_on = threading.Event(), threading.Event()
    poller = Poller("hung", 3600, lambda: (begun.set(), go_on.wait(DEADLINE_S))[0])
    with serving(Exporter("test", [Fixed()], [poller], lambda: True)) as port:
        assert begun.wait(DEADLINE_S)
        assert post(port, POLL_PATH, {POLL_HEADER: "1"}) == 202
        go_on.set()
