"""Everything that a lab has in the engine, found by its label, and nothing else."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab.runtime.base import Note
from lab.runtime.containers import Containers, understood
from lab.runtime.images import removal

_STOP_S = 20


class Remains:
    """A lab's containers, volumes, networks and images. Methods raise LabError."""

    def __init__(self, containers: Containers, lab: str) -> None:
        self._containers, self._lab = containers, lab

    def names(self) -> Sequence[str]:
        """What there is, in words."""
        client = self._containers.client()
        with understood("listing what the lab has"):
            found = [f"container {one.name}" for one in self._all_containers(client)]
            found += [f"volume {one.name}" for one in client.volumes.list(filters=self._containers.filters)]
            found += [f"network {one.name}" for one in client.networks.list(filters=self._containers.filters)]
            found += [f"image {name}" for name in removal.named(client, self._lab)]
        return found

    def remove(self, note: Note, images: bool) -> None:
        """Removes it; images only where that is asked for."""
        client = self._containers.client()
        with understood("removing what the lab has"):
            containers = self._all_containers(client)
            with ThreadPoolExecutor(max_workers=6) as pool:
                list(pool.map(_remove_container, containers))
            volumes = client.volumes.list(filters=self._containers.filters)
            for volume in volumes:
                volume.remove()
            networks = client.networks.list(filters=self._containers.filters)
            for network in networks:
                network.remove()
            built = removal.remove_images(client, self._lab) if images else ()
        counts = {"containers": containers, "volumes": volumes, "networks": networks, "images": built}
        if any(counts.values()):
            note("removed " + ", ".join(f"{len(found)} {name}" for name, found in counts.items() if found))

    def _all_containers(self, client: Any) -> list[Any]:
        return list(client.containers.list(all=True, filters=self._containers.filters, ignore_removed=True))


def _remove_container(container: Any) -> None:
    """At once, and with volumes that have no name: what a container still writes goes, too."""
    from docker.errors import NotFound

    try:
        container.remove(force=True, v=True)
    except NotFound:
        return  # one that removes itself at its end
