import asyncio
import threading
from collections.abc import Callable

import httpx
import pytest

from lab.base.errors import LabError, NotFound, ServiceUnavailable
from lab.services.http import Http
from lab.services.s3_reader import EntryReader, Signer, StoreReader

Handler = Callable[[httpx.Request], httpx.Response]
SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def reader(handler: Handler) -> StoreReader:
    signer = Signer("reader", "secret")
    return StoreReader(Http("http://store:9000", "Object store", 2.0, httpx.MockTransport(handler), "store", signer))


async def test_keys_are_read_from_a_listing_and_only_from_one() -> None:
    asked: list[httpx.Request] = []
    found = "<Prefix>a/</Prefix><Contents><Key>a/&lt;1&gt;.json</Key></Contents>"
    body = f"<ListBucketResult {SPACE}>{found}</ListBucketResult>"

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, text=body)

    assert await reader(serve).keys_after("audit", "a/", "a/0", 7) == ["a/<1>.json"]
    assert dict(asked[0].url.params) == {"list-type": "2", "prefix": "a/", "start-after": "a/0", "max-keys": "7"}
    assert "Credential=reader/" in asked[0].headers["authorization"]


@pytest.mark.parametrize(
    "body",
    [
        "<html><body>hello</body></html>",
        "",
        "{}",
        "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>]><Error>&a;</Error>",
        "\x00",
    ],
)
async def test_anything_else_than_a_listing_is_an_error(body: str) -> None:
    store = reader(lambda _: httpx.Response(200, text=body))
    with pytest.raises(ServiceUnavailable, match="Object store answered a listing with something else"):
        await store.keys_after("audit", "a/", "", 1)


async def test_entities_that_grow_are_not_expanded() -> None:
    nested = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 50}'>" for n in range(1, 12))
    bomb = f"<!DOCTYPE x [<!ENTITY e0 '{'a' * 50}'>{nested}]><ListBucketResult>&e11;</ListBucketResult>"
    store = reader(lambda _: httpx.Response(200, text=bomb))
    with pytest.raises(ServiceUnavailable):
        await store.keys_after("audit", "a/", "", 1)


async def test_what_the_store_says_becomes_our_errors() -> None:
    refused = "<Error><Code>AccessDenied</Code></Error>"
    with pytest.raises(NotFound, match="audit/x is not in the object store"):
        await reader(lambda _: httpx.Response(404)).get("audit", "x")
    with pytest.raises(LabError, match="refused audit/x: AccessDenied"):
        await reader(lambda _: httpx.Response(403, text=refused)).get("audit", "x")
    with pytest.raises(LabError, match="refused audit: 403"):
        await reader(lambda _: httpx.Response(403)).head_bucket("audit")
    with pytest.raises(ServiceUnavailable, match="503"):
        await reader(lambda _: httpx.Response(503)).keys_after("audit", "", "", 1)


async def test_a_thread_reads_through_the_loop_and_is_let_go_when_it_closes() -> None:
    asked, free = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("slow.json"):
            asked.set()
            await free.wait()
        return httpx.Response(200, content=b"body")

    store = StoreReader(Http("http://store:9000", "Object store", 60.0, httpx.MockTransport(serve)))
    entries = EntryReader(store, "audit", "a/", loop, 60.0)
    assert await asyncio.to_thread(entries.read, "a/1.json") == b"body"
    ended = threading.Event()

    def read() -> None:
        try:
            entries.read("a/slow.json")
        finally:
            ended.set()

    waiting = asyncio.create_task(asyncio.to_thread(read))
    await asked.wait()
    entries.close()
    with pytest.raises(BaseException):  # noqa: B017, PT011 - whichever of the two modules' CancelledError
        await waiting
    assert ended.is_set()
    with pytest.raises(LabError, match="closed"):
        entries.read("a/1.json")
    with pytest.raises(LabError, match="Nothing is written here"):
        entries.create("a/1.json", b"")
    await store.aclose()
