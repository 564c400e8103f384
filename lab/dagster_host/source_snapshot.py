"""Lets a forked process execute the code as it is on disk at that moment, and nothing but that code until its end.

All source files are read once. What this process imports of the project later, also in the middle of a run, comes from
that reading: an edit during a run changes nothing in it, and the fingerprint names exactly the code that is executed.
Bytecode files play no part: they tell an edit from its predecessor by whole seconds and length only.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import invalidate_caches
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from lab.base.source_code import fingerprint, sources
from lab.models.listing import file_content

ROOT = Path(__file__).resolve().parents[2]
# Where a process that has called `take` says which code it executes.
FINGERPRINT_VARIABLE = "CODE_FINGERPRINT"
_PACKAGES = frozenset({"lab", "pipelines"})
# Path and SHA-256 of its content → compiled. Filled before a fork, it saves every forked process the compiling.
_COMPILED: dict[tuple[str, bytes], CodeType] = {}
# Real path → content, once this process has called `take`.
_held: dict[str, bytes] = {}


class _Loader(SourceFileLoader):
    """Loads a module from the files that were read."""

    def __init__(self, fullname: str, path: str, files: Mapping[str, bytes]) -> None:
        super().__init__(fullname, path)
        self._files = files

    def get_data(self, path: str) -> bytes:
        held = self._files.get(os.path.realpath(path))
        return super().get_data(path) if held is None else held

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return _compiled(path, self.get_data(path))


class _Finder(MetaPathFinder):
    """Finds the project's modules where Python does, and has them loaded from the files that were read."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in _PACKAGES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path, self._files)
        return spec


def prime(root: Path = ROOT) -> Mapping[str, bytes]:
    """Compiles the code on disk ahead of forks; returns what was read. What doesn't compile is left for later."""
    read = sources(root)
    for path, body in read.items():
        if not path.endswith(".py"):
            continue
        try:
            _compiled(str(root / path), body)
        except (SyntaxError, ValueError):
            # The process that imports it reports it.
            continue
    return read


def take(root: Path = ROOT, read: Mapping[str, bytes] | None = None) -> str:
    """Reads the code on disk, forgets what was imported of it, and returns its fingerprint.

    To be called once, by a process that is to execute it; the environment has the fingerprint, too. Who has `read` the
    code a moment ago gives it: files that were just saved are waited for once, and not again.
    """
    read = sources(root) if read is None else read
    _held.update({os.path.realpath(root / path): body for path, body in read.items()})
    sys.meta_path.insert(0, _Finder(_held))
    for name in [name for name in sys.modules if name.partition(".")[0] in _PACKAGES]:
        # What was read is kept in this one.
        if name != __name__:
            del sys.modules[name]
    # Or a file made within the last moments might not be found.
    invalidate_caches()
    os.environ[FINGERPRINT_VARIABLE] = fingerprint(read)
    return os.environ[FINGERPRINT_VARIABLE]


def read_bytes(path: Path) -> bytes:
    """A source file that is no Python: as `take` read it, or as it is on disk. Raises OSError."""
    held = _held.get(os.path.realpath(path))
    return file_content(path) if held is None else held


def _compiled(path: str, body: bytes) -> CodeType:
    key = (path, sha256(body).digest())
    if key not in _COMPILED:
        _COMPILED[key] = compile(body, path, "exec", dont_inherit=True)
    return _COMPILED[key]
