"""The audit bucket's own settings: reading them, and putting them right again."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from lab.governance.ledger import PAGE, seq_of
from lab.governance.ledger.retention import ENABLED, GOVERNANCE, MODE, BucketSettings, Promise, lock_problem
from lab.services.provision import Buckets, audit_policy
from lab.services.s3 import S3, Version, translated

T = TypeVar("T")

MINIO = "minio"
_NONE_SET = {"NoSuchLifecycleConfiguration", "NoSuchBucketPolicy", "ObjectLockConfigurationNotFoundError"}
_THREADS = 8


def promise(buckets: Buckets, object_store: str) -> Promise:
    """What `provision_buckets` promises; on MinIO rights belong to the identities, so that the bucket has no policy."""
    return audit_promise(buckets.audit_bucket, buckets.audit_prefix, buckets.audit_retention_days, object_store)


def audit_promise(bucket: str, prefix: str, days: int, object_store: str) -> Promise:
    """The same, from what an exporter is told."""
    return Promise(days, None if object_store == MINIO else audit_policy(bucket, prefix))


def read_settings(s3: S3, bucket: str) -> BucketSettings:
    """The bucket's settings; four requests. Raises ServiceUnavailable, NotFound, LabError when refused."""
    client = s3.client
    versioning: Any = _asked(bucket, lambda: client.get_bucket_versioning(Bucket=bucket)) or {}
    lock: Any = _asked(bucket, lambda: client.get_object_lock_configuration(Bucket=bucket)) or {}
    lifecycle: Any = _asked(bucket, lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket)) or {}
    policy: Any = _asked(bucket, lambda: client.get_bucket_policy(Bucket=bucket)) or {}
    default: Any = lock.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    rules = [one for one in lifecycle.get("Rules", []) if one.get("Status") == ENABLED]
    return BucketSettings(
        versioning=str(versioning.get("Status", "")),
        lock_mode=str(default.get("Mode", "")),
        lock_days=int(default.get("Days") or 0) + 365 * int(default.get("Years") or 0),
        rules=tuple(str(one.get("ID") or "without a name") for one in rules),
        policy=str(policy.get("Policy", "")),
    )


def restore_settings(admin: S3, buckets: Buckets, object_store: str) -> None:
    """Makes the bucket's settings what the lab promises. Raises LabError."""
    bucket, client, wanted = buckets.audit_bucket, admin.client, promise(buckets, object_store)
    retention: Any = {"DefaultRetention": {"Mode": MODE, "Days": wanted.days}}
    lock: Any = {"ObjectLockEnabled": ENABLED, "Rule": retention}
    with translated(bucket):
        client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
        if wanted.policy is not None:
            client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(wanted.policy, sort_keys=True))
    if read_settings(admin, bucket).rules:
        with translated(bucket):
            client.delete_bucket_lifecycle(Bucket=bucket)


def lengthen_locks(admin: S3, bucket: str, prefix: str, days: int) -> int:
    """Locks every version of every entry for as long as promised, from when it was written; returns how many it took.

    A request for each entry, and another for each that was held for less. Raises LabError.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        return sum(pool.map(lambda one: _lengthened(admin, bucket, one, days), _versions(admin, bucket, prefix)))


def _versions(admin: S3, bucket: str, prefix: str) -> Iterator[Version]:
    after: tuple[str, str] | None = ("", "")
    while after is not None:
        rows, after = admin.versions_after(bucket, prefix, after, PAGE)
        yield from (row for row in rows if not row.marker and seq_of(row.key) is not None)


def _lengthened(admin: S3, bucket: str, one: Version, days: int) -> bool:
    lock = admin.get_locked(bucket, one.key, one.version)[1]
    if not lock.written or not lock_problem(lock, days):
        return False
    until = max(lock.written + timedelta(days=days), lock.until or lock.written)
    retention: Any = {"Mode": MODE, "RetainUntilDate": until}
    with translated(f"{bucket}/{one.key}"):
        admin.client.put_object_retention(
            Bucket=bucket,
            Key=one.key,
            VersionId=one.version,
            Retention=retention,
            # A lock that can be lifted is replaced by one that can't; without it the store refuses to touch it.
            BypassGovernanceRetention=lock.mode == GOVERNANCE,
        )
    return True


def _asked(bucket: str, ask: Callable[[], T]) -> T | None:
    from botocore.exceptions import ClientError

    with translated(bucket):
        try:
            return ask()
        except ClientError as err:
            if err.response.get("Error", {}).get("Code") in _NONE_SET:
                return None
            raise
