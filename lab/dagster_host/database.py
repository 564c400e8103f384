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
# What a run does with the storage of runs, by the names of the methods.
RUN_METHODS = ("fetchall", "fetchone", "handle_run_event", "add_run_tags")
# How Dagster names the methods of its event log that only read.
_QUESTIONS = ("get_", "has_", "fetch_", "can_")


def wait_for_postgres() -> None:
    """Makes this process wait. Dagster gives up on its database after six seconds, which a restart may take.

    A run asks for a connection at each event: nothing is lost when it waits for that, in all for 51 s. A question that
    was under way is asked again. An event that was being written is looked for first, because it may be there.
    """
    from dagster_postgres import PostgresEventLogStorage

    from lab.dagster_host import dagster_private

    dagster_private.retry_connections(8, 0.2)
    runs = dagster_private.run_storage()
    for name in RUN_METHODS:
        setattr(runs, name, _asked_again(getattr(runs, name)))
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
    from lab.dagster_host.dagster_private import complete_event, number_of

    number = number_of(storage, event)
    if number is None:
        return store(storage, event)
    return complete_event(storage, event, number)
