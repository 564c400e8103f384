from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from lab.base.errors import ServiceUnavailable
from lab.services.grpc_health import check_serving
from lab.services.http import NotReady
from tests.services.answers import server

HOST = "127.0.0.1"


def start(status: int | None) -> tuple[grpc.Server, int]:
    """A real gRPC server; with the health service unless `status` is None."""
    made = grpc.server(futures.ThreadPoolExecutor(2))
    if status is not None:
        servicer = health.HealthServicer()
        servicer.set("DagsterApi", status)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, made)
    port = made.add_insecure_port(f"{HOST}:0")
    made.start()
    return made, port


async def ask(port: int, service: str = "DagsterApi", timeout_s: float = 5.0) -> None:
    await check_serving(HOST, port, service, "Code location", "Look.", timeout_s)


async def test_a_serving_server_passes() -> None:
    running, port = start(health_pb2.HealthCheckResponse.SERVING)
    await ask(port)
    running.stop(None).wait()


async def test_a_server_that_does_not_serve_is_not_ready() -> None:
    running, port = start(health_pb2.HealthCheckResponse.NOT_SERVING)
    with pytest.raises(NotReady):
        await ask(port)
    running.stop(None).wait()


async def test_a_server_without_this_check_or_service_fails() -> None:
    known, known_port = start(health_pb2.HealthCheckResponse.SERVING)
    bare, bare_port = start(None)
    for port, service in ((known_port, "Unknown"), (bare_port, "DagsterApi")):
        with pytest.raises(ServiceUnavailable):
            await ask(port, service)
    known.stop(None).wait()
    bare.stop(None).wait()


@pytest.mark.parametrize(
    "greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n<html></html>", b"\x00" * 4096, b"\xff" * 64]
)
async def test_anything_else_on_the_port_fails(greeting: bytes) -> None:
    async with server(greeting) as port:
        with pytest.raises(ServiceUnavailable):
            await ask(port)


async def test_a_silent_server_meets_the_deadline() -> None:
    async with server(None) as port:
        with pytest.raises(ServiceUnavailable, match=r"within 0\.2 s"):
            await ask(port, timeout_s=0.2)


async def test_a_closed_port_is_named() -> None:
    running, port = start(None)
    running.stop(None).wait()
    with pytest.raises(ServiceUnavailable, match="doesn't listen"):
        await ask(port)
