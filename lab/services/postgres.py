"""PostgreSQL: connections that know nothing but what they are given, probes, and whole databases by pg_dump."""

import os
import select
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lab.base.account import LOCALE, SEARCH_PATH
from lab.base.errors import LabError, ServiceUnavailable
from lab.services.http import NotReady

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


_CONNECT_S = 10
# A lock that somebody holds longer than this is a migration at work, which no dump should wait for.
_LOCK_WAIT = "30s"
_DEADLINE_S = 3600.0
# A migration whose command was killed goes on in its own process.
_END_SESSIONS = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
)
# The schema itself stays: made anew it would have another owner, and be part of later dumps.
_EMPTY = """
DO $$ DECLARE one record; BEGIN
  FOR one IN SELECT format('DROP VIEW IF EXISTS %I.%I CASCADE', schemaname, viewname) AS line
    FROM pg_views WHERE schemaname = 'public' LOOP EXECUTE one.line; END LOOP;
  FOR one IN SELECT format('DROP TABLE IF EXISTS %I.%I CASCADE', schemaname, tablename) AS line
    FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE one.line; END LOOP;
  FOR one IN SELECT format('DROP SEQUENCE IF EXISTS %I.%I CASCADE', schemaname, sequencename) AS line
    FROM pg_sequences WHERE schemaname = 'public' LOOP EXECUTE one.line; END LOOP;
  FOR one IN SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', nspname, typname) AS line
    FROM pg_type JOIN pg_namespace AS n ON n.oid = typnamespace
    WHERE nspname = 'public' AND typtype IN ('e', 'd') LOOP EXECUTE one.line; END LOOP;
  FOR one IN SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) AS line
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace
    WHERE nspname = 'public' LOOP EXECUTE one.line; END LOOP;
END $$
"""


@dataclass(frozen=True)
class Database:
    """A database, and the role of the same name that owns it; `tools` is the folder of pg_dump and pg_restore.

    Methods raise ServiceUnavailable when PostgreSQL can't be asked, LabError with its words when it refuses.
    """

    host: str
    port: int
    name: str
    password: str = field(repr=False)
    tools: Path

    def dump(self, target: Path) -> None:
        """Writes the database to `target`, as of one moment; without owners and rights, which belong to one lab."""
        # Not compressed: what it is put into is, and compresses it better.
        argv = ["--format=custom", "--compress=0", "--no-owner", "--no-acl", f"--lock-wait-timeout={_LOCK_WAIT}"]
        self._run("pg_dump", [*argv, f"--file={target}"])

    def restore(self, dump: IO[bytes]) -> None:
        """Loads a dump, which lies in a file, into the empty database; all of it or, on any error, nothing."""
        argv = ["--no-owner", "--no-acl", "--exit-on-error", "--single-transaction", f"--dbname={self.name}"]
        self._run("pg_restore", argv, dump)

    def replace(self, dump: IO[bytes]) -> None:
        """Loads a dump in place of everything that the role made in the database; sessions of the role are ended.

        After an interruption the database may be empty; repeated, it ends as the dump has it.
        """
        self._ask(_END_SESSIONS)
        self._ask(_EMPTY)
        self.restore(dump)

    def number(self, query: str) -> int:
        """The one number that `query` asks for; 0 where its table doesn't exist yet."""
        found = self._ask(query)
        return found if isinstance(found, int) else 0

    def server_version(self) -> str:
        return str(self._ask("SHOW server_version"))

    def _ask(self, query: str) -> object:
        import psycopg2
        from psycopg2.errors import UndefinedTable

        try:
            with closing(
                connect(
                    self.host,
                    self.port,
                    self.name,
                    self.name,
                    self.password,
                    connect_timeout=_CONNECT_S,
                    options="-c statement_timeout=30000",
                )
            ) as link:
                link.autocommit = True
                cursor = link.cursor()
                cursor.execute(query)
                row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None
        except UndefinedTable:
            return None
        except psycopg2.Error as err:
            said = " ".join(str(err).split())
            raise ServiceUnavailable(
                f"PostgreSQL can't be asked about database {self.name}: {said}.", _REMEDY
            ) from None

    def _run(self, program: str, arguments: Sequence[str], stdin: IO[bytes] | None = None) -> None:
        environment = {
            "PATH": SEARCH_PATH,
            "LC_ALL": LOCALE,
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.name,
            "PGDATABASE": self.name,
            "PGPASSWORD": self.password,
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
            "PGCONNECT_TIMEOUT": str(_CONNECT_S),
        }
        argv = [str(self.tools / program), "--no-password", *arguments]
        try:
            done = subprocess.run(
                argv,
                env=environment,
                stdin=stdin or subprocess.DEVNULL,
                capture_output=True,
                timeout=_DEADLINE_S,
                check=False,
            )
        except OSError as err:
            raise LabError(f"Can't start {argv[0]}: {err.strerror}.", "Type `uv sync`.") from None
        except subprocess.TimeoutExpired:
            raise ServiceUnavailable(f"{program} of {self.name} took more than {_DEADLINE_S:.0f} s.", _REMEDY) from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            raise LabError(f"{program} of database {self.name} failed: {said}", _REMEDY)
