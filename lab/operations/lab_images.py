"""The images of a lab in containers: build them, carry them elsewhere, pin the official ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.errors import UsageError
from lab.base.progress import Report, watched
from lab.base.source_code import code_version
from lab.config import LabConfig
from lab.runtime.images.image_names import LEGACY_IMAGE, pinned, pins_file, read
from lab.runtime.lab_marker import runtime_name

if TYPE_CHECKING:
    from lab.runtime.images.bundle import Bundled


def wanted(config: LabConfig) -> bool:
    """Whether `invoke build` means images here: the lab runs, or would run, in containers."""
    return runtime_name(config) == "compose"


def build(config: LabConfig, report: Report, airgap: bool = False, fresh: bool = False) -> None:
    """Builds the images; with `airgap` without any registry, with `fresh` nothing is taken from a cache.

    Raises LabError.
    """
    from lab.runtime.images.build import build as from_index
    from lab.runtime.images.build import build_airgap

    _refuse_native(config)
    _refuse_strangers(config)
    (build_airgap if airgap else from_index)(config, watched(report), fresh, code_version(config.root))


def save(config: LabConfig, output: str, force: bool, report: Report) -> "Bundled":
    """Writes the images into one file. Raises LabError."""
    from lab.runtime.images.bundle import default_name, save_bundle

    _refuse_native(config)
    file = Path(output).expanduser().absolute() if output else default_name(config)
    return save_bundle(config, file, force, watched(report))


def load(config: LabConfig, file: str, report: Report) -> "Bundled":
    """Takes the images from a file. Raises LabError."""
    from lab.runtime.images.bundle import load_bundle

    _refuse_native(config)
    _refuse_strangers(config)
    return load_bundle(config, Path(file).expanduser().absolute(), watched(report))


def pin(config: LabConfig, report: Report) -> Mapping[str, str]:
    """Pulls the official images, and writes the digests that they have now into stack/images.env. Raises LabError."""
    from lab.runtime.images.official import pull_digests

    path = pins_file(config.root)
    images = read(path)
    # There will be no other release of it, and it may be gone when the others are renewed.
    legacy, _, digest = images.pop(LEGACY_IMAGE).partition("@")
    digests = pull_digests(sorted(images.values()), watched(report))
    path.write_text(pinned(path.read_text(), {**digests, **({legacy: digest} if digest else {})}))
    return digests


def _refuse_native(config: LabConfig) -> None:
    if runtime_name(config) == "native" and config.runtime != "auto":
        raise UsageError("RUNTIME=native runs without images.", "Set RUNTIME=compose.")
    from lab.runtime.compose.engine import engine

    engine().close()  # says best what is missing


def _refuse_strangers(config: LabConfig) -> None:
    """Images have the lab's name: another lab of that name would find its own replaced. Raises LabError."""
    from lab.runtime.compose.containers import Containers
    from lab.runtime.compose.engine_cleanup import LabInEngine

    LabInEngine(Containers(config.name), config.name, config.home).claim()
