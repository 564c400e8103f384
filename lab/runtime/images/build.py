"""Making a lab's images: from an index and official images, or without any registry."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab.config import LabConfig
from lab.runtime.binaries import default_cache
from lab.runtime.compose.container_set import make_stack
from lab.runtime.compose.containers import understood
from lab.runtime.compose.engine import engine
from lab.runtime.images import official, standins, wheels
from lab.runtime.images.builder_process import Watch, side_by_side
from lab.runtime.images.debian_base import ensure_base, python_version
from lab.runtime.images.docker_build import DEADLINE_S, Recipe, build_image, image_id, inputs_of
from lab.runtime.images.image_names import (
    BASE,
    BUILD,
    IMAGE_LABEL,
    INPUTS_LABEL,
    REPOSITORY,
    STAND_INS,
    override_file,
    pins_file,
    read,
    tag,
    write_override,
)
from lab.runtime.lock import HomeLock

if TYPE_CHECKING:
    from docker import DockerClient

_CODE_VERSION = "CODE_VERSION"
# Removing a large image that was replaced takes long on a slow disk.
_CALL_S = 300.0


def build(config: LabConfig, watch: Watch, fresh: bool = False, code_version: str = "") -> None:
    """Pulls the official images that are missing, and builds ours from an index. Raises LabError.

    `code_version` is what the pipeline's image will say of its code.
    """
    base = official.base_of_ours(read(pins_file(config.root)))
    with _client() as client:
        official.pull(config, official.missing(client, [base]), watch)
        _build_ours(config, client, {"BASE_IMAGE": base.name, _CODE_VERSION: code_version}, False, fresh, watch)
        override_file(config).unlink(missing_ok=True)
        # Whoever asks for a build wants everything that can be had now.
        official.forget(config)
        official.pull(config, official.missing(client, make_stack(config).official), watch)


def build_airgap(config: LabConfig, watch: Watch, fresh: bool = False, code_version: str = "") -> None:
    """As `build`, but every image, from Debian packages and wheels; builds themselves have no network."""
    cache = default_cache() / "airgap"
    with _client() as client, HomeLock(cache / "lock", DEADLINE_S).held(_waiting(watch)):
        base = ensure_base(client, config.name, cache, fresh, watch)
        steps = [_stand_in(config, client, image, cache, base, fresh, watch) for image in STAND_INS]
        side_by_side([lambda: _build_stage(config, client, cache, fresh, watch), *steps])
        arguments = {"BASE_IMAGE": tag(BASE, config.name), "BUILD_IMAGE": tag(BUILD, config.name)}
        arguments[_CODE_VERSION] = code_version
        _build_ours(config, client, arguments, True, fresh, watch)
    write_override(config)


def _waiting(watch: Watch) -> Callable[[str], None]:
    return lambda text: watch("images", "waiting", text, None)


@contextmanager
def _client() -> Iterator["DockerClient"]:
    client = engine(_CALL_S)
    try:
        with understood("building images"):
            yield client
    finally:
        client.close()


def _build_ours(
    config: LabConfig, client: "DockerClient", arguments: dict[str, str], offline: bool, fresh: bool, watch: Watch
) -> None:
    def make(image: str, anew: bool) -> None:
        dockerfile = config.root / "stack" / "images" / image / "Dockerfile"
        # The others would complain of an argument that they don't use.
        given = {name: value for name, value in arguments.items() if name != _CODE_VERSION or image == "pipelines"}
        recipe = Recipe(image, dockerfile, config.root, given, offline=offline, fresh=anew)
        build_image(recipe, config.name, client, watch)

    def related() -> None:
        make("mlflow", fresh)
        # It consists of the other's packages and more, and finds them in the engine's cache.
        make("pipelines", False)

    side_by_side([related, lambda: make("exporters", fresh)])


def _stand_in(
    config: LabConfig, client: "DockerClient", image: str, cache: Path, base: str, fresh: bool, watch: Watch
) -> Callable[[], None]:
    folder = config.root / "stack" / "airgap" / image

    def step() -> None:
        made_from = standins.inputs(image, folder, base)
        if not fresh and inputs_of(client, tag(image, config.name)) == made_from:
            watch(image, "success", "nothing changed", 0.0)
            return
        with _context(cache) as context:
            standins.fill(image, folder, cache, fresh, context)
            arguments = {"BASE_IMAGE": tag(BASE, config.name)}
            recipe = Recipe(image, context / "Dockerfile", context, arguments, made_from, offline=True, fresh=fresh)
            build_image(recipe, config.name, client, watch)

    return step


def _build_stage(config: LabConfig, client: "DockerClient", cache: Path, fresh: bool, watch: Watch) -> None:
    """The base with wheels, which stays as long as the lock file names the same ones."""
    dockerfile = config.root / "stack" / "airgap" / BUILD / "Dockerfile"
    python, wanted = python_version(client, config.name), wheels.requirements(config.root)
    made_from = wheels.wheels_hash(wanted, python, image_id(client, tag(BASE, config.name)), dockerfile)
    if not fresh and _shared(client, config.name, made_from):
        watch(BUILD, "success", "nothing changed", 0.0)
        return
    begin = time.monotonic()
    watch("wheels", "starting", "", None)
    folder = cache / "wheels"
    count = wheels.collect(wanted, python, folder, config.root / "uv.lock")
    watch("wheels", "success", f"{count} wheels", time.monotonic() - begin)
    with _context(cache) as context:
        wheels.lay_out(folder, context)
        arguments = {"BASE_IMAGE": tag(BASE, config.name)}
        recipe = Recipe(BUILD, dockerfile, context, arguments, made_from, offline=True, lab_label=False, fresh=fresh)
        build_image(recipe, config.name, client, watch)


def _shared(client: "DockerClient", lab: str, made_from: str) -> bool:
    """Whether the lab has the image, or gets it because another lab does."""
    if inputs_of(client, tag(BUILD, lab)) == made_from:
        return True
    labels = [f"{IMAGE_LABEL}={BUILD}", f"{INPUTS_LABEL}={made_from}"]
    others = client.images.list(filters={"label": labels, "dangling": False})
    return bool(others) and bool(others[0].tag(f"{REPOSITORY}/{BUILD}", tag=lab))


@contextmanager
def _context(cache: Path) -> Iterator[Path]:
    """A folder to build from, on the cache's file system, so that files need not be copied into it."""
    with tempfile.TemporaryDirectory(dir=cache, prefix="context-") as folder:
        yield Path(folder)
