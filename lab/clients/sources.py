"""The source files that a pipeline is made of: what they hold, when they change, and one fingerprint of them all."""

import os
import time
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

# What a run executes of this project, below its folder.
TREES = ("pipelines", "lab/core", "lab/clients", "lab/dagster_host", "lab/training")
_SINGLE = ("lab/__init__.py",)
_SUFFIX = ".py"
# A file younger than this may be half written: it is read again until it stays the same, for a while at most.
_FRESH_S, _PAUSE_S, _DEADLINE_S = 1.0, 0.1, 5.0


def stamps(root: Path) -> dict[str, tuple[int, ...]]:
    """Path below `root` → what changes when the file does, for every source file; cheap."""
    return {path: _stamp(found) for path, found in _files(root)}


def sources(root: Path) -> dict[str, bytes]:
    """Path below `root` → content, for every source file. One that is being written is waited for, up to 5 seconds."""
    read = _read(root)
    deadline = time.monotonic() + _DEADLINE_S
    while _being_written(root) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
        again = _read(root)
        if again == read:
            break
        read = again
    return read


def fingerprint(read: Mapping[str, bytes]) -> str:
    """64 hex digits that name exactly these paths and contents; empty for no files."""
    lines = (f"{path}\0{sha256(body).hexdigest()}\n" for path, body in sorted(read.items()))
    return sha256("".join(lines).encode()).hexdigest() if read else ""


def _read(root: Path) -> dict[str, bytes]:
    read = {}
    for path, _ in _files(root):
        try:
            read[path] = (root / path).read_bytes()
        except OSError:
            # Removed or being replaced at this moment; whoever imports it says what is missing.
            continue
    return read


def _being_written(root: Path) -> bool:
    now = time.time()
    return any(abs(now - found.st_mtime) < _FRESH_S for _, found in _files(root))


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    for tree in TREES:
        yield from _below(str(root), tree)
    for path in _SINGLE:
        try:
            yield path, (root / path).stat()
        except OSError:
            continue


def _below(root: str, tree: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(f"{root}/{tree}") as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        path = f"{tree}/{entry.name}"
        try:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _below(root, path)
            elif entry.name.endswith(_SUFFIX) and not entry.name.startswith("."):
                yield path, entry.stat()
        except OSError:
            continue
