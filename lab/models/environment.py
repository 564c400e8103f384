"""A model's own environment: `pyproject.toml` and `uv.lock` in its folder say which packages its code runs with."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from lab.base.errors import SettingsError
from lab.models.listing import file_content

PROJECT_FILE, LOCK_FILE = "pyproject.toml", "uv.lock"
# What a model's own files, and so their digest, the trail and MLflow's run call the lock's hash.
LOCK_KEY = "environment_lock"
# What the lab's own script imports there.
NEEDED = ("mlflow", "pandas")
# Seconds that one call of the model's code may take.
DEADLINE_S, LONGEST_S = 3600, 86_400
# A name, extras, and versions; a marker or an address after them says nothing of these.
_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[(?P<extras>[^\]]*)\])?(?P<versions>[^;@]*)([;@].*)?", re.DOTALL
)
_REMEDY = "Type `uv lock` in that folder."


@dataclass(frozen=True)
class OwnEnvironment:
    """What is in the folder of model `slug`. `project` and `lock` are the two files."""

    slug: str
    project: bytes
    lock: bytes

    @cached_property
    def lock_hash(self) -> str:
        """SHA-256 of the lock: it names the environment, in the audit trail and on disk."""
        return sha256(self.lock).hexdigest()

    @property
    def packages(self) -> tuple[str, ...]:
        """What the project asks for itself, by name. Raises SettingsError."""
        return tuple(sorted(self._asked()))

    @property
    def deadline_s(self) -> float:
        """`deadline_seconds` below `[tool.mlops-lab]`. Raises SettingsError."""
        told = self._project.get("tool", {}).get("mlops-lab", {}).get("deadline_seconds", DEADLINE_S)
        if isinstance(told, bool) or not isinstance(told, (int, float)) or not 0 < told <= LONGEST_S:
            raise self._wrong(PROJECT_FILE, f"deadline_seconds is no number up to {LONGEST_S}", "Mend it there.")
        return float(told)

    def check(self) -> None:
        """Raises SettingsError unless the lock is one of the project, with the packages that the lab needs there."""
        asked, locked = self._asked(), self._locked()
        if asked != locked:
            differing = sorted({name for name, _ in asked.items() ^ locked.items()})
            raise self._wrong(LOCK_FILE, f"doesn't fit {PROJECT_FILE}: {', '.join(differing)}", _REMEDY)
        there = {one.get("name") for one in _packages(self._locking)}
        if absent := [name for name in NEEDED if name not in there]:
            raise self._wrong(
                LOCK_FILE,
                f"lacks {' and '.join(absent)}, by which the lab reaches the model",
                f"Type `uv add {' '.join(absent)}` in that folder.",
            )
        _ = self.deadline_s

    def _asked(self) -> dict[str, str]:
        """Requirements of the project, by name: extras and versions in one form."""
        project = self._project.get("project", {})
        texts = project.get("dependencies", []) if isinstance(project, dict) else None
        found: dict[str, str] = {}
        for text in texts if isinstance(texts, list) else [texts]:
            one = _REQUIREMENT.fullmatch(text) if isinstance(text, str) else None
            if one is None:
                raise self._wrong(PROJECT_FILE, f"has {text!r} among its dependencies", "Mend it there.")
            extras = [part.strip() for part in (one["extras"] or "").split(",") if part.strip()]
            found[re.sub(r"[-_.]+", "-", one["name"]).lower()] = _form(extras, one["versions"].strip(" ()"))
        return found

    def _locked(self) -> dict[str, str]:
        """The same, as the lock knew them."""
        for one in _packages(self._locking):
            if {"virtual", "editable"} & set(one.get("source", {})):
                asked = one.get("metadata", {}).get("requires-dist", [])
                return {it["name"]: _form(it.get("extras", ()), it.get("specifier", "")) for it in asked}
        return {}

    @cached_property
    def _project(self) -> dict[str, Any]:
        return self._read(PROJECT_FILE, self.project)

    @cached_property
    def _locking(self) -> dict[str, Any]:
        # A lock of half a megabyte takes a tenth of a second.
        return self._read(LOCK_FILE, self.lock)

    def _read(self, name: str, content: bytes) -> dict[str, Any]:
        try:
            return tomllib.loads(content.decode())
        except (ValueError, RecursionError) as err:
            raise self._wrong(name, f"is no TOML: {' '.join(str(err).split())[:200]}", _REMEDY) from None

    def _wrong(self, name: str, what: str, remedy: str) -> SettingsError:
        return SettingsError(f"pipelines/{self.slug}/{name}: {what}.", remedy)


def environment_of(folder: Path, read: Callable[[Path], bytes] = file_content) -> OwnEnvironment | None:
    """The own environment of the model in `folder`; None: the lab's packages are its. Not checked yet.

    Raises SettingsError when one of the two files is missing or can't be read.
    """
    found: dict[str, bytes] = {}
    for name in (PROJECT_FILE, LOCK_FILE):
        try:
            found[name] = read(folder / name)
        except FileNotFoundError:
            continue
        except OSError as err:
            raise SettingsError(f"Can't read {folder / name}: {err.strerror}.", "Give the lab's user leave.") from None
    if not found:
        return None
    if len(found) == 1:
        there, absent = (PROJECT_FILE, LOCK_FILE) if PROJECT_FILE in found else (LOCK_FILE, PROJECT_FILE)
        remedy = _REMEDY if absent == LOCK_FILE else f"Write {PROJECT_FILE}, or remove {LOCK_FILE}."
        raise SettingsError(f"pipelines/{folder.name} has {there} and no {absent}.", remedy)
    return OwnEnvironment(folder.name, found[PROJECT_FILE], found[LOCK_FILE])


def _packages(lock: dict[str, Any]) -> list[dict[str, Any]]:
    found = lock.get("package", [])
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _form(extras: Any, specifier: str) -> str:
    """In one order: uv writes versions in its own."""
    versions = sorted("".join(part.split()) for part in specifier.split(","))
    return f"[{','.join(sorted(extras))}]{','.join(versions)}"
