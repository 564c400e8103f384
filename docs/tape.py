"""What drill-downs were told, kept in a file, so that pictures of them can be drawn again without a lab."""

import asyncio
import gzip
import importlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from lab.base.errors import NotFound
from lab.observe.snapshot_decode import decode
from lab.observe.snapshot_json import plain

OpenDetails = Callable[[str], Any]


class Taping:
    """Opens the detail_sources of a lab that is up, and keeps the longest answer to each question."""

    def __init__(self, open_details: OpenDetails) -> None:
        self._open = open_details
        self.answers: dict[str, Any] = {}
        self._waiting: set[str] = set()

    @property
    def settled(self) -> bool:
        """Whether every question was answered once, well or not."""
        return not self._waiting

    def ask(self, question: str) -> None:
        """A question is under way."""
        if question not in self.answers:
            self._waiting.add(question)

    def told(self, question: str, answer: Any) -> None:
        """It came to an end; None is no answer."""
        self._waiting.discard(question)
        if answer is not None:
            known, found = self.answers.get(question), _spelled(answer)
            self.answers[question] = max(known or found, found, key=lambda one: len(str(one)))

    def __call__(self, kind: str) -> "_TapedSource":
        return _TapedSource(self, kind, self._open(kind))

    def save(self, path: Path, clean: Callable[[str], str]) -> None:
        """Writes the answers; `clean` takes out what belongs to this machine."""
        text = clean(json.dumps(self.answers, indent=1, sort_keys=True, ensure_ascii=False))
        path.write_bytes(gzip.compress(text.encode(), mtime=0))


class _TapedSource:
    def __init__(self, tape: Taping, kind: str, details: Any) -> None:
        self._tape, self._kind, self._details = tape, kind, details

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        asked = getattr(self._details, name)

        async def ask(*arguments: Any) -> Any:
            if name == "aclose":
                return await asked()
            question, answer = _question(self._kind, name, arguments), None
            self._tape.ask(question)
            try:
                answer = await asked(*arguments)
            finally:
                self._tape.told(question, answer)
            return answer

        return ask


class Tape:
    """Opens detail_sources that answer from a file what was once answered by a lab."""

    def __init__(self, path: Path) -> None:
        self.answers: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))

    def __call__(self, kind: str) -> "_PlayedSource":
        return _PlayedSource(self.answers, kind)


class _PlayedSource:
    def __init__(self, answers: dict[str, Any], kind: str) -> None:
        self._answers, self._kind = answers, kind

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def answer(*arguments: Any) -> Any:
            if name == "aclose":
                return None
            # A drill-down that asks at once again must not keep the program from drawing.
            await asyncio.sleep(0)
            found = self._answers.get(_question(self._kind, name, arguments))
            if found is None:
                raise NotFound("This wasn't recorded.")
            return read(found)

        return answer


def _question(kind: str, name: str, arguments: tuple[Any, ...]) -> str:
    return f"{kind}.{name} {json.dumps(plain(arguments), sort_keys=True)}"


def _spelled(answer: Any) -> dict[str, Any]:
    """The answer with its type; detail_sources answer with a value of ours or with several of one kind."""
    several = isinstance(answer, tuple)
    kind = type(answer[0]) if several and answer else type(answer)
    return {"type": f"{kind.__module__}:{kind.__qualname__}", "several": several, "value": plain(answer)}


def read(found: dict[str, Any]) -> Any:
    """An answer as the source gave it. Raises SnapshotInvalid when its type has changed since."""
    if found["several"] and not found["value"]:
        return ()
    module, _, name = found["type"].partition(":")
    kind = getattr(importlib.import_module(module), name)
    return decode(tuple[kind, ...] if found["several"] else kind, found["value"])
