"""Counts of work, which say more than seconds: files that were opened, and requests that a server got."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_COUNTS: list[Counter[str]] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _COUNTS and event == "open" and isinstance(arguments[0], str):
        for counts in _COUNTS:
            counts[Path(arguments[0]).name] += 1


# Python takes no hook back: this one does nothing while nobody counts.
sys.addaudithook(_note)


@contextmanager
def opened_files() -> Iterator[Counter[str]]:
    """How often files are opened meanwhile, by their names without folders."""
    counts = Counter[str]()
    _COUNTS.append(counts)
    try:
        yield counts
    finally:
        _COUNTS.remove(counts)


@contextmanager
def counting_server(port: int) -> Iterator[list[str]]:
    """The paths that are asked for at a port of this host meanwhile; each is answered by 404."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path.partition("?")[0])
            self.send_error(404)

        do_POST = do_GET  # noqa: N815 - the name is http.server's

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is http.server's
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield asked
        finally:
            server.shutdown()
