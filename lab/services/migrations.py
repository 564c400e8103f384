"""Brings the tables of Dagster and MLflow to what the installed versions need, by their own commands."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.base.account import LOCALE, SEARCH_PATH
from lab.base.errors import LabError
from lab.services.postgres import Database

# Below the project's folder: the instance whose storage is migrated, its address comes from the environment.
DAGSTER_YAML = Path("stack", "dagster", "dagster.yaml")
# A large table takes its time; one that waits for a lock for ever must not.
_DEADLINE_S = 3600.0
_REVISION = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename = 'alembic_version'"
_TAIL_LINES = 8


def migrate(database: Database, dagster_yaml: Path) -> bool:
    """Migrates the database of Dagster or MLflow; False for one without tables, which its service makes anew.

    Repeated, it changes nothing. Raises LabError with the last lines of what the command said.
    """
    if not database.number(_REVISION):
        return False
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(dagster_yaml, Path(folder) / "dagster.yaml")
        _run(database, _arguments(database), folder)
    return True


def _arguments(database: Database) -> list[str]:
    if database.name == "dagster":
        return ["dagster", "instance", "migrate"]
    # Without its password: a command line can be read by every user of the machine.
    at = f"{database.name}@{database.host}:{database.port}/{database.name}"
    return ["mlflow", "db", "upgrade", f"postgresql+psycopg2://{at}"]


def _run(database: Database, arguments: list[str], folder: str) -> None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=_environment(database, folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(
            f"The migration of database {database.name} took more than {_DEADLINE_S:.0f} s.",
            "Type `invoke logs postgres`: another connection may hold a lock that it waits for.",
        ) from None
    if done.returncode:
        lines = done.stdout.decode(errors="replace").strip().splitlines()[-_TAIL_LINES:]
        tail = "".join(f"\n    {line}" for line in lines) or f" exit code {done.returncode}"
        raise LabError(f"The database of {database.name} can't be migrated:{tail}\n", "Type `invoke logs postgres`.")


def _environment(database: Database, folder: str) -> dict[str, str]:
    return {
        "PATH": SEARCH_PATH,
        "LC_ALL": LOCALE,
        "HOME": folder,
        "TMPDIR": os.environ.get("TMPDIR", tempfile.gettempdir()),
        "PGPASSWORD": database.password,
        "DAGSTER_HOME": folder,
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "POSTGRES_HOST": database.host,
        "POSTGRES_PORT": str(database.port),
    }
