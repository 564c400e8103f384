"""Provisions a lab's databases and object store from inside its network, once.

`python -m lab.services.provision_command` prints a line for each thing that it made, and ends with 0.
Everything may be repeated. OBJECT_STORE says whose the buckets are: on AWS (`aws`) they come from Terraform and are
only looked at, and passwords are variables, which ECS takes from Secrets Manager.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.base.errors import LabError, SettingsError
from lab.services import provision_aws
from lab.services.provision import Superuser, provision_buckets, provision_databases
from lab.services.s3 import ADMIN, S3

DEADLINE_S = 90.0
MINIO, AWS = "minio", "aws"
_CLIENTS = ("dagster", "mlflow")


@dataclass(frozen=True)
class BucketSettings:
    """`lab.services.provision.Buckets`, from the environment."""

    data_bucket: str
    artifact_bucket: str
    audit_bucket: str
    audit_prefix: str
    audit_retention_days: int


def provision(environ: Mapping[str, str], deadline_s: float = DEADLINE_S) -> Iterator[str]:
    """What was made, in words. Raises LabError."""
    host, port = _needed(environ, "POSTGRES_HOST"), int(_needed(environ, "POSTGRES_PORT"))
    store, buckets = _needed(environ, "OBJECT_STORE"), _bucket_settings(environ)
    if store == AWS:
        passwords = {name: _needed(environ, f"{name.upper()}_DB_PASSWORD") for name in _CLIENTS}
        password, sslmode = _needed(environ, "POSTGRES_PASSWORD"), _needed(environ, "PGSSLMODE")
        server = Superuser(host, port, password, managed=True, sslmode=sslmode)
        yield from provision_aws.provision(server, passwords, S3.from_environment(), buckets, deadline_s)
        return
    secrets = json.loads(Path(_needed(environ, "PROVISION_SECRETS_FILE")).read_text())
    passwords = {name: secrets[f"{name}_db"] for name in _CLIENTS}
    made = provision_databases(Superuser(host, port, secrets["postgres"]), passwords, deadline_s)
    yield from (f"made database {name}" for name in made)
    endpoint = _needed(environ, "AWS_ENDPOINT_URL_S3")
    admin = S3.connect(endpoint, ADMIN, secrets["s3_admin"])
    made = provision_buckets(admin, buckets, deadline_s, policies=store != MINIO)
    yield from (f"made bucket {name}" for name in made)
    if store == MINIO:
        from lab.services.minio_identities import provision_identities

        yield from provision_identities(endpoint, buckets, secrets)


def main() -> int:
    """Exit code 1 with the reason when something couldn't be made."""
    try:
        for line in provision(os.environ):
            sys.stdout.write(f"{line}\n")
    except (LabError, OSError, ValueError, KeyError) as err:
        sys.stderr.write(f"{type(err).__name__}: {err}\n")
        return 1
    return 0


def _bucket_settings(environ: Mapping[str, str]) -> BucketSettings:
    return BucketSettings(
        data_bucket=_needed(environ, "DATA_BUCKET"),
        artifact_bucket=_needed(environ, "ARTIFACT_BUCKET"),
        audit_bucket=_needed(environ, "AUDIT_BUCKET"),
        audit_prefix=_needed(environ, "AUDIT_LOG_PREFIX"),
        audit_retention_days=int(_needed(environ, "AUDIT_RETENTION_DAYS")),
    )


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingsError(
            f"{name} isn't set.",
            "It is told by `invoke up`, and on AWS by the task's definition in terraform/modules/lab/services.tf.",
        )
    return value


if __name__ == "__main__":
    sys.exit(main())
