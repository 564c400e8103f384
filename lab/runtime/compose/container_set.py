"""Which containers a lab gets: decided by its settings and by the images that were built for it."""

from collections.abc import Mapping

from lab.base.catalogue import CATALOGUE, Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.compose.compose_files import Stack
from lab.runtime.images.image_names import images, override_file
from lab.runtime.images.official import unavailable
from lab.runtime.lab_marker import MINIO, SEAWEEDFS, recorded_store

LEGACY_STORE = "this lab stores in MinIO, which its publisher has archived: nobody mends it, and its image may go"
MOVE_STORE = "Move it: `invoke backup`, `invoke nuke`, `invoke up` with OBJECT_STORE=seaweedfs, `invoke restore`."


def airgapped(config: LabConfig) -> bool:
    """Whether the lab's images were built without a registry, so that some official ones have no stand-in."""
    return override_file(config).exists()


def store_of(config: LabConfig) -> str:
    """The object store of a lab in containers. Raises LabError for one that its images don't have.

    A lab goes on with the store that has its data, MinIO included, unless its settings name another one.
    """
    if config.object_store == "auto":
        return recorded_store(config.home) or SEAWEEDFS
    if config.object_store == MINIO and airgapped(config):
        raise LabError(
            "The images that were built without a registry hold no MinIO.", "Set OBJECT_STORE=seaweedfs or auto."
        )
    return config.object_store


def absent(config: LabConfig) -> Mapping[Service, tuple[str, str]]:
    """The optional services that this lab's images don't hold, or whose image can't be had: why, and what to do."""
    if not airgapped(config):
        retry = "Mend that and type `invoke build`, which tries again at once; `invoke up` does after a day."
        return {service: (reason, retry) for service, reason in unavailable(config).items()}
    reason = "no package of the distribution or of Python holds it, and the images were built without a registry"
    return {Service.GRAFANA: (reason, "Type `invoke build` where a registry can be reached.")}


def make_stack(config: LabConfig) -> Stack:
    """Raises LabError for settings that don't fit the images."""
    missing = absent(config)
    services = [spec.name for spec in CATALOGUE if spec.name not in missing]
    return Stack(config, services, store_of(config), images(config))
