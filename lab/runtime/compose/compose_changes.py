"""What a lab's containers were made from, written down so that a later `up` can say why it makes one anew."""

import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lab.base.catalogue import Service
from lab.runtime import isolation
from lab.runtime.compose.compose_files import Stack, files_of, told, variables_of
from lab.runtime.compose.containers import Container
from lab.runtime.layout import write_private

_NAME = "made-from.json"
# A variable, and what counts without it; `:?` says only what to do about that.
_REFERENCE = re.compile(r"\$\{(\w+)(?::?(?:-([^}]*)|\?[^}]*))?\}")
# By service: the digests of what it is told, by what a person would call that.
Made = dict[str, dict[str, str]]


def write(stack: Stack, only: Sequence[str] = ()) -> None:
    """Writes down what containers have just been made from; with `only`, for those."""
    now = _made(stack)
    kept = {name: what for name, what in (_read(stack) or {}).items() if only and name not in only}
    write_private(_path(stack), json.dumps(now | kept, indent=1, sort_keys=True))


def changes(
    stack: Stack, containers: Mapping[str, Container], image_id: Callable[[str], str]
) -> Mapping[Service, Sequence[str]]:
    """The running services whose containers would be made anew, and why; `image_id` is of an image's name.

    Nothing of a lab whose containers were made before this was written down.
    """
    before = _read(stack)
    if before is None:
        return {}
    now, found = _made(stack), {}
    sections, variables = _sections(stack), variables_of(stack)
    for service in Service:
        container = containers.get(service)
        if container is None or not container.running or service not in now:
            continue
        differ = _differences(before.get(service, {}), now[service])
        image = _interpolated(str(sections[service].get("image", "")), variables)
        if image and image_id(image) not in {"", container.image}:
            differ.append("image")
        if differ:
            found[service] = differ
    return found


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _made(stack: Stack) -> Made:
    variables, environments = variables_of(stack), told(stack)
    made: Made = {}
    for name, section in _sections(stack).items():
        text = json.dumps(section, sort_keys=True, default=str)
        used = {found[1]: variables.get(found[1], "") for found in _REFERENCE.finditer(text)}
        given = {key: value for key, value in environments.get(name, {}).items() if key != "LAB_FILES_READ"}
        made[name] = {
            **{f"variable {key}": _digest(stack, value) for key, value in (used | given).items()},
            **{f"file {key}": _digest(stack, value) for key, value in files_of(stack, name).items()},
            "compose file": _digest(stack, text),
        }
    return made


def _sections(stack: Stack) -> Mapping[str, Mapping[str, Any]]:
    """The services of the compose files, each merged as Compose does for what stands in several."""
    found: dict[str, dict[str, Any]] = {}
    for path in isolation.compose_files(stack.config):
        for name, section in yaml.safe_load(path.read_text(encoding="utf-8"))["services"].items():
            found[name] = found.get(name, {}) | section
    return found


def _interpolated(text: str, variables: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: variables.get(found[1]) or found[2] or "", text)


def _digest(stack: Stack, text: str) -> str:
    # Keyed: a password could be guessed from a bare one.
    return hmac.new(stack.config.secrets.store_jwt.encode(), text.encode(), "sha256").hexdigest()[:12]


def _path(stack: Stack) -> Path:
    return stack.folder / _NAME


def _read(stack: Stack) -> Made | None:
    try:
        found = json.loads(_path(stack).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and all(isinstance(one, dict) for one in found.values()) else None
