"""Everything that a lab has in the engine, images included, found by its labels: named, told from others', removed."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.errors import LabError
from lab.runtime.compose.containers import LAB_LABEL, Containers, understood
from lab.runtime.compose.ownership import ID_LABEL, home_of, ownership
from lab.runtime.images.image_names import REPOSITORY, STAGE_LABEL
from lab.runtime.runtime import Note

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


_PROJECT = "com.docker.compose.project"


@dataclass(frozen=True)
class Things:
    """Containers, volumes and networks, as the SDK has them."""

    containers: Sequence[Any]
    volumes: Sequence[Any]
    networks: Sequence[Any]

    def names(self) -> list[str]:
        """What they are, in words."""
        return [f"{kind[:-1]} {one.name}" for kind, found in vars(self).items() for one in found]

    def labels(self) -> Iterator[dict[str, str]]:
        """Of each."""
        return (labels(one) for found in vars(self).values() for one in found)

    def only(self, wanted: Callable[[dict[str, str]], bool]) -> "Things":
        """Those whose labels are `wanted`."""
        return Things(**{kind: [one for one in found if wanted(labels(one))] for kind, found in vars(self).items()})


@dataclass(frozen=True)
class Claim:
    """The id on what the lab has in the engine, empty for none; and whether its volumes are from before labs had one.

    Those decide: a network or a container can be made anew with a label, a volume can't.
    """

    lab_id: str
    unlabelled: bool


def labels(thing: Any) -> dict[str, str]:
    """A container's, a volume's or a network's."""
    found = thing.attrs.get("Labels") or thing.attrs.get("Config", {}).get("Labels") or {}
    return dict(found)


class LabInEngine:
    """A lab's containers, volumes, networks and images. Methods raise LabError."""

    def __init__(self, containers: Containers, lab: str, home: Path) -> None:
        self._containers, self._lab, self._home = containers, lab, home

    def names(self) -> Sequence[str]:
        """What there is, in words."""
        client = self._containers.client()
        with understood("listing what the lab has"):
            own, others = self._divided(client)
            # Images have a name and no id: they are whose the rest is.
            images = [] if others.names() else [f"image {name}" for name in named(client, self._lab)]
            return own.names() + images

    def claim(self) -> Claim:
        """What the lab has already. Raises LabError naming both homes when its name is another's in this engine."""
        client = self._containers.client()
        with understood("listing what the lab has"):
            own, others = self._divided(client)
            project = client.containers.list(
                all=True, filters={"label": [f"{_PROJECT}={self._lab}"]}, ignore_removed=True
            )
        if found := [one.name for one in project if LAB_LABEL not in labels(one)]:
            raise LabError(
                f"{self._lab} is also the name of a Compose project that is no lab, with the container {found[0]}.",
                "Give this lab another LAB_NAME.",
            )
        if names := others.names():
            raise LabError(*self._taken(others, names))
        known = max((found.get(ID_LABEL, "") for found in own.labels()), default="")
        return Claim(known, any(ID_LABEL not in labels(volume) for volume in own.volumes))

    def _taken(self, others: Things, names: Sequence[str]) -> tuple[str, str]:
        homes = sorted({str(home) for found in others.labels() if (home := home_of(found))})
        whose = f"the lab at {', '.join(homes)}" if homes else "a lab whose home nothing here names"
        remedy = (
            f"Give this lab names and ports of its own (LAB_NAME, PORT_OFFSET), or set LAB_HOME={homes[0]}."
            if homes and Path(homes[0]).exists()
            else f"Give this lab another LAB_NAME. If nobody needs that one's data: {_removal(self._lab)}."
        )
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        message = f"In this engine the name {self._lab} belongs to {whose} ({names[0]}{more}), not to {self._home}."
        return message, remedy

    def remove(self, note: Note, images: bool) -> None:
        """Removes it; images only where that is asked for."""
        client = self._containers.client()
        with understood("removing what the lab has"):
            own, others = self._divided(client)
            with ThreadPoolExecutor(max_workers=6) as pool:
                list(pool.map(_remove_container, own.containers))
            for thing in (*own.volumes, *own.networks):
                thing.remove()
            built = remove_images(client, self._lab) if images and not others.names() else ()
        counts = {**vars(own), "images": built}
        if any(counts.values()):
            note("removed " + ", ".join(f"{len(found)} {name}" for name, found in counts.items() if found))

    def _divided(self, client: Any) -> tuple[Things, Things]:
        """What carries the lab's name: its own, and another's. Raises the SDK's errors."""
        filters = self._containers.filters
        found = Things(
            client.containers.list(all=True, filters=filters, ignore_removed=True),
            client.volumes.list(filters=filters),
            client.networks.list(filters=filters),
        )
        owner = ownership(self._home, map(labels, found.containers))
        return found.only(owner.owns), found.only(lambda its: not owner.owns(its))


def _removal(lab: str) -> str:
    chosen = f"--filter label={LAB_LABEL}={lab}"
    return "; ".join(
        (
            f"`docker rm -f $(docker ps -aq {chosen})`",
            f"`docker volume rm $(docker volume ls -q {chosen})`",
            f"`docker network rm $(docker network ls -q {chosen})`",
        )
    )


def _remove_container(container: Any) -> None:
    """At once, and with volumes that have no name: what a container still writes goes, too."""
    from docker.errors import NotFound

    try:
        container.remove(force=True, v=True)
    except NotFound:
        return  # one that removes itself at its end
