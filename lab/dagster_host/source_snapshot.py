"""Lets a process, and those that it forks, execute the code as it is on disk at one moment, and nothing but that code.

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
_OWN, _PEOPLES = "lab", "pipelines"
# Path and SHA-256 of its content → compiled. Filled before a fork, it saves every forked process the compiling.
_COMPILED: dict[tuple[str, bytes], CodeType] = {}
# Real path → content, once this process has called `take`, and of that the lab's own by its path below the root.
_held: dict[str, bytes] = {}
_own: dict[str, bytes] = {}


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
        if fullname.partition(".")[0] not in {_OWN, _PEOPLES}:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path, self._files)
        return spec


def take(root: Path = ROOT, read: Mapping[str, bytes] | None = None) -> str:
    """Reads the code on disk, forgets what was imported of it, and returns its fingerprint.

    The environment has the fingerprint, too. Who has `read` the code a moment ago gives it: files that were just saved
    are waited for once, and not again. Taken once more, by the same process or by one that it forked, the lab's own
    modules stay imported unless one of them has changed.
    """
    read = sources(root) if read is None else read
    own = {path: body for path, body in read.items() if path.startswith(f"{_OWN}/")}
    stale = {_PEOPLES} if own == _own else {_PEOPLES, _OWN}
    _replace(_own, own)
    _replace(_held, {os.path.realpath(root / path): body for path, body in read.items()})
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(_held))
    for name in [name for name in sys.modules if name.partition(".")[0] in stale]:
        # What was read is kept in this one.
        if name != __name__:
            del sys.modules[name]
    # Or a file made within the last moments might not be found.
    invalidate_caches()
    os.environ[FINGERPRINT_VARIABLE] = fingerprint(read)
    return os.environ[FINGERPRINT_VARIABLE]


def _replace(target: dict[str, bytes], content: Mapping[str, bytes]) -> None:
    target.clear()
    target.update(content)


def read_bytes(path: Path) -> bytes:
    """A source file that is no Python: as `take` read it, or as it is on disk. Raises OSError."""
    held = _held.get(os.path.realpath(path))
    return file_content(path) if held is None else held


def _compiled(path: str, body: bytes) -> CodeType:
    key = (path, sha256(body).digest())
    if key not in _COMPILED:
        _COMPILED[key] = compile(body, path, "exec", dont_inherit=True)
    return _COMPILED[key]
