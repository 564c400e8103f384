"""The official images of a lab's containers: which are needed and here, pulling the others, and their digests."""

import json
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.catalogue import BY_NAME, Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.compose.engine import docker_command, engine
from lab.runtime.images.builder_process import Watch, remedy, run, side_by_side
from lab.runtime.images.image_names import PYTHON_IMAGE, STAND_INS
from lab.runtime.layout import write_private

if TYPE_CHECKING:
    from docker import DockerClient

_PULL_S = 1200.0
# As the native runtime does: a service that couldn't be had isn't tried for again before this time.
_RETRY_AFTER_S = 24 * 3600.0
_VARIABLES: Mapping[Service, str] = {
    Service.POSTGRES: "POSTGRES_IMAGE",
    Service.PROMETHEUS: "PROMETHEUS_IMAGE",
    Service.ALERTMANAGER: "ALERTMANAGER_IMAGE",
    Service.GRAFANA: "GRAFANA_IMAGE",
}
_GONE = ("access denied", "manifest unknown", "not found", "no such manifest", "unauthorized", "denied:")


@dataclass(frozen=True)
class Official:
    """An official image: the variable of stack/images.env that names it, and who needs it."""

    name: str
    variable: str
    wanted_by: str
    optional: bool = False

    @property
    def registry(self) -> str:
        """The host that the engine asks for it."""
        first, slash, _ = self.name.partition("/")
        return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def needed(services: Collection[Service], store: str, images: Mapping[str, str]) -> Sequence[Official]:
    """Those of `services`, with the object store `store`; `images` has their names by variable."""
    variables = {**_VARIABLES, Service.OBJECT_STORE: f"{store.upper()}_IMAGE"}
    return [
        Official(images[variables[service]], variables[service], str(service), BY_NAME[service].optional)
        for service in services
        if service in variables
    ]


def base_of_ours(images: Mapping[str, str]) -> Official:
    """What the images that are built here start from."""
    return Official(images[PYTHON_IMAGE], PYTHON_IMAGE, "the images that are built here")


def missing(client: "DockerClient", wanted: Iterable[Official]) -> Sequence[Official]:
    """Those that the engine doesn't have. Raises the SDK's errors."""
    tags: set[str] = set()
    digests: set[str] = set()
    for image in client.images.list():
        tags.update(image.tags)
        digests.update(image.attrs.get("RepoDigests") or ())
    return [one for one in wanted if not _is_here(one.name, tags, digests)]


def refused(client: "DockerClient", image: Official) -> str:
    """Why its registry doesn't give it, as far as can be told without pulling it; empty when it does."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        client.images.get_registry_data(image.name)
    except (DockerException, RequestException) as err:
        return str(getattr(err, "explanation", "") or err).strip().splitlines()[0]
    return ""


def _is_here(name: str, tags: Collection[str], digests: Collection[str]) -> bool:
    tagged, _, digest = name.removeprefix("docker.io/").removeprefix("library/").partition("@")
    return f"{tagged.rpartition(':')[0] or tagged}@{digest}" in digests if digest else tagged in tags


def pull(config: LabConfig, wanted: Sequence[Official], watch: Watch) -> None:
    """Pulls them all. Raises LabError for one that the lab can't do without; others are written down as absent."""
    failed: dict[str, str] = {}

    def one(image: Official) -> None:
        try:
            _pull(image, watch)
        except LabError as err:
            if not image.optional:
                raise
            failed[image.wanted_by] = _in_one_line(err.message)
            watch(image.name, "left out", failed[image.wanted_by], None)

    side_by_side([lambda image=image: one(image) for image in wanted])  # type: ignore[misc]  # a default, not a parameter
    _write(config, {**_read(config), **{each.wanted_by: failed.get(each.wanted_by, "") for each in wanted}})


def _pull(image: Official, watch: Watch) -> None:
    begin = time.monotonic()
    watch(image.name, "starting", f"from {image.registry}", None)
    try:
        run([docker_command(), "pull", "--quiet", image.name], f"Pulling {image.name}", _PULL_S)
    except LabError as err:
        what = f"The image {image.name} for {image.wanted_by} can't be pulled from {image.registry}."
        said = err.message.partition("\n")[2]
        raise LabError(f"{what}\n{said}".rstrip(), advice(image, said)) from None
    watch(image.name, "success", "", time.monotonic() - begin)


def advice(image: Official, said: str) -> str:
    """What to do when a pull ends with the words `said`."""
    if not any(clue in said.lower() for clue in _GONE):
        return remedy(said.splitlines())
    elsewhere = f"name a copy of it elsewhere, or another version, in stack/images.env ({image.variable})"
    if image.variable in (*STAND_INS.values(), PYTHON_IMAGE):
        elsewhere += ", or type `invoke build --airgap`, which asks no registry"
    elif image.wanted_by == Service.OBJECT_STORE:
        elsewhere += "; a lab without data can have OBJECT_STORE=seaweedfs instead"
    return f"Its publisher may have withdrawn it, or you may need `docker login`: {elsewhere}."


def _in_one_line(message: str) -> str:
    return " ".join(line.strip(" |") for line in message.splitlines())


# --- the services that are left out because their image couldn't be had ---


def unavailable(config: LabConfig) -> Mapping[Service, str]:
    """The optional services whose image couldn't be pulled, and why."""
    return {Service(name): reason for name, reason in _read(config).items() if name in set(Service)}


def forget_old(config: LabConfig) -> None:
    """Lets those be tried for again whose failure is older than a day."""
    path = _file(config)
    if path.exists() and time.time() - path.stat().st_mtime > _RETRY_AFTER_S:
        path.unlink()


def forget(config: LabConfig) -> None:
    """Lets all of them be tried for again."""
    _file(config).unlink(missing_ok=True)


def _file(config: LabConfig) -> Path:
    return config.home / "compose" / "unavailable.json"


def _read(config: LabConfig) -> dict[str, str]:
    try:
        found = json.loads(_file(config).read_text())
        return {str(name): str(reason) for name, reason in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write(config: LabConfig, reasons: Mapping[str, str]) -> None:
    left = {name: reason for name, reason in reasons.items() if reason}
    if left:
        write_private(_file(config), json.dumps(left, sort_keys=True))
    else:
        forget(config)


def pull_digests(names: Sequence[str], watch: Watch) -> Mapping[str, str]:
    """Pulls each image by its tag; digest by name and tag. Raises LabError."""
    client = engine()
    found = {}
    try:
        for given in names:
            name, begin = given.partition("@")[0], time.monotonic()
            watch(name, "starting", "", None)
            run([docker_command(), "pull", "--quiet", name], f"Pulling {name}", _PULL_S)
            found[name] = digest_of(name, client.images.get(name).attrs.get("RepoDigests") or [])
            watch(name, "success", found[name], time.monotonic() - begin)
    finally:
        client.close()
    return found


def digest_of(name: str, known: Sequence[str]) -> str:
    """Of the registry that `name` is from: an image may have been pulled from several."""
    repository = name.rpartition(":")[0] or name
    for entry in known:
        where, _, digest = entry.partition("@")
        if where == repository and digest:
            return digest
    raise LabError(f"The registry gave no digest for {name}.", "Type `docker pull` for it, and look at what it says.")
