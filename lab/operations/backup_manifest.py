"""What a backup of a lab holds and what its manifest says: the names of its members, and what each must be."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from lab.base.errors import LabError
from lab.governance.ledger import Head, each_key_once

FORMAT = 1
# The first member says what the file is, the last one what must have come between: without it the file is incomplete.
LABEL, MANIFEST = "mlops-lab-backup.json", "manifest.json"
DATABASE, DATA, ARTIFACTS, GOVERNANCE = "database/", "data/", "artifacts/", "governance/"
WITNESS, TRAIL = "witness/heads.jsonl", "audit/trail.jsonl"
SUFFIX = ".backup.tar.gz"
_FOLDERS = (DATABASE, DATA, ARTIFACTS, GOVERNANCE)
# Only these may lie deeper than one folder: they are keys of objects, never paths of this machine.
_DEEP = (DATA, ARTIFACTS)


@dataclass(frozen=True)
class Member:
    """One file of a backup; `content_type` and `metadata` are those of an object of the store."""

    name: str
    size: int
    sha256: str
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """How much is in a lab: what a restore must bring back."""

    runs: int = 0
    versions: int = 0
    entries: int = 0

    def __str__(self) -> str:
        return f"{self.runs} runs and {self.versions} versions"


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. `head` is the trail's newest entry, number 0 in an empty trail.

    `versions` are those of the software whose data it holds; `faults` what was wrong with the trail.
    """

    lab: str
    runtime: str
    made_at: str
    code_version: str
    versions: Mapping[str, str]
    head: Head
    counts: Counts
    faults: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()

    def to_json(self) -> bytes:
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "Manifest":
        """Raises LabError for anything that no backup of this format holds."""
        try:
            raw = json.loads(body, object_pairs_hook=each_key_once)
            known_format(raw)
            texts = {name: _text(raw[name]) for name in ("lab", "runtime", "made_at", "code_version")}
            return cls(
                **texts,
                versions=_texts(raw["versions"]),
                head=Head(_number(raw["head"]["seq"]), _text(raw["head"]["hash"]), "in the backup"),
                counts=Counts(**{one.name: _number(raw["counts"][one.name]) for one in fields(Counts)}),
                faults=tuple(map(_text, raw["faults"])),
                members=tuple(map(_member, raw["members"])),
            )
        except (ValueError, TypeError, KeyError, RecursionError, AttributeError) as err:
            raise LabError(f"The backup's manifest can't be read: {type(err).__name__} {err}.", _REMEDY) from None

    def check(self, found: Sequence[Member]) -> None:
        """Raises LabError unless exactly the members of the manifest were found, each with its size and SHA-256."""
        expected = {member.name: member for member in self.members}
        seen = {member.name: member for member in found}
        if missing := sorted(expected.keys() - seen.keys()):
            raise LabError(f"The backup is incomplete: {missing[0]} is missing{_more(missing)}.", _REMEDY)
        if foreign := sorted(seen.keys() - expected.keys()):
            raise LabError(f"The backup holds {foreign[0]}, which its manifest doesn't name{_more(foreign)}.", _REMEDY)
        if len(found) != len(seen):
            raise LabError("The backup holds a member twice.", _REMEDY)
        for name, member in expected.items():
            if (seen[name].size, seen[name].sha256) != (member.size, member.sha256):
                raise LabError(f"The backup is damaged: {name} isn't what its SHA-256 says.", _REMEDY)
        if needed := {DATABASE + "dagster.dump", DATABASE + "mlflow.dump", TRAIL} - expected.keys():
            raise LabError(f"The backup is incomplete: {min(needed)} is missing.", _REMEDY)


_REMEDY = "Nothing was changed; give another backup."


def known_format(raw: Mapping[str, Any]) -> None:
    """Raises LabError for a backup of a format that this code doesn't know."""
    if raw["format"] != FORMAT:
        raise LabError(
            f"This backup has format {raw['format']!r}, and this version of the lab knows format {FORMAT} only.",
            "Restore it with the version that made it.",
        )


def check_name(name: str) -> None:
    """Raises LabError for a name that no member of a backup has, as one that leads out of its folder."""
    parts = name.split("/")
    known = name in {WITNESS, TRAIL} or any(name.startswith(folder) for folder in _FOLDERS)
    deep = any(name.startswith(folder) for folder in _DEEP)
    odd = any(part in {"", ".", ".."} for part in parts) or "\\" in name or "\0" in name
    if not known or odd or (len(parts) > 2 and not deep):
        raise LabError(f"The backup holds {name!r}, which doesn't belong there.", _REMEDY)


def _member(raw: Mapping[str, Any]) -> Member:
    return Member(
        _text(raw["name"]),
        _number(raw["size"]),
        _text(raw["sha256"]),
        _text(raw["content_type"]),
        _texts(raw["metadata"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value


def _texts(value: Mapping[str, object]) -> dict[str, str]:
    return {_text(name): _text(item) for name, item in value.items()}


def _more(names: Sequence[str]) -> str:
    return f", and {len(names) - 1} more" if len(names) > 1 else ""
