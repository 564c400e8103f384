"""The gRPC server of the code location, in the process that has loaded the definitions."""

import signal
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """Where the server listens, and the name of the code location."""

    host: str
    port: int
    location: str = "pipelines"


def is_the_codes(err: BaseException) -> bool:
    """Whether the definitions are to blame, and not a database that isn't there, for example."""
    from dagster import DagsterError

    return isinstance(err, DagsterError)


def serve(address: Address, ready: Callable[[], object], *, lazy: bool) -> None:
    """As `dagster api grpc`: loads `pipelines.definitions`, calls `ready`, and answers until SIGTERM.

    Raises DagsterError for code that doesn't load, unless `lazy`: then its error is what is served.
    """
    import gc
    from threading import Event

    from lab.dagster_host import dagster_private

    dagster_private.log_as_dagster_does()
    ended = Event()

    def stop(*_: object) -> None:
        # Or a second signal in the middle of `set` would wait for the first one for ever.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ended.set()

    # What is made here stays for good: collecting would look at it again and again, the longer the more models.
    gc.disable()
    server = dagster_private.code_server(address.host, address.port, address.location, ended, lazy=lazy)
    gc.freeze()
    gc.enable()
    # Not before: what Dagster imports for the definitions gives SIGTERM the handler of SIGINT.
    signal.signal(signal.SIGTERM, stop)
    ready()
    server.serve()
