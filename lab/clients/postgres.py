"""PostgreSQL, as far as the control plane needs it: does a database answer a query, and can it write?"""

import select
import time
from typing import TYPE_CHECKING

from lab.clients.http import NotReady
from lab.clients.libpq import connect
from lab.core.errors import ServiceUnavailable

if TYPE_CHECKING:
    from psycopg2.extensions import connection

_REMEDY = "Type `invoke logs postgres`."
# Writes to the log that every commit needs, and by a sort that is too large for its memory to a file that goes with the
# query: both need room on the disk, and nothing grows.
_QUERY = """
SET work_mem = '64kB';
SELECT pg_logical_emit_message(true, 'lab-probe', '');
SELECT count(*) FROM (SELECT repeat('x', 200) || g FROM generate_series(1, 1000) g ORDER BY 1 OFFSET 1) AS sorted
"""


def check_database(host: str, port: int, database: str, password: str, timeout_s: float = 3.0) -> None:
    """Returns when `database` answers a query that writes, of the role with its name; blocks up to `timeout_s`.

    Raises NotReady while the server starts or recovers, ServiceUnavailable otherwise.
    """
    import psycopg2

    end = time.monotonic() + timeout_s
    link = None
    try:
        # Asynchronous, because a stopped server would hold a blocking connection for ever.
        link = connect(host, port, database, database, password, async_=True)
        _wait(link, end)
        with link.cursor() as cursor:
            cursor.execute(_QUERY)
            _wait(link, end)
    except psycopg2.Error as err:
        said = _reason(err)
        if "starting up" in said or "recovery" in said:
            raise NotReady(f"PostgreSQL is starting: {said}.", _REMEDY) from None
        raise ServiceUnavailable(f"PostgreSQL doesn't serve database {database!r}: {said}.", _REMEDY) from None
    except TimeoutError:
        message = f"PostgreSQL didn't answer a query in database {database!r} within {timeout_s:g} s."
        raise ServiceUnavailable(message, _REMEDY) from None
    finally:
        if link is not None:
            link.close()


def _wait(link: "connection", end: float) -> None:
    from psycopg2.extensions import POLL_OK, POLL_READ

    while (state := link.poll()) != POLL_OK:
        left = end - time.monotonic()
        readers, writers = ([link], []) if state == POLL_READ else ([], [link])
        if left <= 0 or not any(select.select(readers, writers, [], left)):
            raise TimeoutError


def _reason(err: Exception) -> str:
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    if not lines:
        return type(err).__name__
    # libpq puts the address in front and a question to the reader behind.
    return lines[0].rpartition("failed: ")[2].removeprefix("FATAL:").strip().rstrip(".")
