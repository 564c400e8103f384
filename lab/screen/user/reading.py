"""Reads a person's own file: where it is, whether it can be trusted, and what is wrong with it, with the line."""

import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.base.errors import SettingsError
from lab.screen.user.judging import Place, Wrong, judge
from lab.screen.user.user_config import UserConfig

# What takes longer to read than this would put off the first paint; tomllib takes a dotted key's square of time.
MOST_BYTES, LONGEST_LINE = 64 * 1024, 1000
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Loaded:
    """What was read; `problem` is what a person should hear, `text` what stands in the file as far as it was read."""

    config: UserConfig
    path: Path
    problem: SettingsError | None = None
    text: str = ""

    def refused(self, wrong: Wrong) -> "Loaded":
        """The same file, of which nothing is taken because of what is `wrong`."""
        return Loaded(UserConfig(), self.path, explained(self.path, self.text, wrong), self.text)


def load(path: Path) -> Loaded:
    """The configuration in the file; that of a screen without one where there is none, or where something is wrong.

    Raises nothing. Commands of a file that somebody else could write are left out, and the problem says so.
    """
    try:
        text, unsafe = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return Loaded(UserConfig(), path)
    except SettingsError as err:
        return Loaded(UserConfig(), path, err)
    except (OSError, ValueError) as err:
        why = err.strerror if isinstance(err, OSError) else "it isn't UTF-8"
        return Loaded(UserConfig(), path, SettingsError(f"Can't read {path}: {why}.", "Mend it, or put it away."))
    try:
        config = judge(_parsed(text))
    except Wrong as wrong:
        return Loaded(UserConfig(), path, explained(path, text, wrong), text)
    if unsafe and config.commands:
        return Loaded(config.without_commands(), path, unsafe, text)
    return Loaded(config, path, None, text)


def explained(path: Path, text: str, wrong: Wrong) -> SettingsError:
    """What is wrong as an error with file and line."""
    line = wrong.place[0] if wrong.place[:1] and isinstance(wrong.place[0], int) else line_of(text, wrong.place)
    where = _dotted(wrong.place)
    return SettingsError(f"{path}, line {line}: {f'{where}: ' if where else ''}{wrong.said}.", wrong.remedy)


def _read(path: Path) -> tuple[str, SettingsError | None]:
    """The text, and why commands in it aren't to be run. Raises OSError, SettingsError, UnicodeDecodeError."""
    # A pipe of that name must not keep the screen waiting.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SettingsError(f"{path} is no file.", "Put a TOML file there: mlops-lab config writes one.")
        if status.st_size > MOST_BYTES:
            raise SettingsError(
                f"{path} has {status.st_size:,} bytes.", f"A configuration has at most {MOST_BYTES:,}: shorten it."
            )
        content = file.read(MOST_BYTES + 1)
    return content[:MOST_BYTES].decode("utf-8-sig"), _unsafe(path, status)


def _unsafe(path: Path, status: os.stat_result) -> SettingsError | None:
    """Why somebody else could have written the file: it, or a folder that it is found in, isn't the user's alone."""
    real = path.resolve()
    found = {real: status} | {folder: folder.stat() for folder in (path.parent, real.parent)}
    for one, about in found.items():
        if about.st_uid not in {os.getuid(), 0}:
            return SettingsError(
                f"{one} belongs to another user, so that none of the commands in {path} is run.", "Own it yourself."
            )
        sticky = stat.S_ISDIR(about.st_mode) and about.st_mode & stat.S_ISVTX
        if about.st_mode & _WRITABLE_BY_OTHERS and not sticky:
            return SettingsError(
                f"Others can write {one}, so that none of the commands in {path} is run.", f"Type: chmod go-w {one}"
            )
    return None


def _parsed(text: str) -> dict[str, Any]:
    if long := next((at for at, line in enumerate(text.split("\n"), 1) if len(line) > LONGEST_LINE), 0):
        raise Wrong((long,), f"this line has more than {LONGEST_LINE} characters", "Write a list over several lines.")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as err:
        said = str(err) or "it is nested too deeply"
        found = re.search(r" \(at line (\d+), column \d+\)| \(at end of document\)", said)
        line = int(found.group(1)) if found and found.group(1) else text.count("\n") + 1
        words = re.sub(r" \(at .*\)$", "", said)
        raise Wrong((line,), f"this is no TOML: {words[:1].lower()}{words[1:]}", "Mend it there.") from None


def _dotted(place: Place) -> str:
    """`panels.runs.columns`, `command 2.argv`; nothing for a bare line."""
    parts: list[str] = []
    for part in place:
        if isinstance(part, str):
            parts.append(part)
        elif parts:
            parts[-1] += f" {part + 1}"
    return ".".join(parts)


def line_of(text: str, place: Place) -> int:
    """The line, from 1, on which the deepest part of `place` that the text has begins.

    The shortest beginning of the text that has it tells; a statement over several lines is taken as one.
    """
    lines = text.splitlines(keepends=True)
    while place:
        least, most = 0, len(lines)
        if not _has(_beginning(lines, most)[1], place):
            place = place[:-1]
            continue
        while least < most:
            middle = (least + most) // 2
            cut, parsed = _beginning(lines, middle)
            if _has(parsed, place):
                most = cut
            else:
                least = middle + 1
        return _beginning(lines, most - 1)[0] + 1 if most else 1
    return 1


def _beginning(lines: list[str], count: int) -> tuple[int, object]:
    """The longest beginning of at most `count` lines that is TOML: how many lines, and what it says."""
    for number in range(max(count, 0), -1, -1):
        try:
            return number, tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
    return 0, {}


def _has(parsed: Any, place: Place) -> bool:
    for part in place:
        try:
            parsed = parsed[part]
        except (LookupError, TypeError):
            return False
    return True
