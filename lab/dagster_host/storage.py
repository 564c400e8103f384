"""Dagster's storage on PostgreSQL that keeps its connections. dagster.yaml names it.

Dagster's own opens one for each question, outside of its webserver: hundreds in a run, and each costs the server and
its client more than the question does.
"""

from collections.abc import Mapping
from typing import Any, cast

from dagster_postgres import DagsterPostgresStorage

# Milliseconds that a statement may take: no bound. Seconds that a connection is kept, and how many there may be for a
# moment beyond the one.
_NO_BOUND, _KEPT_S, _MORE = 0, 3600, 20


class PooledStorage(DagsterPostgresStorage):
    """Keeps a connection for each of its three storages. A process makes its own: it can't be used after a fork."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        look_at_connections()
        for storage in (self.run_storage, self.event_log_storage, self.schedule_storage):
            storage.optimize_for_webserver(_NO_BOUND, _KEPT_S, _MORE)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "PooledStorage":
        # Dagster's own names its class here.
        plain = DagsterPostgresStorage.from_config_value(inst_data, cast("Any", config_value))
        return cls(plain.postgres_url, plain.should_autocreate_tables, inst_data)


def look_at_connections() -> None:
    """Looks at each pooled connection before it is used: after a restart of PostgreSQL the first question would fail.

    As "Disconnect Handling - Pessimistic" in SQLAlchemy's documentation; Dagster passes no `pool_pre_ping` on.
    """
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    if not event.contains(Pool, "checkout", refuse_broken):
        event.listen(Pool, "checkout", refuse_broken)


def refuse_broken(connection: Any, record: Any, _: object) -> None:
    """Raises DisconnectionError, for which the pool makes a new connection."""
    from sqlalchemy.exc import DisconnectionError

    try:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.close()
    except Exception as err:
        # Whatever the driver calls it: a connection that can't answer this is of no use.
        record.invalidate(err)
        raise DisconnectionError from err
