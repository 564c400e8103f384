"""The gRPC server of the code location, in the process that has loaded the definitions."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Address:
    """Where the server listens, and the name of the code location."""

    host: str
    port: int
    location: str = "pipelines"


def is_the_codes(err: BaseException) -> bool:
    """Whether the definitions are to blame, and not a database that isn't there, for example."""
    from dagster_shared.error import DagsterError

    return isinstance(err, DagsterError)


def serve(address: Address, ready: Callable[[], object], *, lazy: bool) -> None:
    """As `dagster api grpc`: loads `pipelines.definitions`, calls `ready`, and answers until SIGTERM.

    Raises DagsterError for code that doesn't load, unless `lazy`: then its error is what is served.
    """
    import logging
    import threading

    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._core.utils import FuturesAwareThreadPoolExecutor
    from dagster._grpc.server import DagsterApiServer, DagsterGrpcServer
    from dagster._utils.log import configure_loggers

    configure_loggers()
    ended, logger, workers = (
        threading.Event(),
        logging.getLogger("dagster.code_server"),
        FuturesAwareThreadPoolExecutor(),
    )

    def stop(*_: object) -> None:
        # Or a second signal in the middle of `set` would wait for the first one for ever.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ended.set()

    origin = LoadableTargetOrigin(
        executable_path=sys.executable, module_name="pipelines.definitions", working_directory=str(Path.cwd())
    )
    servicer = DagsterApiServer(
        server_termination_event=ended,
        logger=logger,
        server_threadpool_executor=workers,
        loadable_target_origin=origin,
        lazy_load_user_code=lazy,
        location_name=address.location,
    )
    server = DagsterGrpcServer(
        server_termination_event=ended,
        dagster_api_servicer=servicer,
        logger=logger,
        threadpool_executor=workers,
        host=address.host,
        port=address.port,
    )
    # Not before: what Dagster imports for the definitions gives SIGTERM the handler of SIGINT.
    signal.signal(signal.SIGTERM, stop)
    ready()
    server.serve()  # type: ignore[no-untyped-call]  # Dagster leaves it unannotated
