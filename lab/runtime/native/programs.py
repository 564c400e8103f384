"""What a native service is started with, written down so that a later `up` can say in what it would differ."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from lab.base.catalogue import Service
from lab.base.source_code import exporters_fingerprint
from lab.runtime.layout import Layout, write_private
from lab.runtime.native.command_lines import Command, python
from lab.runtime.native.service_files import Input
from lab.runtime.native.supervisor import Program, render

_DIGITS = 12
_ROOT = Path(__file__).resolve().parents[3]
_EXPORTERS = frozenset({Service.DRIFT_MONITOR, Service.DAGSTER_METRICS, Service.GOVERNANCE_METRICS})
_SECTION = re.compile(r"(?m)^(?=\[program:)")


@dataclass(frozen=True)
class Plan:
    """How `service` would be started now: the text of its launch file at `path`, which may hold secrets."""

    service: Service
    path: Path
    spec: str = field(repr=False)
    program: Program

    def changes(self) -> tuple[str, ...]:
        """In what this differs from how the service was started, by name and never by value; nothing for a new one."""
        try:
            old = json.loads(self.path.read_text(encoding="utf-8"))
            return tuple(_differences(old, json.loads(self.spec)))
        except FileNotFoundError:
            return ()
        except (ValueError, AttributeError, TypeError):
            return (f"file {self.path.name}",)


def plan(service: Service, command: Command, files: Sequence[Input], layout: Layout) -> Plan:
    """`command` as supervisord starts it: by `launch.py`, which reads it from a file."""
    read = {one.path.name: _digest(one.text) for one in files if service in one.readers}
    if service in _EXPORTERS:
        # Nothing else tells them that their code was updated, and front ends read what they say.
        read["exporters"] = exporters_fingerprint(_ROOT)[:_DIGITS]
    spec = launch_spec(command, read)
    path = layout.config / f"{service}.json"
    launch = Path(__file__).resolve().with_name("launch.py")
    # The digest makes a change in environment or files one of the command line, which supervisord notices.
    argv = [str(python()), "-I", "-S", str(launch), str(path), _digest(spec)]
    return Plan(service, path, spec, Program(str(service), argv, command.stop_signal, command.stop_group))


def launch_spec(command: Command, files: Mapping[str, str]) -> str:
    """What `launch.py` reads; `files` are the digests of what the service reads by itself."""
    spec = {
        "command": list(command.argv),
        "environment": dict(command.environment),
        "folder": str(command.folder),
        "files": dict(files),
        # Left out where it says nothing, so that services of an earlier lab go on as they are.
        **({"hide_urls": True} if command.hide_urls else {}),
    }
    return json.dumps(spec, indent=1, sort_keys=True)


def write_programs(plans: Sequence[Plan], layout: Layout, only: Sequence[Service] = ()) -> None:
    """The launch files and supervisord's configuration; of services beside `only`, if given, all stays as it is."""
    path = layout.config / "supervisord.conf"
    chosen = [one for one in plans if not only or one.service in only]
    for one in chosen:
        write_private(one.path, one.spec)
    kept = _sections(path) if only else {}
    texts = {one.service: one.program for one in chosen}
    sections = [texts.get(one.service, kept.get(one.service)) for one in plans]
    places = (layout.run / "supervisor.sock", layout.run / "supervisor.pid", layout.logs)
    write_private(path, render([one for one in sections if one], *places))


def _sections(path: Path) -> dict[str, str]:
    try:
        found = _SECTION.split(path.read_text(encoding="utf-8"))[1:]
    except FileNotFoundError:
        return {}
    return {text[len("[program:") : text.index("]")]: text for text in found}


def _differences(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> list[str]:
    found = []
    for kind, word in {"environment": "variable", "files": "file"}.items():
        before, after = old.get(kind, {}), new[kind]
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        found += [f"{word} {name}" for name in changed]
    lines = {"command": "command line", "folder": "folder", "hide_urls": "what its log shows"}
    return found + [word for kind, word in lines.items() if old.get(kind) != new.get(kind)]


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_DIGITS]
