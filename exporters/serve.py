"""What all exporters share: an HTTP server, periodic work, collectors that never fail a scrape, and a clean end."""

import logging
import os
import platform
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version
from types import FrameType
from typing import Any, NoReturn, cast
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporters.exporter_config import ExporterConfig, from_environment
from exporters.poller import Poller
from lab.base.catalogue import POLL_HEADER, POLL_PATH
from lab.base.errors import LabError

REQUEST_THREADS = 8
# A client that sends or reads nothing for this long loses its thread.
SOCKET_TIMEOUT_S = 10.0

log = logging.getLogger("exporter")


def gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    """A gauge with one series."""
    return GaugeMetricFamily(name, help_text, value=value)


def gauges(name: str, help_text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """A gauge with one series per value of `label`."""
    return series(name, help_text, [label], (([key], value) for key, value in values.items()))


def series(
    name: str, help_text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    """A gauge with one series per combination of `labels`."""
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def series_total(
    name: str, help_text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> CounterMetricFamily:
    """A counter with one series per combination of `labels`; `name` goes without `_total`."""
    family = CounterMetricFamily(name, help_text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def counter(name: str, help_text: str, value: float) -> CounterMetricFamily:
    """A counter with one series; `name` goes without `_total`."""
    return CounterMetricFamily(name, help_text, value=value)


def counters(name: str, help_text: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    """A counter with one series per value of `label`; `name` goes without `_total`."""
    return series_total(name, help_text, [label], (([key], value) for key, value in values.items()))


class LabCollector(Collector, ABC):
    """A collector whose failure costs its own metrics only, never the whole scrape."""

    def __init__(self) -> None:
        self._failures = 0

    def describe(self) -> Iterable[Metric]:
        """Nothing: otherwise registration would collect, before anything is known."""
        return []

    @property
    def names(self) -> Collection[str]:
        """What its metrics are called, where that is known before they are made; empty: whatever is asked for."""
        return ()

    @property
    def failures(self) -> int:
        """Scrapes that went without this collector's metrics."""
        return self._failures

    def collect(self) -> Iterable[Metric]:
        try:
            return list(self.families())
        except Exception:  # whatever it was, the other collectors' metrics must go out
            self._failures += 1
            log.exception("event=collect-failed")
            return []

    @abstractmethod
    def families(self) -> Iterable[Metric]:
        """The metrics as of now."""


@dataclass(frozen=True)
class Exporter:
    """One exporter's parts; `ready` says whether its metrics mean anything yet."""

    name: str
    collectors: Sequence[Collector]
    pollers: Sequence[Poller]
    ready: Callable[[], bool]

    @property
    def trouble(self) -> str:
        """Which pollers don't go on, and why; empty while all do."""
        return "; ".join(f"poller {one.name}: {one.trouble}" for one in self.pollers if one.trouble)


class SelfCollector(LabCollector):
    """How the exporter itself is: `up` of its scrape says nothing about the threads behind it."""

    def __init__(self, exporter: Exporter) -> None:
        super().__init__()
        self._exporter = exporter

    def families(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("exporter_build_info", "What runs here.", labels=["exporter", "version", "python"])
        info.add_metric([self._exporter.name, _version(), platform.python_version()], 1)
        yield info
        made = (one for one in self._exporter.collectors if isinstance(one, LabCollector))
        failures = sum(one.failures for one in made)
        yield counter("exporter_collect_failures", "Scrapes for which a metric couldn't be made.", failures)
        if pollers := self._exporter.pollers:
            up = {one.name: float(not one.trouble) for one in pollers}
            yield gauges("exporter_poller_up", "0 when the poller ended, hangs or failed.", "poller", up)
            at = {one.name: one.last_success for one in pollers}
            name = "exporter_poller_last_success_timestamp_seconds"
            yield gauges(name, "Unix time at which a round last got what it asked for; 0 means never.", "poller", at)


class Chosen(Collector):
    """The exporter's metrics of these names only: who looks often wants few of them, and each costs its making.

    As Prometheus' own clients do it for `?name[]=`; what tells of the process is left out.
    """

    def __init__(self, exporter: Exporter, names: Collection[str]) -> None:
        self._exporter, self._names = exporter, names

    def collect(self) -> Iterable[Metric]:
        for collector in (*self._exporter.collectors, SelfCollector(self._exporter)):
            own = collector.names if isinstance(collector, LabCollector) else ()
            if not own or not set(self._names).isdisjoint(own):
                yield from filter(self._wanted, collector.collect())

    def _wanted(self, family: Metric) -> bool:
        return family.name in self._names or f"{family.name}_total" in self._names


@cache
def _version() -> str:
    """The lab's version; `source` in an image, which holds the code and not the package."""
    try:
        return version("mlops-lab")
    except PackageNotFoundError:
        return "source"


class MetricsServer(ThreadingHTTPServer):
    """Serves /metrics, /healthz and /readyz with a bounded number of threads."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], exporter: Exporter, registry: CollectorRegistry) -> None:
        self.exporter, self.registry = exporter, registry
        self._free = threading.BoundedSemaphore(REQUEST_THREADS)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Drops the connection when every thread is busy, so that accepting never blocks."""
        if self._free.acquire(timeout=1.0):
            super().process_request(request, client_address)
        else:
            log.warning("event=connection-dropped reason=busy")
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the signature is socketserver's
        """A client that went away is no event; anything else is logged with its cause."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            log.exception("event=request-failed")


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = SOCKET_TIMEOUT_S
    server_version = "mlops-lab"
    sys_version = ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/metrics":
            encoder, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._send(200, encoder(self._chosen(parse_qs(query).get("name[]", ()))), content_type)
        elif path == "/healthz":
            trouble = self.server.exporter.trouble
            self._send(503 if trouble else 200, f"{trouble or 'ok'}\n".encode())
        elif path == "/readyz":
            ready = self.server.exporter.ready() and not self.server.exporter.trouble
            self._send(200 if ready else 503, b"ready\n" if ready else b"not yet\n")
        elif path == "/":
            self._send(200, f"{self.server.exporter.name}: /metrics /healthz /readyz\n".encode())
        else:
            self._send(404, b"There are /metrics, /healthz and /readyz.\n")

    do_HEAD = do_GET  # noqa: N815 - the name is http.server's

    def do_POST(self) -> None:
        # A page in a browser can't send this header to another origin without asking, and nobody answers that here.
        if self.path != POLL_PATH or self.headers.get(POLL_HEADER) is None:
            self._send(404, b"There is nothing to change.\n")
            return
        done = [poller.once_more() for poller in self.server.exporter.pollers]
        self._send(200 if all(done) else 202, b"done\n" if all(done) else b"a round is going on\n")

    def _chosen(self, names: Collection[str]) -> Collector:
        server = self.server
        return Chosen(server.exporter, frozenset(names)) if names else cast("Collector", server.registry)

    def _send(self, code: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is http.server's
        log.debug("event=request " + format, *args)


def registry(exporter: Exporter) -> CollectorRegistry:
    """Everything that one scrape of the exporter gives."""
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    for collector in (*exporter.collectors, SelfCollector(exporter)):
        made.register(collector)
    return made


def serve(exporter: Exporter, config: ExporterConfig, stop: threading.Event) -> None:
    """Answers requests and keeps the pollers going until `stop` is set. Raises LabError when the port can't be had."""
    try:
        server = MetricsServer((config.listen_address, config.listen_port), exporter, registry(exporter))
    except (OSError, OverflowError) as err:
        raise LabError(
            f"Can't listen on {config.listen_address}:{config.listen_port}: {err}.",
            "Free the port or change PORT_OFFSET.",
        ) from None
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.5}, name="http", daemon=True).start()
    log.info("event=started url=http://%s:%d/metrics pid=%d", *server.server_address[:2], os.getpid())
    for poller in exporter.pollers:
        poller.start(stop)
    stop.wait()
    server.shutdown()
    server.server_close()
    log.info("event=stopped")


def main(build: Callable[[ExporterConfig], Exporter]) -> NoReturn:
    """An exporter's whole life as a process: exit code 0 after SIGTERM or SIGINT, 1 when it couldn't start."""
    code = _run(build)
    logging.shutdown()
    # Not by way of the interpreter's end: a poller that writes to the log meanwhile would make that an abort.
    os._exit(code)


def _run(build: Callable[[ExporterConfig], Exporter]) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s level=%(levelname)s %(message)s")
    for chatty in ("botocore", "boto3", "httpx", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        config = from_environment(os.environ)
        serve(build(config), config, stop)
    except LabError as err:
        log.error("event=failed %s", err)
        return 1
    return 0
