"""MinIO's identities: there a bucket's policy speaks of anonymous callers only, so rights belong to the users."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.base.errors import LabError, ServiceUnavailable
from lab.services.provision import Buckets, bucket_policy
from lab.services.s3 import ADMIN, MLFLOW, PIPELINE, READER

if TYPE_CHECKING:
    from urllib3 import PoolManager

_IDENTITIES = (PIPELINE, MLFLOW, READER)


def provision_identities(
    endpoint: str, buckets: Buckets, secrets: Mapping[str, str], http: "PoolManager | None" = None
) -> Iterator[str]:
    """A user with a policy of its own for each identity but the administrator, which is MinIO's root user.

    `secrets` holds `s3_<identity>`; `http` takes the place of the client's own. Raises LabError.
    """
    from minio.credentials.providers import StaticProvider
    from minio.error import MinioAdminException
    from minio.minioadmin import MinioAdmin
    from urllib3.exceptions import HTTPError

    address = urlsplit(endpoint)
    admin = MinioAdmin(
        endpoint=address.netloc,
        credentials=StaticProvider(ADMIN, secrets[f"s3_{ADMIN}"]),
        secure=address.scheme == "https",
        http_client=http,
    )
    try:
        for name in _IDENTITIES:
            admin.user_add(name, secrets[f"s3_{name}"])
            admin.policy_add(f"lab-{name}", policy=identity_policy(buckets, name))
            admin.policy_set(f"lab-{name}", user=name)
            yield f"set up identity {name}"
    except MinioAdminException as err:
        raise LabError(f"MinIO refused an identity: {err}", "Type `invoke logs object-store`.") from None
    except HTTPError as err:
        # The connection, of which the client's own error knows nothing.
        raise ServiceUnavailable(
            f"MinIO doesn't answer at {endpoint}: {err}", "Type `invoke status`, then `invoke logs object-store`."
        ) from None


def identity_policy(buckets: Buckets, identity: str) -> dict[str, Any]:
    """What the buckets' policies say about `identity`, as a policy of its own."""
    arn = f"arn:aws:iam:::user/{identity}"
    statements = [
        {name: value for name, value in statement.items() if name != "Principal"}
        for bucket in (buckets.data_bucket, buckets.artifact_bucket, buckets.audit_bucket)
        for statement in bucket_policy(buckets, bucket)["Statement"]
        if arn in statement["Principal"]["AWS"]
    ]
    return {"Version": "2012-10-17", "Statement": statements}
