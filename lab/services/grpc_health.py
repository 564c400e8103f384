"""The standard gRPC health check, spoken directly over HTTP/2.

One request with fixed headers needs no gRPC library, which would cost the dashboard 20 MB and its threads.
Frames are RFC 9113, headers are RFC 7541 without compression, messages are grpc.health.v1.
"""

import asyncio
import struct
from contextlib import suppress

from lab.base.errors import ServiceUnavailable
from lab.services.http import NotReady

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_SERVING = 1
_MAX_FRAME = 1 << 14


async def check_serving(host: str, port: int, service: str, title: str, remedy: str, timeout_s: float = 3.0) -> None:
    """Returns when `service` says that it serves; raises NotReady when it says otherwise, else ServiceUnavailable."""
    where = f"{host}:{port}"
    try:
        async with asyncio.timeout(timeout_s):
            status = await _ask(host, port, service)
    except TimeoutError:
        raise ServiceUnavailable(f"{title} didn't answer at {where} within {timeout_s:g} s.", remedy) from None
    except ConnectionRefusedError:
        raise ServiceUnavailable(f"{title} doesn't listen at {where}.", remedy) from None
    except (OSError, EOFError, ValueError) as err:
        raise ServiceUnavailable(f"{title} at {where} broke off the health check: {err}.", remedy) from None
    if status != _SERVING:
        raise NotReady(f"{title} answers, but says that it doesn't serve yet.", remedy)


async def _ask(host: str, port: int, service: str) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0) + _request(f"{host}:{port}", service))
        await writer.drain()
        return await _answer(reader, writer)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """The serving status in the first message on the stream; ValueError when the stream ends without one."""
    message = b""
    while True:
        head = await reader.readexactly(9)
        length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        if length > _MAX_FRAME:
            raise ValueError("something else than gRPC listens there")
        payload = await reader.readexactly(length)
        if kind == _SETTINGS and not flags & _ACK:
            writer.write(_frame(_SETTINGS, _ACK, 0))
        elif kind == _DATA:
            message += payload
            if len(message) >= 5 and len(message) >= 5 + int.from_bytes(message[1:5]):
                return _status(message[5:])
        if kind in {_RST_STREAM, _GOAWAY} or (kind in {_DATA, _HEADERS} and flags & _END_STREAM):
            raise ValueError("it has no such health check")


def _request(authority: str, service: str) -> bytes:
    # Static table: 3 = POST, 6 = http, 4 = :path, 1 = :authority, 31 = content-type.
    headers = b"\x83\x86\x04" + _text("/grpc.health.v1.Health/Check") + b"\x01" + _text(authority)
    headers += b"\x0f\x10" + _text("application/grpc") + b"\x00" + _text("te") + _text("trailers")
    body = b"\x0a" + _text(service)
    message = struct.pack(">BI", 0, len(body)) + body
    return _frame(_HEADERS, _END_HEADERS, 1, headers) + _frame(_DATA, _END_STREAM, 1, message)


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


def _text(value: str) -> bytes:
    """A length in one byte, which is right up to 126 characters, and the text."""
    return bytes([len(value)]) + value.encode("ascii")


def _status(message: bytes) -> int:
    """Field 1 of HealthCheckResponse; 0 (unknown) isn't written."""
    return message[1] if message[:1] == b"\x08" and len(message) > 1 else 0
