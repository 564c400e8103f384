"""The file of a backup: a compressed tar that is written and read as a stream, in memory that doesn't grow with it."""

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from lab.base.errors import LabError
from lab.governance.ledger import each_key_once
from lab.operations.backup_manifest import FORMAT, LABEL, MANIFEST, Manifest, Member, check_name, known_format

_LEVEL = 6
_PIECE = 1 << 20
# More than a manifest of a million objects; a file that claims more isn't one.
_LARGEST_MANIFEST = 1 << 30
_REMEDY = "Nothing was changed; give another backup."


class Writer:
    """Adds members one after the other; `finish` adds the manifest, without which nobody takes the file for whole.

    A context in which it is used; where that ends early, what was written isn't a backup.
    """

    def __init__(self, target: IO[bytes]) -> None:
        self._hashed = _Hashed(target)
        self._gzip = gzip.GzipFile(fileobj=self._hashed, mode="wb", compresslevel=_LEVEL, filename="", mtime=0)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - a context
        self.members: list[Member] = []
        self._put_bytes(LABEL, json.dumps({"format": FORMAT}).encode())

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        # Both write what they hold back; on a full disk that fails, and they must not try again when collected.
        with suppress(OSError):
            self._tar.close()
        with suppress(OSError):
            self._gzip.close()

    def add(
        self, name: str, body: IO[bytes], size: int, content_type: str = "", metadata: Mapping[str, str] | None = None
    ) -> None:
        """Adds `size` bytes of `body`. Raises LabError when the body ends before, or `name` can't be a member's."""
        check_name(name)
        member = self._put(name, body, size)
        self.members.append(replace(member, content_type=content_type, metadata=dict(metadata or {})))

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            self.add(name, file, path.stat().st_size)

    def finish(self, manifest: Manifest) -> str:
        """Adds the manifest with all members in it; returns the SHA-256 of the whole file."""
        self._put_bytes(MANIFEST, replace(manifest, members=tuple(self.members)).to_json())
        self._tar.close()
        self._gzip.close()
        return self._hashed.digest.hexdigest()

    def _put_bytes(self, name: str, body: bytes) -> None:
        self._put(name, io.BytesIO(body), len(body))

    def _put(self, name: str, body: IO[bytes], size: int) -> Member:
        info = tarfile.TarInfo(name)
        info.mode = 0o600
        info.size = size
        reader = _HashedReader(body)
        try:
            self._tar.addfile(info, reader)
        except OSError as err:
            if "unexpected end" in str(err):
                raise LabError(f"{name} got shorter while it was read.", "Type `invoke backup` again.") from None
            raise
        _forget(self._tar)
        return Member(name, info.size, reader.digest.hexdigest())


class BackupFile:
    """A backup that lies on disk. Methods raise LabError for whatever is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def verify(self, look: Mapping[str, Callable[[IO[bytes]], object]] | None = None) -> Manifest:
        """Reads the whole file and compares every member with the manifest; `look` gets to read members by name."""
        found: list[Member] = []
        manifest: Manifest | None = None
        for name, size, body in self._entries():
            if manifest is not None:
                raise LabError(f"{self.path} goes on behind its manifest.", _REMEDY)
            if name == MANIFEST:
                manifest = Manifest.from_json(_small(body, size))
                continue
            check_name(name)
            if look and name in look:
                look[name](cast("IO[bytes]", body))
            while body.read(_PIECE):
                pass
            found.append(Member(name, size, body.digest.hexdigest()))
        if manifest is None:
            raise LabError(f"{self.path} is incomplete: its manifest is missing.", _REMEDY)
        manifest.check(found)
        return manifest

    def members(self, folders: tuple[str, ...]) -> Iterator[tuple[str, int, IO[bytes]]]:
        """Name, size and content of each member below one of the `folders`, which was verified before."""
        for name, size, body in self._entries():
            if name.startswith(folders):
                check_name(name)
                yield name, size, cast("IO[bytes]", body)

    def _entries(self) -> Iterator[tuple[str, int, "_HashedReader"]]:
        with self._understood(), self.path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as unpacked:
            first = True
            with tarfile.open(fileobj=unpacked, mode="r|") as tar:
                for info in tar:
                    body = tar.extractfile(info) if info.isreg() else None
                    if body is None:
                        raise LabError(f"The backup holds {info.name!r}, which is no plain file.", _REMEDY)
                    if first:
                        self._check_label(info, body)
                    else:
                        # Read where this generator isn't at work, so it minds errors itself.
                        yield info.name, info.size, _HashedReader(body, self._understood)
                    first = False
                    _forget(tar)
            if first:
                raise self._foreign()
            # The checksum of the compression stands at its end, behind what the tar needs.
            while unpacked.read(_PIECE):
                pass

    def _check_label(self, info: tarfile.TarInfo, body: IO[bytes]) -> None:
        try:
            if info.name != LABEL or info.size > _PIECE:
                raise self._foreign()
            known_format(json.loads(body.read(), object_pairs_hook=each_key_once))
        except (ValueError, TypeError, KeyError, RecursionError):
            raise self._foreign() from None

    def _foreign(self) -> LabError:
        return LabError(f"{self.path} is no backup of a lab.", "Give a file that `invoke backup` wrote.")

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except gzip.BadGzipFile as err:
            if "Not a gzipped file" in str(err):
                raise self._foreign() from None
            raise LabError(f"{self.path} is damaged: {err}.", _REMEDY) from None
        except (tarfile.TarError, EOFError, zlib.error) as err:
            raise LabError(f"{self.path} is damaged or cut off: {err}.", _REMEDY) from None
        except OSError as err:
            raise LabError(f"Can't read {self.path}: {err.strerror or err}.", "Give a backup's file.") from None


def _forget(tar: tarfile.TarFile) -> None:
    """The module remembers every member that went through; here they may be a million."""
    vars(tar)["members"] = []


def _small(body: "_HashedReader", size: int) -> bytes:
    if size > _LARGEST_MANIFEST:
        raise LabError("The backup's manifest is too large to be one.", _REMEDY)
    return body.read()


class _Hashed:
    """Passes on what is written, and hashes it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def write(self, piece: bytes) -> int:
        self.digest.update(piece)
        return self._file.write(piece)

    def flush(self) -> None:
        self._file.flush()


class _HashedReader(io.RawIOBase):
    """Passes on what is read, and hashes it."""

    def __init__(self, file: IO[bytes], minding: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._file, self._minding, self.digest = file, minding, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # typeshed has no name for buffers on 3.11
        with self._minding():
            piece = self._file.read(len(view))
        view[: len(piece)] = piece
        self.digest.update(piece)
        return len(piece)
