"""Taking a lab's images away: its names, what had them before, and the builds' leftovers when no lab needs them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.runtime.images.names import LAB_LABEL, REPOSITORY, STAGE_LABEL

if TYPE_CHECKING:
    from docker import DockerClient


def named(client: "DockerClient", lab: str) -> Sequence[str]:
    """The names of the lab's images."""
    found = client.images.list(filters={"reference": f"{REPOSITORY}/*:{lab}"})
    return sorted(name for image in found for name in image.tags if name.endswith(f":{lab}"))


def remove_images(client: "DockerClient", lab: str) -> Sequence[str]:
    """Removes the lab's images and returns their names; layers that other labs share stay. For when its containers are
    gone. Raises the SDK's errors.
    """
    names = named(client, lab)
    for name in names:
        client.images.remove(name)
    _remove_nameless(client, f"{LAB_LABEL}={lab}")
    if not client.images.list(filters={"reference": f"{REPOSITORY}/*"}):
        _remove_nameless(client, STAGE_LABEL)
    return names


def _remove_nameless(client: "DockerClient", label: str) -> None:
    """Stages of one build rest on each other: what can't go yet goes with the one above it."""
    from docker.errors import APIError

    for image in client.images.list(filters={"label": label, "dangling": True}):
        try:
            client.images.remove(str(image.id))
        except APIError:
            continue
