"""One alert in full: its runbook, and the silences that Alertmanager has."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.catalogue import Service
from lab.base.errors import LabError, NotFound, ServiceUnavailable
from lab.base.monitoring import KnownSilence
from lab.config import LabConfig
from lab.runtime.runtime import Runtime
from lab.services.alertmanager import Alertmanager
from lab.services.http import Http

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 3.0
RUNBOOKS = "docs/runbooks.md"
USER = "admin"
_HEADING = re.compile(r"(?P<level>#+)\s+(?P<title>.+?)\s*#*\s*\Z")


@dataclass(frozen=True)
class Runbook:
    """A section of a Markdown file, its heading left out; `source` is the file, as the alert's link names it."""

    source: str
    title: str
    lines: tuple[str, ...]


class AlertSource:
    """Asks about alerts. Methods raise LabError."""

    def __init__(
        self, config: LabConfig, runtime: Callable[[], Runtime], transport: "httpx.AsyncBaseTransport | None" = None
    ) -> None:
        url, login = config.url(Service.ALERTMANAGER), (USER, config.secrets.alertmanager)
        self._alertmanager = Alertmanager(Http.to(Service.ALERTMANAGER, url, TIMEOUT_S, transport, login))
        self._root, self._runtime = config.root, runtime

    async def runbook(self, link: str, alert: str) -> Runbook:
        """The section that `link` names; the one called as the alert where it names none. Raises NotFound."""
        return await asyncio.to_thread(read_runbook, self._root, link, alert)

    async def silences(self) -> tuple[KnownSilence, ...]:
        """Every silence. Raises LabError that says why there is no Alertmanager, where there is none."""
        try:
            return await self._alertmanager.silences()
        except ServiceUnavailable as err:
            reason = await asyncio.to_thread(self._absence)
            if reason:
                raise LabError(f"Alertmanager isn't installed here, so nothing can be silenced: {reason}") from None
            raise err from None

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._alertmanager.aclose()

    def _absence(self) -> str:
        """Why this lab has no Alertmanager; empty when it has one, or nobody knows."""
        try:
            fact = self._runtime().facts()[Service.ALERTMANAGER]
        except (LabError, KeyError):
            return ""
        return f"{fact.reason}. {fact.remedy}".strip() if fact.state == "absent" else ""


def read_runbook(root: Path, link: str, alert: str) -> Runbook:
    """The section of a file of this repository. Raises NotFound for a link that leads elsewhere."""
    name, _, anchor = link.partition("#")
    name = name or RUNBOOKS
    path = (root / name).resolve()
    if "://" in name or not path.is_relative_to(root.resolve()) or path.suffix != ".md":
        raise NotFound(f"The runbook lies elsewhere: {link}", "Open it in a browser.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotFound(f"There is no file {name} here.", "Look at it in the repository.") from None
    found = section(text, anchor or slug(alert))
    if found is None:
        raise NotFound(f"{name} has no section {anchor or alert!r}.", "Write one: what it means, what to type.")
    return Runbook(name, *found)


def section(text: str, anchor: str) -> tuple[str, tuple[str, ...]] | None:
    """Title and lines of the section whose heading has this anchor; None without one."""
    title, depth, lines = "", 0, list[str]()
    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        heading = None if fenced else _HEADING.match(line)
        if depth and heading and len(heading["level"]) <= depth:
            break
        if depth:
            lines.append(line)
        elif heading and slug(heading["title"]) == anchor.lower():
            title, depth = heading["title"], len(heading["level"])
    if not depth:
        return None
    while lines and not lines[-1].strip():
        lines.pop()
    return title, tuple(lines)


def slug(title: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
