"""Writes a new model's folder, whole or not at all, and never over anything."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.base.dataset import hash_file
from lab.base.errors import LabError

# Comments that stand in the contract, before the field named.
_COMMENTS = {
    "columns": "In the order in which the model takes them. Bounds are wider than the data seen so far, so that a drift"
    "\n# is found as drift and not as a mistake.",
    "owner": "Who answers for it, what it is for, and what it must not be used for: yours to write.",
}


@dataclass(frozen=True)
class Files:
    """The texts of a new folder by name, and the data that is copied, if it is: from where and to where."""

    folder: Path
    texts: Mapping[str, str]
    source: Path | None = None
    copy: Path | None = None


def contract_text(fields: Mapping[str, Any], columns: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of `model.yaml`, a line or a few for each column."""
    lines = ["# yaml-language-server: $schema=../../docs/model-schema.json"]
    for name, value in fields.items():
        lines += [f"# {_COMMENTS[name]}"] if name in _COMMENTS else []
        lines.append(_dumped({name: value}))
    lines += ["", f"# {_COMMENTS['columns']}", "columns:"]
    for name, one in columns.items():
        # YAML ends a name of many characters in a line of its own, unless it stands alone.
        key, short = _dumped(name).removesuffix("\n..."), _dumped(dict(one), flow=True)
        if len(key) + len(short) <= 114:
            lines.append(f"  {key}: {short}")
        else:
            lines += [f"  {key}:", *(f"    {line}" for line in _dumped(dict(one)).split("\n"))]
    return "\n".join(lines) + "\n"


def _dumped(value: Any, flow: bool = False) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Texts with line ends and the like are escaped, on one line."""

    def text(dumper: Dumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if value.isprintable() else '"')

    Dumper.add_representer(str, text)
    made: str = yaml.dump(
        value, None, Dumper, allow_unicode=True, sort_keys=False, width=10**6, default_flow_style=flow
    )
    return made.rstrip("\n")


def write(files: Files) -> None:
    """Makes the folder, and the copy of the data before it. Raises LabError when something is there already."""
    with _copied(files) as undo:
        try:
            _written(files)
        except BaseException:
            undo()
            raise


def _written(files: Files) -> None:
    parent = files.folder.parent
    # A level deeper than models lie, so that nobody takes it for one meanwhile.
    with tempfile.TemporaryDirectory(prefix=".new-", dir=parent) as scratch:
        made = Path(scratch) / files.folder.name
        made.mkdir()
        for name, text in files.texts.items():
            (made / name).write_text(text, encoding="utf-8")
        try:
            # An empty folder would be replaced by the renaming; this refuses it.
            if files.folder.exists():
                raise FileExistsError
            made.rename(files.folder)
        except OSError:
            raise LabError(f"{files.folder} can't be made: it is there already.", "Take another name.") from None


@contextmanager
def _copied(files: Files) -> Iterator[Any]:
    """The copy under its name, complete; yields what takes it away again."""
    if files.source is None or files.copy is None:
        yield lambda: None
        return
    copy = files.copy
    if copy.exists():
        if hash_file(copy) != hash_file(files.source):
            raise LabError(f"{copy} is there already, with other data.", "Move it away, or take another name.")
        yield lambda: None
        return
    copy.parent.mkdir(exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(prefix=f".{copy.name}.", dir=copy.parent)
    os.close(descriptor)
    try:
        shutil.copyfile(files.source, scratch)
        # As any file of the person's: the scratch file is private.
        Path(scratch).chmod(0o644)
        os.link(scratch, copy)
    finally:
        Path(scratch).unlink()
    yield copy.unlink
