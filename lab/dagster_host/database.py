"""A run and its database: what a run asks and writes outlives a restart of PostgreSQL."""

import functools
import inspect
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster import EventLogEntry
    from dagster_postgres import PostgresEventLogStorage

# Seconds for which a broken write is tried again; each try waits by itself until a connection can be had.
WRITE_DEADLINE_S = 120.0
# How Dagster names the methods of its event log that only read.
_QUESTIONS = ("get_", "has_", "fetch_", "can_")


def wait_for_postgres() -> None:
    """Makes this process wait. Dagster gives up on its database after six seconds, which a restart may take.

    A run asks for a connection at each event: nothing is lost when it waits for that, in all for 51 s. A question that
    was under way is asked again. An event that was being written is looked for first, because it may be there.
    """
    from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
    from dagster_postgres import PostgresEventLogStorage, utils

    utils.retry_pg_connection_fn.__defaults__ = (8, 0.2)
    for name in ("fetchall", "fetchone", "handle_run_event", "add_run_tags"):
        setattr(SqlRunStorage, name, _asked_again(getattr(SqlRunStorage, name)))
    for storage in PostgresEventLogStorage.__mro__:
        ask_again(storage)
    store = written_once(PostgresEventLogStorage.store_event)
    setattr(PostgresEventLogStorage, "store_event", store)  # noqa: B010 - mypy takes an assignment for a mistake


def ask_again(storage: type) -> None:
    """Makes what Dagster asks of its event log, by the names of the methods, outlive a connection that breaks.

    A step that begins looks at the data before it; it must not fail because that question was lost.
    """
    if not storage.__module__.startswith(("dagster.", "dagster_postgres.")):
        return
    for name, method in list(vars(storage).items()):
        if name.startswith(_QUESTIONS) and inspect.isfunction(method):
            setattr(storage, name, _asked_again(method))


def _asked_again(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which is called once more when its connection broke; then a new one is waited for."""
    from sqlalchemy.exc import DBAPIError

    @functools.wraps(method)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return method(*arguments, **options)
        except DBAPIError:
            return method(*arguments, **options)

    return call


def written_once(
    store: "Callable[[PostgresEventLogStorage, EventLogEntry], None]", deadline_s: float = WRITE_DEADLINE_S
) -> "Callable[[PostgresEventLogStorage, EventLogEntry], None]":
    """`store_event`, which goes on where it was when its connection broke. Raises the last error at the deadline."""
    from sqlalchemy.exc import DBAPIError

    @functools.wraps(store)
    def call(storage: "PostgresEventLogStorage", event: "EventLogEntry") -> None:
        attempt, end = store, time.monotonic() + deadline_s
        while True:
            try:
                return attempt(storage, event)
            except DBAPIError as err:
                if not err.connection_invalidated or time.monotonic() > end:
                    raise
                attempt = functools.partial(_finish, store)

    return call


def _finish(
    store: "Callable[[PostgresEventLogStorage, EventLogEntry], None]",
    storage: "PostgresEventLogStorage",
    event: "EventLogEntry",
) -> None:
    """Writes of an event what isn't there: all of it, or what Dagster's tables keep of it by asset and check."""
    from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Checks
    from dagster._core.storage.event_log.schema import AssetEventTagsTable as Tags

    number = _number(storage, event)
    if number is None:
        return store(storage, event)
    kind = event.dagster_event_type
    if kind in ASSET_EVENTS and event.dagster_event and event.dagster_event.asset_key:
        tagged = _any(storage, Tags.c.event_id == number)
        with storage.index_transaction() as connection:
            if not tagged:
                storage._store_asset_event_tags(connection, [event], [number])
            storage._store_asset_event(connection, event, number)
    if kind in ASSET_CHECK_EVENTS and not _any(storage, Checks.c.evaluation_event_storage_id == number):
        storage.store_asset_check_event(event, number)
    return None


def _number(storage: "PostgresEventLogStorage", event: "EventLogEntry") -> int | None:
    """The event's number in the log; None when it isn't there. Its text holds its time to the microsecond."""
    import sqlalchemy as db
    from dagster import serialize_value
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

    with storage._connect() as connection:
        found = connection.execute(
            db.select(db.func.max(Events.c.id)).where(
                Events.c.run_id == event.run_id, Events.c.event == serialize_value(event)
            )
        ).scalar()
    return None if found is None else int(found)


def _any(storage: "PostgresEventLogStorage", condition: Any) -> bool:
    import sqlalchemy as db

    with storage._connect() as connection:
        return bool(connection.execute(db.select(db.exists().where(condition))).scalar())
