"""Checks an exported audit trail offline: `python -m lab.governance.ledger.verify_export FILE [HEADS]`.

For auditors. It needs Python and little reading: `entry` and `chain` beside this file. FILE is what
`mlops-lab audit export` wrote, one entry a line; HEADS holds published heads, one a line:
{"seq": number, "hash": "SHA-256"}.
Without heads nobody can tell that the newest entries were cut off, or rewritten together with all their hashes, nor
whose trail it is. A file without any entry proves nothing, and isn't intact.
Exit code: 0 intact, 1 something is wrong, 2 the files can't be read.
"""

import base64
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from lab.base.errors import LabError, LedgerError
from lab.governance.ledger import Entry, Fault, Head, Kind, Verification, each_key_once, verify

# Heads that were exported with FILE lie in the file of its name with this behind it.
HEADS_SUFFIX = ".heads.jsonl"
USAGE = "usage: python -m lab.governance.ledger.verify_export FILE [HEADS]\n"


@contextmanager
def _readable(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as err:
        raise LedgerError(f"Can't read {path}: {err.strerror}.", "Give a file that `audit export` wrote.") from None


def exported(path: Path) -> Iterator[tuple[str, bytes]]:
    """Key and exact text of each entry. Raises LedgerError for a line of another form, or a file that can't be read."""
    with _readable(path) as file:
        yield from exported_lines(file, str(path))


def exported_lines(lines: Iterable[bytes], name: str) -> Iterator[tuple[str, bytes]]:
    """As `exported`, of the lines of an export called `name`."""
    for number, line in enumerate(lines, 1):
        try:
            raw = json.loads(line, object_pairs_hook=each_key_once)
            body = base64.b64decode(raw["body_base64"]) if "body_base64" in raw else raw["body"].encode()
            yield str(raw["key"]), body
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise LedgerError(f"{name}, line {number}, is no line of an export.", "Export it again.") from None


def published(path: Path) -> list[Head]:
    """The heads in a file, in rising order. Raises LedgerError for a line of another form, or a file that can't be
    read.
    """
    heads = []
    with _readable(path) as file:
        for number, line in enumerate(file, 1):
            try:
                raw = json.loads(line, object_pairs_hook=each_key_once)
                seq, digest = raw["seq"], raw["hash"]
            except (ValueError, TypeError, KeyError, RecursionError):
                seq, digest = None, None
            if type(seq) is not int or not isinstance(digest, str):
                raise LedgerError(
                    f"{path}, line {number}, is no published head.", "Give a file of heads, as came with an export."
                )
            heads.append(Head(seq, digest, f"{path.name}, line {number}"))
    return sorted(heads, key=lambda head: head.seq)


def verify_files(path: Path, heads: Path | None = None) -> Verification:
    """The outcome for an export, compared with the published heads where there are some. Raises LabError."""
    found = verify(exported(path), published(heads) if heads else ())
    if found.checked or found.faults:
        return found
    return replace(found, faults=(Fault(1, f"missing: {path.name} holds no entry", Kind.MISSING),))


def report(found: Verification) -> Iterator[str]:
    """The outcome in lines for people; without control characters, which an entry may hold."""
    for fault in found.faults:
        yield f"FAULT  entry {fault.seq}: {fault.problem}"
    for entry in found.unfinished:
        yield f"OPEN   entry {entry.seq}: {entry.action} of run {entry.run_id or '-'} has no end"
    yield f"{found.checked} entries, head {_head(found.head)}, {found.heads} published heads compared"
    if not found.heads:
        yield "No published head was compared: entries cut off or rewritten at the end would not be seen."
    yield "INTACT" if found.intact else f"NOT INTACT: {len(found.faults)} found"


def printable(text: str) -> str:
    """`text` without what could steer a terminal."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _head(entry: Entry | None) -> str:
    return f"{entry.seq} ({entry.hash})" if entry else "unknown"


def main(arguments: Sequence[str]) -> int:
    """Runs the command line."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write(USAGE)
        return 2
    try:
        found = verify_files(*map(Path, arguments))
    except LabError as err:
        sys.stderr.write(f"error: {err}\n")
        return 2
    sys.stdout.write("".join(f"{printable(line)}\n" for line in report(found)))
    return 0 if found.intact else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
