"""`invoke alert-test`: an alert through Alertmanager to each receiver, and what that one answered."""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import uuid4

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.alert_receivers import Receiver, receivers
from lab.runtime.alertmanager_config import TEST, TRIAL, TRIED
from lab.runtime.credentials import USER
from lab.runtime.runtime import Runtime
from lab.services.alertmanager import Alertmanager
from lab.services.http import Http

if TYPE_CHECKING:
    import httpx

DEADLINE_S = 30.0
_POLL_S = 0.3
_LINES = 2000
_RECEIVER = re.compile(r"\breceiver=([a-z]+)\b")
_ERROR = re.compile(r'\berr="((?:[^"\\]|\\.)*)"')
_GIVEN_UP = re.compile(r"\A([a-z]+)/[a-z]+\[\d+\]: notify retry canceled[^:]*: (.*)\Z")
_STATUS = re.compile(r"unexpected status code (\d{3})|(?:\A|: )([45]\d\d) ")
# What comes of a server that can't be talked to at all; whoever names a certificate or a password was reached.
_NOT_REACHED = re.compile(
    r"\bdial |\blookup |connection refused|no such host|reset by peer|time(?:d )?out|deadline|EOF"
)
_URL = re.compile(r"https?://[^\s\"\\]+")


class Outcome(StrEnum):
    """How a receiver took the alert; REFUSED: also where login or TLS came to nothing; SILENT: until the deadline."""

    SENT = "sent"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SILENT = "silent"


@dataclass(frozen=True)
class Answer:
    """What one receiver answered; `status` is that of HTTP or SMTP, where it refused with one."""

    receiver: str
    host: str
    outcome: Outcome
    status: int | None = None
    detail: str = ""


@dataclass(frozen=True)
class AlertTest:
    """What every receiver answered, and how long all of it took."""

    answers: tuple[Answer, ...]
    seconds: float

    @property
    def succeeded(self) -> bool:
        return all(one.outcome is Outcome.SENT for one in self.answers)


async def alert_test(
    config: LabConfig,
    runtime: Runtime,
    deadline_s: float = DEADLINE_S,
    transport: "httpx.AsyncBaseTransport | None" = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AlertTest:
    """Sends an alert to each receiver and waits for what they answer. Raises LabError when none can be tried."""
    known = receivers(config.alerts)
    if not known:
        raise LabError(
            "No receiver is set: alerts show on the screen and in `mlops-lab alerts`, and reach nobody else.",
            "Set ALERT_SLACK_URL_FILE, ALERT_WEBHOOK_URL_FILE or ALERT_EMAIL_TO in the settings: see docs/alerts.md.",
        )
    _require(runtime)
    await asyncio.to_thread(_refuse_older_settings, runtime)
    # Logs are read to the second: a line of this one counts.
    began, started = clock().replace(microsecond=0), time.monotonic()
    await _send(config, known, began, transport)
    heard: Mapping[str, Answer] = {}
    while len(heard) < len(known) and time.monotonic() < started + deadline_s:
        lines = await asyncio.to_thread(runtime.tail, Service.ALERTMANAGER, _LINES, began)
        heard = answers(lines, known)
        await asyncio.sleep(_POLL_S)
    return AlertTest(tuple(_answer(one, heard, deadline_s) for one in known), time.monotonic() - started)


def _answer(one: Receiver, heard: Mapping[str, Answer], deadline_s: float) -> Answer:
    silent = Answer(one.kind, one.host, Outcome.SILENT, detail=f"nothing was heard within {deadline_s:g} s")
    return heard.get(one.kind, silent)


def _require(runtime: Runtime) -> None:
    fact = runtime.facts().get(Service.ALERTMANAGER)
    if fact is None or fact.state == "absent":
        reason = fact.reason if fact and fact.reason else "it isn't installed"
        raise LabError(
            f"There is no Alertmanager here, which tells the receivers: {reason}.",
            (fact.remedy if fact else "") or "Put `alertmanager` on PATH and type `invoke up`.",
        )


def _refuse_older_settings(runtime: Runtime) -> None:
    """Raises LabError when Alertmanager was started with others: it would tell those that they named."""
    if Service.ALERTMANAGER in runtime.changes():
        raise LabError(
            "Alertmanager was started with other settings than there are now, and would tell other receivers.",
            "Type `invoke up`, which restarts it.",
        )


async def _send(
    config: LabConfig, known: Sequence[Receiver], now: datetime, transport: "httpx.AsyncBaseTransport | None"
) -> None:
    trial = uuid4().hex[:12]
    login = (USER, config.secrets.alertmanager)
    http = Http.to(Service.ALERTMANAGER, config.url(Service.ALERTMANAGER), 5.0, transport, login)
    alertmanager = Alertmanager(http)
    annotations = {
        "summary": f"A test of {config.name}: alerts arrive here",
        "description": "Somebody typed `invoke alert-test`. There is nothing to do.",
    }
    try:
        for one in known:
            labels = {"alertname": TEST, TRIED: str(one.kind), TRIAL: trial, "severity": "info", "lab": config.name}
            await alertmanager.alert(labels, annotations, now, now + timedelta(minutes=1))
    finally:
        await alertmanager.aclose()


def answers(lines: Iterable[str], known: Sequence[Receiver]) -> dict[str, Answer]:
    """The newest answer of each receiver that Alertmanager's log tells of, by the receiver's name."""
    hosts = {str(one.kind): one.host for one in known}
    found: dict[str, Answer] = {}
    for line in lines:
        name, outcome = _read(line)
        if name in hosts:
            found[name] = Answer(name, hosts[name], *outcome)
    return found


def _read(line: str) -> tuple[str, tuple[Outcome, int | None, str]]:
    """The receiver that a line is about, if any, and how it went."""
    receiver, error = _RECEIVER.search(line), _ERROR.search(line)
    if receiver and 'msg="Notify success"' in line:
        return receiver[1], (Outcome.SENT, None, "")
    if error is None:
        return "", (Outcome.SILENT, None, "")
    # What is shown must not hold the URL, in which a secret may be.
    text = _URL.sub("…", error[1].replace('\\"', '"').replace("\\\\", "\\"))
    given_up = _GIVEN_UP.match(text)
    name = given_up[1] if given_up else receiver[1] if receiver else ""
    reason = (given_up[2] if given_up else text).strip()
    status = _STATUS.search(reason)
    if status:
        return name, (Outcome.REFUSED, int(status[1] or status[2]), reason)
    return name, (Outcome.UNREACHABLE if _NOT_REACHED.search(reason) else Outcome.REFUSED, None, reason)
