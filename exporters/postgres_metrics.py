"""Whether PostgreSQL takes connections, asked as `pg_isready` does: without a driver, a password or a login."""

import socket
import struct
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric

from exporters.serve import LabCollector, gauge

INTERVAL_S, TIMEOUT_S = 5.0, 2.0
_PROTOCOL_3 = 196608
_WORDS = (b"user", b"probe", b"database", b"postgres")


def accepts(host: str, port: int, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether the server at that address asks who is there, or lets in; not while it starts, stops or hangs."""
    body = struct.pack("!i", _PROTOCOL_3) + b"".join(word + b"\0" for word in _WORDS) + b"\0"
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(struct.pack("!i", len(body) + 4) + body)
            # All of it: a connection closed with something unread is one that broke, to the server's log.
            return connection.recv(4096)[:1] == b"R"
    except OSError:
        return False


class PostgresWatch:
    """Asks again and again, so that a server that hangs holds up no scrape; `up` is None before the first answer."""

    def __init__(self, host: str, port: int, timeout_s: float = TIMEOUT_S) -> None:
        self._host, self._port, self._timeout_s = host, port, timeout_s
        self.up: bool | None = None

    def refresh(self) -> None:
        """One question."""
        self.up = accepts(self._host, self._port, self._timeout_s)


class PostgresCollector(LabCollector):
    """The newest answer as a metric."""

    def __init__(self, watch: PostgresWatch) -> None:
        super().__init__()
        self._watch = watch

    def families(self) -> Iterable[Metric]:
        if self._watch.up is not None:
            yield gauge("postgres_up", "1 when PostgreSQL takes connections.", self._watch.up)
