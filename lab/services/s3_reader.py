"""Asking the object store with little: signed requests through `Http`, without the memory that boto3 takes."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import unescape

from lab.base.errors import LabError, NotFound, ServiceUnavailable
from lab.config import REGION
from lab.governance.ledger import key_of
from lab.services.http import BadStatus, Http, excerpt

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

# The store's identities that may only read, and write data.
READER, PIPELINE = "reader", "pipeline"
PROBE_KEY = "lab-probe"
# More than fits into the rest of a page for long; what is taken back stays garbage on the disk until it is compacted.
_PROBE_BYTES = 512
_CODE = re.compile(rb"<Code>(\w+)</Code>")
_UPLOAD = re.compile(rb"<UploadId>([^<]+)</UploadId>")


class Signer:
    """Signs requests as AWS wants it (Signature Version 4), by botocore's own code."""

    def __init__(self, access_key: str, secret_key: str, region: str = REGION) -> None:
        from botocore.auth import S3SigV4Auth
        from botocore.credentials import Credentials

        self._signature = S3SigV4Auth(Credentials(access_key, secret_key), "s3", region)

    def __call__(self, request: "httpx.Request") -> "httpx.Request":
        from botocore.awsrequest import AWSRequest

        bare = str(request.url.copy_with(query=None))
        # Given apart, so that names and values are encoded as the signature wants them, not as httpx does.
        signed = AWSRequest(request.method, bare, data=request.content, params=dict(request.url.params))
        self._signature.add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


class StoreReader:
    """One identity's view of a store. Methods raise ServiceUnavailable, NotFound, or LabError when refused."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def head_bucket(self, bucket: str) -> None:
        """Returns when the bucket exists and this identity may use it."""
        try:
            await self._http.head(f"/{bucket}")
        except BadStatus as err:
            raise explained(err, bucket) from None

    async def get(self, bucket: str, key: str) -> bytes:
        """An object's bytes, 8 MB at most."""
        try:
            return await self._http.get_bytes(f"/{bucket}/{quote(key, safe='/~')}")
        except BadStatus as err:
            raise explained(err, f"{bucket}/{key}") from None

    async def keys_after(self, bucket: str, prefix: str, after: str, limit: int) -> list[str]:
        """Up to `limit` (at most 1000) keys under `prefix` that sort after `after`."""
        asked = {"list-type": "2", "prefix": prefix, "start-after": after, "max-keys": str(limit)}
        try:
            body = await self._http.get_bytes(f"/{bucket}", asked)
        except BadStatus as err:
            raise explained(err, bucket) from None
        return self._keys(body)

    async def aclose(self) -> None:
        await self._http.aclose()

    def _keys(self, body: bytes) -> list[str]:
        try:
            root = ElementTree.fromstring(body)  # noqa: S314 - its parser refuses entities that grow
        except ElementTree.ParseError:
            raise self._http.unavailable(f"answered a listing with something else: {excerpt(body)!r}.") from None
        if not root.tag.endswith("ListBucketResult"):
            raise self._http.unavailable(f"answered a listing with something else: {excerpt(body)!r}.")
        return [key.text or "" for item in root if item.tag.endswith("Contents") for key in item if _is_key(key)]


class WriteProbe:
    """Whether one identity can write into a bucket. Nothing is left there: what is uploaded never becomes an object."""

    def __init__(self, http: Http, bucket: str) -> None:
        self.http, self._bucket, self._path = http, bucket, f"/{bucket}/{PROBE_KEY}"

    async def write(self) -> None:
        """Returns when the store took some bytes. Raises ServiceUnavailable, or LabError when it refuses them."""
        try:
            begun = await self.http.send("POST", self._path, {"uploads": ""})
            if not (found := _UPLOAD.search(begun)):
                raise self.http.unavailable(f"answered the begin of an upload with something else: {excerpt(begun)!r}.")
            upload = {"uploadId": unescape(found[1].decode())}
            try:
                await self.http.send("PUT", self._path, {"partNumber": "1"} | upload, bytes(_PROBE_BYTES))
            finally:
                await self.http.send("DELETE", self._path, upload)
        except BadStatus as err:
            if err.status < 500:
                raise explained(err, f"an upload to {self._bucket}") from None
            said = _CODE.search(err.body)
            message = f"{self.http.title} takes nothing new: {said[1].decode() if said else err.status}."
            raise ServiceUnavailable(
                message, "Free its disk if that is full, then type `invoke restart object-store`."
            ) from None


class EntryReader:
    """An `EntryStore` for reading in a thread; the requests run in `loop`, which the reader belongs to."""

    def __init__(
        self, reader: StoreReader, bucket: str, prefix: str, loop: asyncio.AbstractEventLoop, timeout_s: float
    ) -> None:
        """`timeout_s` only guards against a loop that has stopped: each request has its own deadline."""
        self._reader, self._bucket, self._prefix = reader, bucket, prefix
        self._loop, self._timeout_s = loop, timeout_s
        self._asked: Future[Any] | None = None
        self._closed = False

    def create(self, key: str, body: bytes) -> bool:
        raise LabError(f"Nothing is written here: {key} with {len(body)} bytes.")

    def read(self, key: str) -> bytes:
        return self._wait(lambda: self._reader.get(self._bucket, key))

    def keys_after(self, key: str, limit: int) -> list[str]:
        after = key or key_of(self._prefix, 0)
        return self._wait(lambda: self._reader.keys_after(self._bucket, self._prefix, after, limit))

    def close(self) -> None:
        """Ends a call that is under way, so that its thread doesn't outlive the loop."""
        self._closed = True
        if self._asked:
            self._asked.cancel()

    def _wait(self, ask: Callable[[], Awaitable[T]]) -> T:
        if self._closed:
            raise LabError("The store's reader was closed.")

        async def answer() -> T:
            return await ask()

        question = answer()
        try:
            asked: Future[T] = asyncio.run_coroutine_threadsafe(question, self._loop)
        except RuntimeError:
            question.close()
            raise LabError("The store's reader was closed.") from None
        self._asked = asked
        if self._closed:  # while it was being asked
            asked.cancel()
        return asked.result(self._timeout_s)


def explained(err: BadStatus, what: str) -> LabError:
    """What the store's answer to a request for `what` means."""
    if err.status == 404:
        return NotFound(f"{what} is not in the object store.")
    if err.status in {401, 403}:
        said = _CODE.search(err.body)
        return LabError(f"The object store refused {what}: {said[1].decode() if said else err.status}.", err.remedy)
    return err


def _is_key(element: ElementTree.Element) -> bool:
    return element.tag.rpartition("}")[2] == "Key"
