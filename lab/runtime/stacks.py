"""Which containers a lab gets: decided by its settings and by the images that were built for it."""

from collections.abc import Mapping

from lab.core.config import LabConfig
from lab.core.errors import LabError
from lab.core.services import CATALOGUE, Service
from lab.runtime.compose_files import Stack
from lab.runtime.images.names import images, override_file
from lab.runtime.record import MINIO, SEAWEEDFS, recorded_store


def airgapped(config: LabConfig) -> bool:
    """Whether the lab's images were built without a registry, so that some official ones have no stand-in."""
    return override_file(config).exists()


def store_of(config: LabConfig) -> str:
    """The object store of a lab in containers. Raises LabError for one that its images don't have."""
    if config.object_store == "auto":
        return recorded_store(config.home) or (SEAWEEDFS if airgapped(config) else MINIO)
    if config.object_store == MINIO and airgapped(config):
        raise LabError(
            "The images that were built without a registry hold no MinIO.", "Set OBJECT_STORE=seaweedfs or auto."
        )
    return config.object_store


def absent(config: LabConfig) -> Mapping[Service, tuple[str, str]]:
    """The optional services that this lab's images don't hold: why, and what a user can do."""
    if not airgapped(config):
        return {}
    reason = "no package of the distribution or of Python holds it, and the images were built without a registry"
    return {Service.GRAFANA: (reason, "Type `invoke build` where a registry can be reached.")}


def make_stack(config: LabConfig) -> Stack:
    """Raises LabError for settings that don't fit the images."""
    missing = absent(config)
    services = [spec.name for spec in CATALOGUE if spec.name not in missing]
    return Stack(config, services, store_of(config), images(config))
