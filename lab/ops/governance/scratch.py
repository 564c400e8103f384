"""A bucket like the audit bucket, for what would spoil the real trail for good; it is removed at the end."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lab.clients.provision import bucket_policy
from lab.core.config import LabConfig
from lab.core.errors import LabError
from lab.ops.governance.bench import Bench


@contextmanager
def scratch_bucket(bench: Bench, purpose: str) -> Iterator[LabConfig]:
    """The lab's configuration with a new, empty audit bucket that has the same policy; entries aren't locked in it."""
    config = replace(bench.config, audit_bucket=f"{bench.config.audit_bucket[:50]}-{purpose}")
    name, s3 = config.audit_bucket, bench.admin.client
    _remove(s3, name)
    s3.create_bucket(Bucket=name)
    try:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_policy(Bucket=name, Policy=policy_text(bucket_policy(config, name)))
        yield config
    finally:
        _remove(s3, name)


def policy_text(policy: Mapping[str, Any]) -> str:
    """A bucket policy as the store takes it."""
    return json.dumps(policy, sort_keys=True)


def _remove(s3: Any, name: str) -> None:
    """Removes a scratch bucket, also one that a killed verification left."""
    from botocore.exceptions import ClientError

    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for one in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
        s3.delete_bucket(Bucket=name)
    except ClientError as err:
        if err.response["Error"]["Code"] != "NoSuchBucket":
            raise LabError(f"The scratch bucket {name} can't be removed: {err}.") from None
