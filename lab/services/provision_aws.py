"""What is made once on AWS: roles and databases. Buckets are Terraform's there, so they are looked at and no more."""

from collections.abc import Iterator, Mapping

from lab.base.errors import LabError, NotFound
from lab.governance.ledger.retention import ENABLED, MODE
from lab.services.provision import Buckets, Superuser, provision_databases
from lab.services.s3 import S3, translated

_APPLY = "Buckets come from Terraform: apply the environment (`invoke deploy --env …`), then run this task again."


def provision(
    server: Superuser, passwords: Mapping[str, str], s3: S3, buckets: Buckets, deadline_s: float
) -> Iterator[str]:
    """What was made or found, in words. Raises LabError for a bucket that is missing or protects entries too little."""
    for name in (buckets.data_bucket, buckets.artifact_bucket, buckets.audit_bucket):
        try:
            s3.head_bucket(name)
        except NotFound:
            raise LabError(f"There is no bucket {name}.", _APPLY) from None
        yield f"found bucket {name}"
    if problem := _problem(s3, buckets):
        raise LabError(f"The audit bucket {buckets.audit_bucket} is weaker than promised: {problem}.", _APPLY)
    yield from (f"made database {name}" for name in provision_databases(server, passwords, deadline_s))


def _problem(s3: S3, buckets: Buckets) -> str:
    """Why entries aren't kept as long as the lab promises; empty when they are. Two requests."""
    from botocore.exceptions import ClientError

    name = buckets.audit_bucket
    with translated(name):
        if s3.client.get_bucket_versioning(Bucket=name).get("Status") != ENABLED:
            return "it keeps no versions"
        try:
            lock = s3.client.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
        except ClientError as err:
            if err.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
                return "new entries aren't locked"
            raise
    default = lock.get("Rule", {}).get("DefaultRetention", {})
    if default.get("Mode") != MODE:
        return "its lock isn't in compliance mode"
    days = int(default.get("Days") or 0) + 365 * int(default.get("Years") or 0)
    wanted = buckets.audit_retention_days
    return f"new entries are locked for {days} days, not {wanted}" if days < wanted else ""
