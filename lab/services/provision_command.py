"""Provisions a lab's databases and object store from inside its network, once.

`python -m lab.services.provision_command` prints a line for each thing that it made, and ends with 0.
Everything may be repeated.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.base.errors import LabError, SettingsError
from lab.services.provision import Superuser, provision_buckets, provision_databases
from lab.services.s3 import ADMIN, S3

DEADLINE_S = 90.0
MINIO = "minio"


@dataclass(frozen=True)
class BucketSettings:
    """`lab.services.provision.Buckets`, from the environment."""

    data_bucket: str
    artifact_bucket: str
    audit_bucket: str
    audit_prefix: str
    audit_retention_days: int


def provision(environ: Mapping[str, str], secrets: Mapping[str, str], deadline_s: float = DEADLINE_S) -> Iterator[str]:
    """What was made, in words. Raises LabError."""
    server = Superuser(_needed(environ, "POSTGRES_HOST"), int(_needed(environ, "POSTGRES_PORT")), secrets["postgres"])
    passwords = {name: secrets[f"{name}_db"] for name in ("dagster", "mlflow")}
    yield from (f"made database {name}" for name in provision_databases(server, passwords, deadline_s))
    endpoint, store = _needed(environ, "AWS_ENDPOINT_URL_S3"), _needed(environ, "OBJECT_STORE")
    buckets = _bucket_settings(environ)
    admin = S3.connect(endpoint, ADMIN, secrets["s3_admin"])
    made = provision_buckets(admin, buckets, deadline_s, policies=store != MINIO)
    yield from (f"made bucket {name}" for name in made)
    if store == MINIO:
        from lab.services.minio_identities import provision_identities

        yield from provision_identities(endpoint, buckets, secrets)


def main() -> int:
    """Exit code 1 with the reason when something couldn't be made."""
    try:
        secrets = json.loads(Path(_needed(os.environ, "PROVISION_SECRETS_FILE")).read_text())
        for line in provision(os.environ, secrets):
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
        raise SettingsError(f"{name} isn't set.", "Type `invoke up`, which writes what the containers are told.")
    return value


if __name__ == "__main__":
    sys.exit(main())
