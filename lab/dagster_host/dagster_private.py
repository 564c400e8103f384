"""What the lab uses of Dagster's insides, which no release promises to keep. Nothing else imports them.

Dagster's packages are pinned exactly for it; tests/test_private_interfaces.py says what a new release took away.
Import this where it is used: a daemon and a prefork server begin before Dagster is imported.
"""

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Protocol, Self

from dagster import DagsterInstance, EventLogEntry, serialize_value

# A configured launcher is built of these; `import dagster` has loaded them.
from dagster._config.config_schema import UserConfigSchema
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass
from dagster._serdes.config_class import ConfigurableClassData

if TYPE_CHECKING:
    from dagster._daemon.daemon import DagsterDaemon as DagsterDaemon
    from dagster_postgres import PostgresEventLogStorage
    from dagster_shared.error import SerializableErrorInfo as SerializableErrorInfo
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse

__all__ = ["CheckRunHealthResult", "ConfigurableClassData", "LabLauncher", "LaunchRunContext", "WorkerStatus"]


class Server(Protocol):
    """A gRPC server of definitions."""

    def serve(self) -> None:
        """Answers until its event is set."""
        ...


class LabLauncher(RunLauncher[DagsterInstance], ConfigurableClass):
    """A launcher without configuration; `instance` is the one that it was registered with."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]  # Dagster leaves it unannotated

    @property
    def instance(self) -> DagsterInstance:
        return self._instance

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)


def run_argument(context: LaunchRunContext, instance: DagsterInstance) -> str:
    """The argument of `dagster api execute_run` for a run; raises ValueError when it doesn't say where its code is."""
    from dagster._grpc.types import ExecuteRunArgs

    run, origin = context.dagster_run, context.job_code_origin
    if origin is None:
        raise ValueError(f"Run {run.run_id} doesn't say which code it belongs to.")
    return serialize_value(ExecuteRunArgs(origin, run.run_id, instance.get_ref()))


def execute_run(argument: str) -> None:
    """`dagster api execute_run` in this process; raises SystemExit with its status."""
    from dagster._cli.api import api_cli

    api_cli.main(args=["execute_run", argument], standalone_mode=False)


def log_as_dagster_does() -> None:
    """Gives the loggers of this process the format of Dagster's own processes."""
    from dagster._utils.log import configure_loggers

    configure_loggers()


def code_server(host: str, port: int, location: str, ended: Event, *, lazy: bool) -> Server:
    """The server of `dagster api grpc` for `pipelines.definitions`. Raises DagsterError for code that doesn't load,
    unless `lazy`: then its error is what is served."""
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._core.utils import FuturesAwareThreadPoolExecutor
    from dagster._grpc.server import DagsterApiServer, DagsterGrpcServer

    logger, workers = logging.getLogger("dagster.code_server"), FuturesAwareThreadPoolExecutor()
    servicer = DagsterApiServer(
        server_termination_event=ended,
        logger=logger,
        server_threadpool_executor=workers,
        loadable_target_origin=LoadableTargetOrigin(
            executable_path=sys.executable, module_name="pipelines.definitions", working_directory=str(Path.cwd())
        ),
        lazy_load_user_code=lazy,
        location_name=location,
    )
    # Webserver and daemon ask the same of definitions that stay as they are, about each job one by one.
    for name in ("ExternalJob", "_get_serialized_external_repository_data"):
        setattr(servicer, name, _answered_once(getattr(servicer, name)))
    return DagsterGrpcServer(
        server_termination_event=ended,
        dagster_api_servicer=servicer,
        logger=logger,
        threadpool_executor=workers,
        host=host,
        port=port,
    )


def _answered_once(answer: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a gRPC service that remembers what it answered to which request."""
    lock, known = Lock(), dict[bytes, Any]()

    def remembered(request: Any, *context: Any) -> Any:
        question = request.SerializeToString(deterministic=True)
        # Who asks the same meanwhile waits for the answer, which takes less than making it twice.
        with lock:
            if question not in known:
                known[question] = answer(request, *context)
            return known[question]

    return remembered


def daemons(instance: DagsterInstance, errors: "Callable[[int], deque[Any]]") -> "list[DagsterDaemon[Any]]":
    """The daemons of an instance; each keeps the errors of its heartbeats in `errors(how many)`."""
    from dagster._daemon.controller import create_daemons_from_instance
    from dagster._daemon.daemon import DAEMON_HEARTBEAT_ERROR_LIMIT

    made = list(create_daemons_from_instance(instance))
    for daemon in made:
        daemon._errors = errors(DAEMON_HEARTBEAT_ERROR_LIMIT)
    return made


def with_message(error: "SerializableErrorInfo", message: str) -> "SerializableErrorInfo":
    """The error, which is a named tuple, with other words."""
    return error._replace(message=message)


def run_daemon(make: "Callable[[DagsterInstance], list[DagsterDaemon[Any]]]") -> None:
    """`dagster-daemon`, with these daemons: its command has no option for them."""
    from dagster._daemon import cli, controller

    made = partial(controller.daemon_controller_from_instance, gen_daemons=make)
    cli.daemon_controller_from_instance = made  # type: ignore[attr-defined] # imported there, and called by that name
    cli.main()


@contextmanager
def web_application(
    instance: DagsterInstance, workspace: Path, poll_ms: int, answer: "type[JSONResponse]"
) -> "Iterator[Starlette]":
    """Dagster's web server as an application. Its GraphQL answers are `answer`s; its pages ask every `poll_ms`."""
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver import graphql as pages
    from dagster_webserver.version import __version__
    from dagster_webserver.webserver import DagsterWebserver

    pages.JSONResponse = answer  # type: ignore[attr-defined]  # it isn't meant to be replaced
    with WorkspaceProcessContext(instance, WorkspaceFileTarget([str(workspace)]), __version__) as context:
        yield DagsterWebserver(context, live_data_poll_rate=poll_ms).create_asgi_app()


def run_storage() -> type:
    """The class that keeps runs."""
    from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

    return SqlRunStorage


def retry_connections(attempts: int, factor_s: float) -> None:
    """How often a connection to PostgreSQL is tried; the pauses begin with `factor_s` and double."""
    from dagster_postgres import utils

    utils.retry_pg_connection_fn.__defaults__ = (attempts, factor_s)


def number_of(storage: "PostgresEventLogStorage", event: EventLogEntry) -> int | None:
    """The event's number in the log; None when it isn't there. Its text holds its time to the microsecond."""
    import sqlalchemy as db
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

    with storage._connect() as connection:
        found = connection.execute(
            db.select(db.func.max(Events.c.id)).where(
                Events.c.run_id == event.run_id, Events.c.event == serialize_value(event)
            )
        ).scalar()
    return None if found is None else int(found)


def complete_event(storage: "PostgresEventLogStorage", event: EventLogEntry, number: int) -> None:
    """Writes what isn't there of what Dagster's tables keep by asset and check of the event with this number."""
    from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Checks
    from dagster._core.storage.event_log.schema import AssetEventTagsTable as Tags

    kind = event.dagster_event_type
    if kind in ASSET_EVENTS and event.dagster_event and event.dagster_event.asset_key:
        tagged = _any(storage, Tags.c.event_id == number)
        with storage.index_transaction() as connection:
            if not tagged:
                storage._store_asset_event_tags(connection, [event], [number])
            storage._store_asset_event(connection, event, number)
    if kind in ASSET_CHECK_EVENTS and not _any(storage, Checks.c.evaluation_event_storage_id == number):
        storage.store_asset_check_event(event, number)


def _any(storage: "PostgresEventLogStorage", condition: Any) -> bool:
    import sqlalchemy as db

    with storage._connect() as connection:
        return bool(connection.execute(db.select(db.exists().where(condition))).scalar())
