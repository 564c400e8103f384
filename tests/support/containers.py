"""What tests ask the container engine about a lab's containers, and try from inside them."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from docker import DockerClient
from docker.errors import APIError
from docker.models.containers import Container

from lab.base.catalogue import Service
from tests.support.waiting import eventually

_ENGINE = ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
LAB, SERVICE = "org.mlops-lab.lab", "org.mlops-lab.service"
# The lab in containers that a test run has.
STACK = "test-stack"

# Runs in another container's network, so that it sees and reaches what that one does, whatever its image holds.
_LISTENING = """
import json
found = set()
for path in ("/proc/net/tcp", "/proc/net/tcp6"):
    for line in open(path).read().splitlines()[1:]:
        address, port = line.split()[1].split(":")
        loopback = address.endswith("7F") or address == "00000000000000000000000001000000"
        if line.split()[3] == "0A" and not loopback:
            found.add(int(port, 16))
print(json.dumps(sorted(found)))
"""
_REACHING = """
import asyncio, json, sys
async def reach(host, port):
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 8)
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    return True
async def all():
    targets = json.loads(sys.argv[1])
    found = await asyncio.gather(*(reach(*target) for target in targets))
    return [target for target, reached in zip(targets, found) if reached]
print(json.dumps(asyncio.run(all())))
"""

Target = tuple[str, int]


def variables() -> dict[str, str]:
    """What makes a test's lab one in containers, on the engine that this test run was given."""
    known = {name: os.environ[name] for name in _ENGINE if name in os.environ}
    return known | {"RUNTIME": "compose"}


def of_lab(client: DockerClient, lab: str, running: bool = True) -> dict[Service, Container]:
    """The containers of the lab's services; one-shots are none of them."""
    found = client.containers.list(all=not running, filters={"label": f"{LAB}={lab}"}, ignore_removed=True)
    names = {container: container.labels.get(SERVICE, "") for container in found}
    return {Service(name): container for container, name in names.items() if name in set(Service)}


def everything(client: DockerClient, lab: str) -> list[str]:
    """Whatever of the lab the engine has: containers, networks, volumes and images."""
    label = {"label": f"{LAB}={lab}"}
    images = {tag for image in client.images.list() for tag in image.tags if tag.endswith(f":{lab}")}
    found = [
        *(f"container {one.name}" for one in client.containers.list(all=True, filters=label, ignore_removed=True)),
        *(f"network {one.name}" for one in client.networks.list(filters=label)),
        *(f"volume {one.name}" for one in client.volumes.list(filters=label)),
        *(f"image {tag}" for tag in sorted(images)),
        *(f"image {one.id}" for one in client.images.list(all=True, filters=label)),
    ]
    # The engine lists networks in any order.
    return sorted(found)


def run_inside(container: Container, *argv: str) -> tuple[int, str]:
    """Exit code and output of a program in the container, as its user."""
    code, output = container.exec_run(list(argv))
    return code, output.decode(errors="replace")


def told(container: Container, *argv: str) -> str:
    """What a program that always prints something prints in the container.

    Asked again while that is nothing: the engine may lose the output of a program that ends at once.
    """
    return eventually(lambda: run_inside(container, *argv)[1], 30, f"output of {argv[0]} in {container.name}")


def listening(client: DockerClient, container: Container, image: str) -> list[int]:
    """The TCP ports on which something in the container listens to others."""
    found: list[int] = _beside(client, container, image, _LISTENING)
    return found


def reached(client: DockerClient, container: Container, image: str, targets: Iterable[Target]) -> set[Target]:
    """The targets that a connection from the container's network gets through to."""
    text = json.dumps(sorted(set(targets)))
    return {(host, port) for host, port in _beside(client, container, image, _REACHING, text)}


def addresses(container: Container) -> Mapping[str, str]:
    """The container's address by the short name of each network it is in."""
    container.reload()
    lab = container.labels[LAB]
    found: Mapping[str, Mapping[str, Any]] = container.attrs["NetworkSettings"]["Networks"]
    return {name.removeprefix(f"{lab}_"): one["IPAddress"] for name, one in found.items()}


def _beside(client: DockerClient, container: Container, image: str, program: str, *arguments: str) -> Any:
    """What `program` (Python) prints as JSON, run with `image` in the network of `container`."""

    def output() -> bytes:
        said: bytes = client.containers.run(
            image,
            ["python", "-c", program, *arguments],
            entrypoint=[],
            network_mode=f"container:{container.id}",
            labels={LAB: container.labels[LAB]},
            user="10001:10001",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            read_only=True,
            remove=True,
        )
        return said

    # The engine may lose the output of a program that ends at once.
    return json.loads(eventually(output, 60, f"output beside {container.name}"))


@contextmanager
def paused(container: Container) -> Iterator[None]:
    """Nothing in the container goes on in the block. The engine can't freeze one that forks just then; it can later."""

    def pause() -> bool:
        container.pause()
        return True

    eventually(pause, 60, f"pausing {container.name}", (APIError,))
    try:
        yield
    finally:
        container.unpause()


def main_process(container: Container) -> int:
    """The number of the container's first process on this machine."""
    container.reload()
    return int(container.attrs["State"]["Pid"])


def health(container: Container) -> str:
    """healthy, starting or unhealthy for a running container with a check; else its state."""
    container.reload()
    state = container.attrs["State"]
    checked = state.get("Health", {}).get("Status", "") if state["Running"] else ""
    return str(checked or state["Status"])


def texts(values: Sequence[Any]) -> str:
    """Everything that inspecting says, as one text."""
    return json.dumps([value.attrs for value in values], default=str)
