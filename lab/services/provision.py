"""What must exist inside PostgreSQL and the object store before the services that use them start.

A bucket's policy, which says who may do what in it, is made here, too.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from lab.base.catalogue import LOOPBACK, Service
from lab.base.errors import LabError, ServiceUnavailable
from lab.config import LabConfig
from lab.services.postgres import connect
from lab.services.s3 import ADMIN, S3

_POLL_SECONDS = 0.05
_POLICY_VERSION = "2012-10-17"


@dataclass(frozen=True)
class Superuser:
    """How PostgreSQL's superuser is reached; a `managed` server is a cloud's, whose superuser has not all rights."""

    host: str
    port: int
    password: str = field(repr=False)
    managed: bool = False
    sslmode: str = "disable"
    name: str = "postgres"


class Buckets(Protocol):
    """The buckets of a lab, as its configuration has them."""

    @property
    def data_bucket(self) -> str: ...
    @property
    def artifact_bucket(self) -> str: ...
    @property
    def audit_bucket(self) -> str: ...
    @property
    def audit_prefix(self) -> str: ...
    @property
    def audit_retention_days(self) -> int: ...


def provision_databases(server: Superuser, passwords: Mapping[str, str], deadline_s: float = 30.0) -> list[str]:
    """A role with its password, and a database of the same name; returns the databases that it made.

    Raises LabError when the server doesn't accept the superuser in time.
    """
    connection = _connect(server, deadline_s)
    made = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolname FROM pg_roles")
            roles = {row[0] for row in cursor.fetchall()}
            cursor.execute("SELECT datname FROM pg_database")
            databases = {row[0] for row in cursor.fetchall()}
            for name, password in passwords.items():
                _set_role(cursor, name, password, known=name in roles)
                if name not in databases:
                    _make_database(cursor, name, server.managed)
                    made.append(name)
    finally:
        connection.close()
    return made


def _set_role(cursor: Any, name: str, password: str, known: bool) -> None:
    from psycopg2 import sql

    verb = sql.SQL("ALTER" if known else "CREATE")
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
    cursor.execute(statement.format(verb, sql.Identifier(name), sql.Literal(password)))


def _make_database(cursor: Any, name: str, managed: bool) -> None:
    from psycopg2 import sql

    role = sql.Identifier(name)
    if managed:
        # Who is no superuser gives a database only to a role that it may act as.
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
    # Copying files is quicker, and a service may keep none.
    strategy = sql.SQL("" if managed else " STRATEGY file_copy")
    cursor.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}{1}").format(role, strategy))
    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))


def _connect(server: Superuser, deadline_s: float) -> Any:
    import psycopg2

    end = time.monotonic() + deadline_s
    options: dict[str, Any] = {"connect_timeout": 5, "sslmode": server.sslmode}
    while True:
        try:
            connection = connect(server.host, server.port, "postgres", server.name, server.password, **options)
            connection.autocommit = True
            return connection
        except psycopg2.OperationalError as err:
            reason = str(err).strip().splitlines()[-1]
            if "password authentication failed" in reason:
                raise _refused(server) from None
            if time.monotonic() > end:
                raise ServiceUnavailable(
                    f"PostgreSQL doesn't accept connections after {deadline_s:.0f} s: {reason}",
                    "Look at the database and at the way to it." if server.managed else "Type `invoke logs postgres`.",
                ) from None
            time.sleep(_POLL_SECONDS)


def _refused(server: Superuser) -> LabError:
    if server.managed:
        return LabError(
            f"PostgreSQL refuses the password of {server.name}.",
            "Its service changes it by itself, perhaps just now: run this task again, which gets the newest.",
        )
    return LabError(
        "PostgreSQL refuses the password in .env: its data was made with another one.",
        "Put the old .env back, or type `invoke nuke` to start anew.",
    )


def provision_buckets(s3: S3, buckets: Buckets, deadline_s: float = 30.0, policies: bool = True) -> list[str]:
    """The buckets; versioning and Object Lock on the audit bucket. Returns the buckets that it made.

    `policies` says by a policy on each bucket who may do what, for a store whose identities have no rights themselves.
    """
    existing = _buckets(s3, deadline_s)
    made = []
    for bucket in (buckets.data_bucket, buckets.artifact_bucket, buckets.audit_bucket):
        if bucket not in existing:
            _create(s3, bucket, locked=bucket == buckets.audit_bucket)
            made.append(bucket)
        if policies:
            policy = json.dumps(bucket_policy(buckets, bucket), sort_keys=True)
            s3.client.put_bucket_policy(Bucket=bucket, Policy=policy)
    s3.client.put_object_lock_configuration(
        Bucket=buckets.audit_bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": buckets.audit_retention_days}},
        },
    )
    return made


def _create(s3: S3, bucket: str, locked: bool) -> None:
    from botocore.exceptions import ClientError

    try:
        s3.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=locked)
    except ClientError as err:
        # The first of two attempts may have been carried out, and its answer lost.
        if err.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise


def _buckets(s3: S3, deadline_s: float) -> set[str]:
    from botocore.exceptions import BotoCoreError, ClientError

    end = time.monotonic() + deadline_s
    while True:
        try:
            return {bucket["Name"] for bucket in s3.client.list_buckets()["Buckets"]}
        except (BotoCoreError, ClientError) as err:
            if time.monotonic() > end:
                raise ServiceUnavailable(
                    f"The object store doesn't answer after {deadline_s:.0f} s: {err}",
                    "Type `invoke logs object-store`.",
                ) from None
            time.sleep(_POLL_SECONDS)


def bucket_policy(config: Buckets, bucket: str) -> dict[str, Any]:
    """Who may do what in `bucket`: nobody but the administrator may delete an audit entry or change its retention."""
    if bucket == config.audit_bucket:
        return audit_policy(bucket, config.audit_prefix)
    return {"Version": _POLICY_VERSION, "Statement": _data_statements(config, bucket)}


def audit_policy(bucket: str, prefix: str) -> dict[str, Any]:
    """The audit bucket's part of it."""
    return {"Version": _POLICY_VERSION, "Statement": _audit_statements(bucket, prefix)}


def _data_statements(config: Buckets, bucket: str) -> list[dict[str, Any]]:
    read, write = ["s3:GetObject"], ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    rights = {"pipeline": read + write, "reader": read}
    if bucket == config.artifact_bucket:
        rights["mlflow"] = [*read, *write, "s3:DeleteObject"]
    listing = ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
    return [
        statement
        for identity, actions in rights.items()
        for statement in (_allow(identity, listing, bucket), _allow(identity, actions, f"{bucket}/*"))
    ]


def _audit_statements(bucket: str, prefix: str) -> list[dict[str, Any]]:
    """The pipeline may write under keys of the entries' form only, and may copy nothing there.

    The store can't demand a conditional write, so that an entry may get a second version: verification finds those.
    """
    entries = f"{bucket}/{prefix}"
    looking = ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation"]
    settings = ["BucketVersioning", "BucketObjectLockConfiguration", "LifecycleConfiguration", "BucketPolicy"]
    reading = ["s3:GetObject", "s3:GetObjectVersion"]
    copying = {"Null": {"s3:x-amz-copy-source": "false"}}
    return [
        *(_allow(identity, looking, bucket) for identity in ("pipeline", "reader")),
        *(_allow(identity, reading, f"{entries}*") for identity in ("pipeline", "reader")),
        # Whoever verifies reads what protects the entries, too.
        _allow("reader", [f"s3:Get{setting}" for setting in settings], bucket),
        _allow("reader", ["s3:GetObjectRetention"], f"{entries}*"),
        _allow("pipeline", ["s3:PutObject"], f"{entries}{'?' * 12}.json"),
        _allow("pipeline", ["s3:PutObject"], f"{entries}*") | {"Effect": "Deny", "Condition": copying},
    ]


def _allow(identity: str, actions: list[str], resource: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam:::user/{identity}", f"arn:aws:iam::000000000000:user/{identity}"]},
        "Action": actions,
        "Resource": f"arn:aws:s3:::{resource}",
    }


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
