"""One image by `docker build`: the command line is the only builder that every engine has."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lab.runtime.compose.engine import docker_command
from lab.runtime.images.builder_process import Watch, run
from lab.runtime.images.image_names import IMAGE_LABEL, INPUTS_LABEL, LAB_LABEL, tag

if TYPE_CHECKING:
    from docker import DockerClient

# Installing and compiling the larger images takes minutes on a small machine.
DEADLINE_S = 1800.0
_PLAIN = {"BUILDKIT_PROGRESS": "plain", "DOCKER_CLI_HINTS": "false"}


@dataclass(frozen=True)
class Recipe:
    """How an image is built. Without `lab_label` it belongs to every lab that has a tag of it."""

    image: str
    dockerfile: Path
    context: Path
    arguments: Mapping[str, str] = field(default_factory=dict)
    inputs: str = ""
    offline: bool = False
    lab_label: bool = True
    fresh: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


def build_image(recipe: Recipe, lab: str, client: "DockerClient", watch: Watch) -> None:
    """Builds the image under the lab's tag; what had the tag before goes. Raises LabError."""
    name, before, begin = tag(recipe.image, lab), image_id(client, tag(recipe.image, lab)), time.monotonic()
    watch(recipe.image, "starting", "", None)
    # The classic builder keeps the container of a step that failed unless it is told not to.
    argv = [docker_command(), "build", "--force-rm", "--tag", name, "--file", str(recipe.dockerfile)]
    argv += ["--network", "none"] if recipe.offline else []
    argv += (["--no-cache"] if recipe.offline else ["--no-cache", "--pull"]) if recipe.fresh else []
    for key, value in recipe.arguments.items():
        argv += ["--build-arg", f"{key}={value}"]
    # Last in the image, so that labs share all layers below.
    labels = {IMAGE_LABEL: recipe.image, **recipe.labels}
    labels |= {INPUTS_LABEL: recipe.inputs} if recipe.inputs else {}
    labels |= {LAB_LABEL: lab} if recipe.lab_label else {}
    for key, value in labels.items():
        argv += ["--label", f"{key}={value}"]
    run([*argv, str(recipe.context)], f"Building {name}", DEADLINE_S, variables=_PLAIN)
    after = image_id(client, name)
    if before and before != after:
        discard(client, before)
    watch(recipe.image, "success", "nothing changed" if before == after else size(client, name), _since(begin))


def image_id(client: "DockerClient", name: str) -> str:
    """The image's id; empty when there is none of that name."""
    from docker.errors import ImageNotFound

    try:
        return str(client.images.get(name).id)
    except ImageNotFound:
        return ""


def inputs_of(client: "DockerClient", name: str) -> str:
    """What the image says it was made from; empty when there is none of that name."""
    from docker.errors import ImageNotFound

    try:
        return str(client.images.get(name).labels.get(INPUTS_LABEL, ""))
    except ImageNotFound:
        return ""


def discard(client: "DockerClient", image: str) -> None:
    """Removes an image that has no name any more; one that a container still uses stays until that is gone."""
    from docker.errors import APIError, ImageNotFound

    try:
        if not client.images.get(image).tags:
            client.images.remove(image)
    except (APIError, ImageNotFound):
        return


def size(client: "DockerClient", name: str) -> str:
    """The image's size with all its layers."""
    return f"{client.images.get(name).attrs['Size'] / 1e6:.0f} MB"


def _since(begin: float) -> float:
    return time.monotonic() - begin
