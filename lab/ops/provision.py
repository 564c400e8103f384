"""What must exist inside PostgreSQL and the object store, made from this machine."""

from lab.clients.provision import Superuser, provision_buckets, provision_databases
from lab.clients.s3 import ADMIN, S3
from lab.core.config import LabConfig
from lab.core.services import LOOPBACK, Service


def provision_postgres(config: LabConfig, deadline_s: float = 30.0) -> list[str]:
    """A role and a database of the same name for Dagster and for MLflow; returns the databases that it made.

    Raises LabError when the server doesn't accept the superuser in time.
    """
    passwords = {"dagster": config.secrets.dagster_db, "mlflow": config.secrets.mlflow_db}
    server = Superuser(LOOPBACK, config.port(Service.POSTGRES), config.secrets.postgres)
    return provision_databases(server, passwords, deadline_s)


def provision_store(config: LabConfig, deadline_s: float = 30.0) -> list[str]:
    """The buckets with their policies; versioning and Object Lock on the audit bucket. Returns the buckets it made."""
    return provision_buckets(S3.of_lab(config, ADMIN, timeout_s=15), config, deadline_s)
