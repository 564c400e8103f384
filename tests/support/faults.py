"""Ways in which a service fails, as handlers of `tests.support.played_lab.Services`."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from tests.support.played_lab import Handler


class Flood(httpx.AsyncByteStream):
    """A body of 100 MB; counts what was taken of it."""

    size = 100 << 20

    def __init__(self) -> None:
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken < self.size:
            self.taken += 1 << 16
            yield b"[" + b"0," * ((1 << 15) - 1) + b"0"


class Torn(httpx.AsyncByteStream):
    """A body that ends before the length that was announced."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"data": {"runsOrError": {"res'
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def refused(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


async def hung(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


# How long what hangs is waited for, in seconds: long enough for all others, whose threads may have to wait for a core.
HUNG_S = 2.0
# What each is called, and a word of the reason that a person reads.
FAULTS: dict[str, tuple[Handler, str]] = {
    "refused": (refused, "doesn't listen at"),
    "hung": (hung, f"within {HUNG_S:g} s"),
    "HTML": (lambda _: httpx.Response(200, html="<!DOCTYPE html><html><p>[bold]</p></html>"), ""),
    "500": (lambda _: httpx.Response(500, text="Internal Server Error"), "500"),
    "garbage": (lambda _: httpx.Response(200, content=b'\x00\xff{"data": [}'), ""),
    "truncated": (lambda _: httpx.Response(200, stream=Torn()), "broke off"),
    "huge": (lambda _: httpx.Response(200, stream=Flood()), "more than 8 MB"),
    "redirect": (lambda _: httpx.Response(302, headers={"Location": "http://elsewhere/login"}), "302"),
    "another shape": (lambda _: httpx.Response(200, json={"data": [7], "status": "fine", "model_versions": 3}), ""),
}
