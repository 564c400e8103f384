"""Runs in containers of their own: the daemon's side of `stack/isolation/gate.py`, which alone speaks to the engine.

Has the methods of `lab.dagster_host.prefork_client.PreforkServer`, so one run launcher serves both.
"""

import json
import logging
import os
import threading
import urllib.request
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.error import HTTPError

from lab.dagster_host import run_events
from lab.dagster_host.prefork_client import Watch

# Set for a daemon whose runs get containers: http://host:port of the gate.
GATE_VARIABLE = "RUN_GATE_URL"
_ANSWER_S, _POLL_S = 90.0, 1.0
_LOG = logging.getLogger("dagster.daemon.ContainerServer")


class ContainerServer:
    """Starts runs through the gate and tells how they end. Threads may share it."""

    def __init__(self, url: str, poll_s: float = _POLL_S) -> None:
        self._url, self._poll_s = url.rstrip("/"), poll_s
        self._lock = threading.Lock()
        self._watches: dict[str, Watch] = {}
        self._started: set[str] = set()
        self._looking: threading.Thread | None = None
        self._closed = threading.Event()

    def launch(self, run_id: str, argument: str, watch: Watch) -> None:
        """Has a container started that executes the run; `watch` gets its events, in another thread. Raises OSError."""
        with self._lock:
            self._watches[run_id] = watch
        try:
            self._ask("POST", f"/runs/{run_id}", {"argument": argument})
        except OSError:
            with self._lock:
                self._watches.pop(run_id, None)
            raise
        with self._lock:
            self._started.add(run_id)
        watch(run_events.started(run_id, f"container of run {run_id}"))
        self._look()

    def interrupt(self, run_id: str) -> bool:
        """Has SIGTERM sent to a run; False when it has no container, or the gate doesn't answer."""
        try:
            self._ask("POST", f"/runs/{run_id}/stop")
        except OSError:
            return False
        return True

    def runs(self) -> frozenset[str]:
        """The runs that have a container and may be under way, also those that an earlier daemon launched.

        Raises OSError when nobody can tell.
        """
        self._look()
        with self._lock:
            launched = set(self._watches)
        return frozenset(launched | {run_id for run_id, state in self._states().items() if state["running"]})

    def close(self) -> None:
        """Stops looking after the runs, which go on."""
        self._closed.set()
        if self._looking:
            self._looking.join(_ANSWER_S)

    def _look(self) -> None:
        with self._lock:
            if self._looking is None:
                self._looking = threading.Thread(target=self._poll, name="run-containers", daemon=True)
                self._looking.start()

    def _poll(self) -> None:
        blind = False
        while not self._closed.wait(self._poll_s):
            try:
                self._look_once()
                blind = False
            except Exception:
                # The gate, the engine behind it or the database may be away for a while; the runs go on.
                if not blind:
                    _LOG.warning("Can't see, or can't say, how runs in containers are doing.", exc_info=True)
                blind = True

    def _look_once(self) -> None:
        """Tells of ended runs, and has their containers removed."""
        with self._lock:
            started = set(self._started)
        states = self._states()
        for run_id, state in states.items():
            if not state["running"]:
                self._tell(run_id, state["reason"] or state["code"])
                self._ask("DELETE", f"/runs/{run_id}")
        for run_id in started - states.keys():
            self._tell(run_id, "its container is gone")

    def _tell(self, run_id: str, code: object) -> None:
        with self._lock:
            watch = self._watches.get(run_id)
        if watch:
            watch(run_events.ended(run_id, code))
        # Not before: what fails above is tried again.
        with self._lock:
            self._watches.pop(run_id, None)
            self._started.discard(run_id)

    def _states(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self._ask("GET", "/runs")
        return found

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        """Raises OSError with the gate's words."""
        data = json.dumps(body).encode() if body is not None else b"" if method == "POST" else None
        request = urllib.request.Request(  # noqa: S310 - the gate's address
            self._url + path, data, {"Content-Type": "application/json"}, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_ANSWER_S) as answer:
                return json.loads(answer.read())
        except HTTPError as err:
            raise OSError(f"the gate answered {err.code}: {err.read().decode(errors='replace')}") from None


def gate_url() -> str:
    """Where this process's runs get their containers; empty where they are forked."""
    return os.environ.get(GATE_VARIABLE, "")


@lru_cache(maxsize=1)
def server(url: str) -> ContainerServer:
    """The one of this process: of two, each would remove containers that the other one is to tell of."""
    return ContainerServer(url)
