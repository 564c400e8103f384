"""Whole databases through PostgreSQL's own pg_dump and pg_restore, each as the role that owns the database."""

import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lab.clients.libpq import connect
from lab.core.account import LOCALE, SEARCH_PATH
from lab.core.errors import LabError, ServiceUnavailable

_CONNECT_S = 10
# A lock that somebody holds longer than this is a migration at work, which no dump should wait for.
_LOCK_WAIT = "30s"
_DEADLINE_S = 3600.0
_REMEDY = "Type `invoke logs postgres`."


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
                cursor = link.cursor()
                cursor.execute(query)
                row = cursor.fetchone()
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
