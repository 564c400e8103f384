"""The code location's server, which takes in every edit: `python -m lab.dagster_host.code_server --port 4000`.

One process imports Dagster, watches the code's files and makes the models' steps; it forks the one that loads the
definitions and answers. When files have changed, it makes what differs and forks another: both listen on the port until
the old one, told to stop, has finished what it was asked. Dagster's webserver and daemon see a new server and fetch its
definitions. Code that doesn't load leaves the old definitions in service, and says why in the log; where there are none
yet, its error is served instead.
"""

import argparse
import importlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab.base.source_code import fingerprint, sources, stamps
from lab.dagster_host import source_snapshot
from lab.dagster_host.code_location import Address, is_the_codes, serve
from lab.dagster_host.keeping import kept
from lab.dagster_host.parent_watch import GRACE_S, ParentWatch
from lab.dagster_host.warm_up import take_ahead

# Seconds between two looks at the files, and between those that tell whether a change is complete. Files that were just
# saved are read twice besides, 0.1 s apart.
POLL_S, SETTLED_S = 0.5, 0.1
# Seconds that definitions may take to load, a server to finish what it was asked, and trouble to pass that isn't the
# code's, such as a database that isn't there yet.
LOAD_DEADLINE_S, RETRY_S = 120.0, 2.0
_BAD_CODE = 3
_PRELOADED = ("dagster._grpc.server", "dagster._cli.utils", "dagster_postgres", "psycopg2.extensions")


class Keeper:
    """Keeps one server in service that has the newest code that loads."""

    def __init__(self, address: Address, root: Path = source_snapshot.ROOT) -> None:
        self._address, self._root = address, root
        self._life = ParentWatch()
        self._server: int | None = None
        self._retiring: dict[int, float] = {}
        # Of the code in service, and of the code that was tried last.
        self._served = self._tried = ""
        self._seen: object = None
        self._looked_at: object = None
        self._not_before = 0.0
        self._stopping = False

    def keep(self) -> None:
        """Returns when it was told to stop, by SIGTERM or SIGINT, and every server has ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._stopping:
            self._reap()
            self._look()
            time.sleep(POLL_S if self._seen == self._looked_at else SETTLED_S)
        self._end()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _look(self) -> None:
        seen, before = stamps(self._root), self._seen
        self._seen = seen
        # Of several files that are saved together, the last one is waited for.
        changed = seen == before and seen != self._looked_at
        if (changed or self._server is None) and time.monotonic() >= self._not_before:
            self._looked_at = seen
            self._take_in()

    def _take_in(self) -> None:
        files = sources(self._root)
        code = fingerprint(files)
        if self._server and code == self._served:
            if self._tried != code:
                _say(f"the files are as they were: definitions of code {code[:12]} stay in service")
            self._tried = code
            return
        self._tried = code
        take_ahead(self._root, files)
        pid, status = self._start(lazy=False)
        if status is None:
            self._replace(pid, code)
        elif status != _BAD_CODE:
            self._try_again(status)
        elif self._server and self._served:
            _say(f"code {code[:12]} doesn't load: definitions of code {self._served[:12]} stay in service")
        else:
            _say(f"code {code[:12]} doesn't load, and no other is in service: serving the error")
            pid, status = self._start(lazy=True)
            if status is None:
                self._replace(pid, "")
            else:
                self._try_again(status)

    def _try_again(self, status: int) -> None:
        """Soon, and without an edit: it isn't the code that stood in the way."""
        self._looked_at, self._not_before = None, time.monotonic() + RETRY_S
        if not self._stopping:
            _say(f"no server could be started (exit status {status}): trying again")

    def _replace(self, pid: int, code: str) -> None:
        old, self._server, self._served = self._server, pid, code
        if code:
            _say(f"definitions of code {code[:12]} are in service")
        if old:
            self._retire(old)

    def _start(self, *, lazy: bool) -> tuple[int, int | None]:
        """Forks a server of this code; its process id, and None when it has loaded, or its exit status."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            self._become_server(write, lazy=lazy)
        os.close(write)
        deadline = time.monotonic() + LOAD_DEADLINE_S
        try:
            while not self._stopping and time.monotonic() < deadline:
                if select.select([read], [], [], POLL_S)[0]:
                    if os.read(read, 1):
                        return pid, None
                    return pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        finally:
            os.close(read)
        if not self._stopping:
            _say(f"the code took more than {LOAD_DEADLINE_S:g} s to load")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return pid, -signal.SIGKILL

    def _become_server(self, ready: int, *, lazy: bool) -> None:
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._life.hold()
            serve(self._address, lambda: os.write(ready, b"1"), lazy=lazy)
            status = 0
        except BaseException as err:
            sys.excepthook(*sys.exc_info())
            status = _BAD_CODE if is_the_codes(err) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        if self._server and (ended := os.waitpid(self._server, os.WNOHANG))[0]:
            _say(f"the server ended (exit status {os.waitstatus_to_exitcode(ended[1])}): starting another")
            self._server, self._served = None, ""
        for pid, deadline in list(self._retiring.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self._retiring[pid]
            elif time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)

    def _retire(self, pid: int) -> None:
        os.kill(pid, signal.SIGTERM)
        self._retiring[pid] = time.monotonic() + GRACE_S

    def _end(self) -> None:
        if self._server:
            self._retire(self._server)
            self._server = None
        while self._retiring:
            self._reap()
            time.sleep(POLL_S / 10)


def main(argv: Sequence[str] | None = None) -> None:
    """Serves until it is told to stop; the instance is the one in DAGSTER_HOME."""
    parser = argparse.ArgumentParser(prog="lab.dagster_host.code_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=4000, help="port to listen on")
    arguments = parser.parse_args(argv)
    with kept():
        for name in _PRELOADED:
            importlib.import_module(name)
    Keeper(Address(arguments.host, arguments.port)).keep()


def _say(text: str) -> None:
    print(f"code server: {text}", file=sys.stderr, flush=True)  # noqa: T201 - its log is stderr


if __name__ == "__main__":
    main()
