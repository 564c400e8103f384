"""The object store, through the S3 API."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from lab.base.catalogue import Service
from lab.base.errors import LabError, NotFound, ServiceUnavailable
from lab.config import REGION, LabConfig
from lab.governance.ledger import PAGE, Copies, Lock, key_of

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_s3 import S3Client

ADMIN, PIPELINE, MLFLOW, READER = "admin", "pipeline", "mlflow", "reader"
_ABSENT = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}
_TAKEN = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


@dataclass(frozen=True)
class Version:
    """What was written under a key at some time, or a marker that says it was deleted."""

    key: str
    version: str
    latest: bool
    marker: bool = False


@dataclass(frozen=True)
class Content:
    """An object's bytes as a stream of `size`, and what is stored with them."""

    body: IO[bytes]
    size: int
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class S3:
    """One identity's view of the store. Methods raise ServiceUnavailable, NotFound, or LabError when refused."""

    def __init__(self, client: "S3Client") -> None:
        self.client = client

    @classmethod
    def connect(cls, endpoint: str, access_key: str, secret_key: str, timeout_s: float = 5.0) -> "S3":
        """A client for a store at `endpoint`, which no variable or file of AWS's own changes; makes no request."""
        identity = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
        return cls(_client(_bare_session(), timeout_s, endpoint_url=endpoint, region_name=REGION, **identity))

    @classmethod
    def from_environment(cls, timeout_s: float = 5.0) -> "S3":
        """A client from boto3's own variables (AWS_ENDPOINT_URL_S3, AWS_DEFAULT_REGION, …); makes no request."""
        import boto3

        session = boto3.Session()
        return cls(_client(session, timeout_s, region_name=session.region_name or REGION))

    @classmethod
    def of_lab(cls, config: LabConfig, identity: str, timeout_s: float = 5.0) -> "S3":
        """The lab's store as `identity`: admin, pipeline, mlflow or reader."""
        secret = getattr(config.secrets, f"s3_{identity}")
        return cls.connect(config.url(Service.OBJECT_STORE), identity, secret, timeout_s)

    def head_bucket(self, bucket: str) -> None:
        """Returns when the bucket exists and this identity may use it."""
        with translated(bucket):
            self.client.head_bucket(Bucket=bucket)

    def get(self, bucket: str, key: str) -> bytes:
        with translated(f"{bucket}/{key}"):
            return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def lines(self, bucket: str, key: str) -> Iterator[str]:
        """The object's text by line, streamed; bytes that aren't UTF-8 become U+FFFD."""
        with translated(f"{bucket}/{key}"):
            body = self.client.get_object(Bucket=bucket, Key=key)["Body"]
            for line in body.iter_lines(keepends=True):
                yield line.decode("utf-8", errors="replace")

    def put(self, bucket: str, key: str, body: bytes, content_type: str = "application/json") -> None:
        with translated(f"{bucket}/{key}"):
            self.client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)

    def create(self, bucket: str, key: str, body: bytes) -> bool:
        """Writes an object unless one is there; returns False when one is (`If-None-Match: *`)."""
        from botocore.exceptions import ClientError

        with translated(f"{bucket}/{key}"):
            try:
                self.client.put_object(
                    Bucket=bucket, Key=key, Body=body, ContentType="application/json", IfNoneMatch="*"
                )
            except ClientError as err:
                if _code(err) in _TAKEN:
                    return False
                raise
        return True

    def sha256(self, bucket: str, key: str) -> str:
        """SHA-256 (hex) of the object's bytes, read in pieces."""
        digest = sha256()
        with translated(f"{bucket}/{key}"):
            for piece in self.client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
                digest.update(piece)
        return digest.hexdigest()

    def exists(self, bucket: str, key: str) -> bool:
        try:
            with translated(f"{bucket}/{key}"):
                self.client.head_object(Bucket=bucket, Key=key)
        except NotFound:
            return False
        return True

    def upload(self, bucket: str, key: str, path: Path, content_type: str = "text/csv") -> None:
        """Uploads a file in parts. Raises OSError when the file can't be read."""
        with translated(f"{bucket}/{key}"):
            self.client.upload_file(str(path), bucket, key, ExtraArgs={"ContentType": content_type})

    def download(self, bucket: str, key: str, path: Path) -> None:
        with translated(f"{bucket}/{key}"):
            self.client.download_file(bucket, key, str(path))

    def keys_after(self, bucket: str, prefix: str, after: str, limit: int) -> list[str]:
        """Up to `limit` (at most 1000) keys under `prefix` that sort after `after`."""
        with translated(f"{bucket}/{prefix}"):
            page = self.client.list_objects_v2(Bucket=bucket, Prefix=prefix, StartAfter=after, MaxKeys=limit)
        return [item["Key"] for item in page.get("Contents", [])]

    def objects(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Every key of the bucket that begins with `prefix`, in order, a page of 1000 at a time."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        with translated(bucket):
            for page in pages:
                yield from (item["Key"] for item in page.get("Contents", []))

    @contextmanager
    def opened(self, bucket: str, key: str) -> Iterator[Content]:
        """An object to be read as a stream."""
        with translated(f"{bucket}/{key}"):
            found = self.client.get_object(Bucket=bucket, Key=key)
            with closing(found["Body"]) as body:
                yield Content(
                    cast("IO[bytes]", body), found["ContentLength"], found.get("ContentType", ""), found["Metadata"]
                )

    def put_stream(self, bucket: str, key: str, content: Content) -> None:
        """Writes what can be read only once, a part at a time."""
        from boto3.s3.transfer import TransferConfig

        extra: dict[str, Any] = {"Metadata": dict(content.metadata)}
        extra |= {"ContentType": content.content_type} if content.content_type else {}
        with translated(f"{bucket}/{key}"):
            # In threads it would read ahead, as many parts as it has threads.
            config = TransferConfig(use_threads=False)
            self.client.upload_fileobj(content.body, bucket, key, ExtraArgs=extra, Config=config)

    def get_locked(self, bucket: str, key: str, version: str) -> tuple[bytes, Lock]:
        """A version's bytes, and its lock, which the same answer names to whoever may know."""
        with translated(f"{bucket}/{key}"):
            found = self.client.get_object(Bucket=bucket, Key=key, VersionId=version)
            lock = Lock(
                found.get("ObjectLockMode", ""), found.get("ObjectLockRetainUntilDate"), found.get("LastModified")
            )
            return found["Body"].read(), lock

    def versions_after(
        self, bucket: str, prefix: str, after: tuple[str, str], limit: int
    ) -> tuple[list[Version], tuple[str, str] | None]:
        """Up to `limit` versions and deletion markers, by key, versions newest first; then where to go on, if at all.

        `after` is a key and a version of it; with no version it begins behind all of that key's.
        """
        markers: dict[str, Any] = {
            name: text for name, text in zip(("KeyMarker", "VersionIdMarker"), after, strict=True) if text
        }
        with translated(f"{bucket}/{prefix}"):
            page: Any = self.client.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=limit, **markers)
        rows = [
            Version(row["Key"], row["VersionId"], row["IsLatest"], marker)
            for name, marker in (("Versions", False), ("DeleteMarkers", True))
            for row in page.get(name, [])
        ]
        rest = (page["NextKeyMarker"], page.get("NextVersionIdMarker", "")) if page["IsTruncated"] else None
        return sorted(rows, key=lambda row: row.key), rest


class AuditStore:
    """`lab.governance.ledger.EntryStore` on one bucket and prefix."""

    def __init__(self, s3: S3, bucket: str, prefix: str) -> None:
        self._s3, self._bucket, self._prefix = s3, bucket, prefix

    def create(self, key: str, body: bytes) -> bool:
        return self._s3.create(self._bucket, key, body)

    def read(self, key: str) -> bytes:
        return self._s3.get(self._bucket, key)

    def keys_after(self, key: str, limit: int) -> list[str]:
        # Numbers have twelve digits, so nothing else under the prefix can hide between two of them.
        return self._s3.keys_after(self._bucket, self._prefix, key or key_of(self._prefix, 0), limit)

    def read_version(self, key: str, version: str) -> bytes:
        return self._s3.get_locked(self._bucket, key, version)[0]

    def read_locked(self, key: str, version: str) -> tuple[bytes, Lock]:
        return self._s3.get_locked(self._bucket, key, version)

    def copies_after(self, key: str, limit: int) -> list[Copies]:
        # One more than asked for shows whether the last key has further, older versions.
        rows, rest = self._s3.versions_after(self._bucket, self._prefix, (key, ""), min(limit + 1, PAGE))
        while rest and len({row.key for row in rows}) == 1:
            older, rest = self._s3.versions_after(self._bucket, self._prefix, rest, PAGE)
            rows += older
        found = [_copies(name, list(group)) for name, group in groupby(rows, lambda row: row.key)]
        return found[:-1] if rest else found


def _copies(key: str, rows: list[Version]) -> Copies:
    written = [row.version for row in rows if not row.marker]
    return Copies(key, written[-1] if written else "", len(written), any(row.marker and row.latest for row in rows))


@cache
def _bare_session() -> "Session":
    """A session without environment and files: a profile, proxy, endpoint or CA of the user's is for other stores."""
    import boto3
    from botocore.configprovider import ConstantProvider
    from botocore.session import Session

    known = Session.SESSION_VARIABLES.items()
    defaults = {name: (None, None, default, convert) for name, (_, _, default, convert) in known}
    nowhere = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = Session(session_vars=defaults | nowhere)
    for section in ("s3", "proxies_config"):
        session.get_component("config_store").set_config_provider(section, ConstantProvider({}))
    return boto3.Session(botocore_session=session)


def _client(session: "Session", timeout_s: float, **options: Any) -> "S3Client":
    from botocore.config import Config

    config = Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        retries={"max_attempts": 2, "mode": "standard"},
        s3={"addressing_style": "path"},
        proxies={},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client: S3Client = session.client("s3", config=config, **options)
    return client


def _code(err: Any) -> str:
    return str(err.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns boto3's errors at `what` into NotFound, ServiceUnavailable, or LabError when refused."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    remedy = "Type `invoke status`, then `invoke logs object-store`."
    try:
        yield
    except ClientError as err:
        code, message = _code(err), err.response.get("Error", {}).get("Message", "")
        status = err.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _ABSENT:
            raise NotFound(f"{what} is not in the object store.") from None
        if status >= 500:
            raise ServiceUnavailable(f"The object store failed at {what}: {code} {message}", remedy) from None
        raise LabError(f"The object store refused {what}: {code} {message}", remedy) from None
    except (BotoCoreError, Boto3Error) as err:
        raise ServiceUnavailable(f"The object store doesn't answer ({what}): {err}", remedy) from None
