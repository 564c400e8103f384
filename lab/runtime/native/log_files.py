"""Reading the log files of supervised services."""

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO

from lab.base.catalogue import Service

_EXITED = re.compile(r"exited: (?P<name>\S+) \((?P<how>.*)\)")
_POLL_SECONDS = 0.25
_BLOCK = 1 << 16


def tail(files: Sequence[Path], lines: int) -> list[str]:
    """The last `lines` lines over a log and its older parts, given oldest first; reads no more than it must."""
    kept: list[str] = []
    for path in reversed(files):
        if len(kept) < lines:
            kept = _last_lines(path, lines - len(kept)) + kept
    return kept


def _last_lines(path: Path, lines: int) -> list[str]:
    with path.open("rb") as file:
        place = file.seek(0, 2)
        body = b""
        # One line end more than asked for: the first line read may be cut, unless it is the file's first.
        while place and body.count(b"\n") <= lines:
            step = min(_BLOCK, place)
            place -= step
            file.seek(place)
            body = file.read(step) + body
    # Only line ends end a line: a log's text may hold other characters that Python's splitlines() would take for one.
    found = body.decode(errors="replace").replace("\r\n", "\n").split("\n")
    if not found[-1]:
        del found[-1]
    return found[-lines:]


def follow(files: Mapping[Service, Path], ended: Callable[[], bool] = lambda: False) -> Iterator[tuple[Service, str]]:
    """Lines that are written from now on, of several logs, until `ended`; goes on after a log is rotated."""
    open_files: dict[Service, IO[str]] = {}
    for service, path in files.items():
        if path.exists():
            open_files[service] = _open_at_end(path)
    try:
        while not ended():
            found = False
            for service, path in files.items():
                for line in _new_lines(open_files, service, path):
                    found = True
                    yield service, line
            if not found:
                time.sleep(_POLL_SECONDS)
    finally:
        for file in open_files.values():
            file.close()


def _open_at_end(path: Path) -> IO[str]:
    file = path.open(errors="replace")
    file.seek(0, 2)
    return file


def _new_lines(open_files: dict[Service, IO[str]], service: Service, path: Path) -> Iterator[str]:
    file = open_files.get(service)
    if file is None:
        if not path.exists():
            return
        file = open_files[service] = path.open(errors="replace")
    try:
        current = path.stat()
        rotated = current.st_ino != os.fstat(file.fileno()).st_ino or current.st_size < file.tell()
    except FileNotFoundError:
        rotated = False  # just being rotated
    yield from _whole_lines(file)
    if rotated:
        if rest := file.read():
            yield rest
        file.close()
        open_files[service] = path.open(errors="replace")


def _whole_lines(file: IO[str]) -> Iterator[str]:
    """Lines that are written to their end; the beginning of another one waits for its rest."""
    while True:
        place = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(place)
            return
        yield line.rstrip("\n")


def count_restarts(log: Path) -> Counter[str]:
    """How often each program ended unasked since its supervisor began its log; read again only when that has grown."""
    try:
        now = log.stat()
    except OSError:
        return Counter()
    return Counter(_counted(log, now.st_ino, now.st_size, now.st_mtime_ns))


@lru_cache(maxsize=4)
def _counted(log: Path, *_version: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return counts
    _, _, newest = text.rpartition("supervisord started with pid")
    for match in _EXITED.finditer(newest):
        if "not expected" in match["how"]:
            counts[match["name"]] += 1
    return counts
