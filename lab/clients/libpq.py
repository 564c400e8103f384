"""Connections to PostgreSQL that know nothing but what they are given."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.extensions import connection

# What `connect` says where its caller doesn't; the servers of a lab are on loopback and speak no TLS.
# Of a password file that isn't there libpq says nothing; of /dev/null it does.
_OWN: dict[str, Any] = {
    "sslmode": "disable",
    "gssencmode": "disable",
    "passfile": "/nonexistent",
    "application_name": "mlops-lab",
}


def connect(host: str, port: int, database: str, user: str, password: str, **options: Any) -> "connection":
    """As psycopg2's; `options` are its further ones. Raises psycopg2.Error."""
    import psycopg2

    forget_shell()
    given: dict[str, Any] = {"host": host, "port": port, "dbname": database, "user": user, "password": password}
    link: connection = psycopg2.connect(**(_OWN | given | options))
    return link


def forget_shell() -> None:
    """Takes libpq's variables out of this process: PGSERVICE and PGHOSTADDR would lead to another server, and a
    parameter can't overrule the first."""
    for name in [name for name in os.environ if name.startswith("PG") and name.isupper()]:
        os.environ.pop(name, None)
