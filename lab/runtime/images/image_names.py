"""What the images are called, which official ones a lab runs, and which files say so."""

import re
from collections.abc import Mapping
from pathlib import Path

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.layout import write_private

# Made here in any case, from stack/images/<name>/Dockerfile.
OURS = ("exporters", "mlflow", "pipelines")
# Made by an air-gapped build in place of official images; the variable that names each one for Compose.
STAND_INS: Mapping[str, str] = {
    "postgres": "POSTGRES_IMAGE",
    "seaweedfs": "SEAWEEDFS_IMAGE",
    "prometheus": "PROMETHEUS_IMAGE",
    "alertmanager": "ALERTMANAGER_IMAGE",
}
# What an air-gapped build starts from; the same for all labs of a machine, so they carry no lab's label.
BASE, BUILD = "base", "build"
EVERY = (BASE, BUILD, *STAND_INS, *OURS)
REPOSITORY = "mlops-lab"
LAB_LABEL, IMAGE_LABEL = "org.mlops-lab.lab", "org.mlops-lab.image"
# A stage that a build leaves behind as its cache.
STAGE_LABEL = "org.mlops-lab.stage"
# A hash of what an image was made from, where making it again costs too much to leave that to the engine's cache.
INPUTS_LABEL = "org.mlops-lab.inputs"
PYTHON_IMAGE = "PYTHON_IMAGE"
LEGACY_IMAGE = "MINIO_IMAGE"
_LINE = re.compile(r"([A-Z_]+)=(\S+)")


def tag(image: str, lab: str) -> str:
    """The name of a lab's image."""
    return f"{REPOSITORY}/{image}:{lab}"


def pins_file(root: Path) -> Path:
    """The committed file that names the official images."""
    return root / "stack" / "images.env"


def override_file(config: LabConfig) -> Path:
    """The lab's own file, which wins over the committed one; there only after an air-gapped build."""
    return config.home / "compose" / "images.env"


def images(config: LabConfig) -> Mapping[str, str]:
    """The official images, or what stands in for them, by variable. Raises LabError for a file that can't be read."""
    override = override_file(config)
    return read(pins_file(config.root)) | (read(override) if override.exists() else {})


def read(path: Path) -> dict[str, str]:
    """The variables in a file of NAME=value lines. Raises LabError naming the line that isn't one."""
    try:
        lines = path.read_text().splitlines()
    except OSError as err:
        raise LabError(f"Can't read {path}: {err.strerror}.", "Restore it.") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if not match:
            raise LabError(f"{path}, line {number}: {line!r} is no NAME=value.", "Correct the line.")
        if match[1] in found:
            raise LabError(f"{path}, line {number}: {match[1]} is there twice.", "Keep one of the lines.")
        found[match[1]] = match[2]
    return found


def write_override(config: LabConfig) -> None:
    """Lets the lab run the stand-ins."""
    lines = [f"{variable}={tag(image, config.name)}" for image, variable in STAND_INS.items()]
    text = "# Made by `invoke build --airgap` or `--bundle`; `invoke build` without them takes it away.\n"
    path = override_file(config)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, text + "".join(f"{line}\n" for line in lines))


def pinned(text: str, digests: Mapping[str, str]) -> str:
    """The committed file's text with `digests` (by image name and tag) in place; digests it had before go."""
    lines = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match:
            name = match[2].partition("@")[0]
            line = f"{match[1]}={name}" + (f"@{digests[name]}" if name in digests else "")
        lines.append(line)
    return "\n".join(lines) + "\n"
