"""Takes MLflow's newest schema migration back, so that a database is as an earlier version made it: a program."""

import os
import sys

from alembic import command
from mlflow.store.db.utils import _get_alembic_config
from sqlalchemy import create_engine


def main(url: str, revision: str) -> None:
    """`url` is the database's without its password, which PGPASSWORD has; `revision` as Alembic names it."""
    engine = create_engine(url)
    config = _get_alembic_config(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


if __name__ == "__main__":
    assert "PGPASSWORD" in os.environ
    main(*sys.argv[1:])
