"""Prometheus through its HTTP API: whether it is ready, what it scrapes, and which alerts are active."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from lab.base.alerts import Alert
from lab.base.monitoring import Firing, Target
from lab.governance.ledger import Head
from lab.governance.ledger.published_heads import ENTRIES, HASH, from_parts
from lab.services.http import BadStatus, Http, NotReady
from lab.services.json_reading import Said, items, mapping, text, text_or, understanding

# How close together the points of a look back are, unless that would be more of them than Prometheus answers with.
_STEP_S, _MOST_POINTS = 15.0, 10_000
_FIRING = 'ALERTS{alertstate="firing", severity!="none"}'
_OF_ALERTS = {"__name__", "alertname", "alertstate", "severity"}


class Prometheus:
    """One Prometheus server. Methods raise ServiceUnavailable."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def ready(self) -> None:
        """Returns when the server has replayed its log and answers queries; raises NotReady while it replays."""
        try:
            said = await self._http.get_text("/-/ready")
        except BadStatus as err:
            if err.status == 503:
                raise NotReady(f"{self._http.title} is starting.", self._http.remedy) from None
            raise
        if "ready" not in said.lower():
            raise self._http.unavailable("answers /-/ready with something that isn't its own answer.")

    async def targets(self) -> tuple[Target, ...]:
        """The active targets, by job and URL."""
        answer = await self._http.get_json("/api/v1/targets", {"state": "active"})
        with understanding(self._http.title, self._http.remedy):
            return read_targets(answer)

    async def alerts(self) -> tuple[Alert, ...]:
        """Pending and firing alerts, the longest active first; the one that always fires, as it must, is none."""
        answer = await self._http.get_json("/api/v1/alerts")
        with understanding(self._http.title, self._http.remedy):
            return read_alerts(answer)

    async def firings(self, begin: float, end: float) -> tuple[Firing, ...]:
        """Each time that an alert fired between both (epoch seconds), the newest first."""
        step = max(_STEP_S, (end - begin) / _MOST_POINTS)
        asked = {"query": _FIRING, "start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        answer = await self._http.get_json("/api/v1/query_range", asked)
        with understanding(self._http.title, self._http.remedy):
            return read_firings(answer, step, end)

    async def published_head(self) -> Head | None:
        """The head of the audit trail as the governance exporter published it last; None when it didn't."""
        query = f'{{__name__=~"{ENTRIES}|{HASH}"}}'
        answer = await self._http.get_json("/api/v1/query", {"query": query})
        with understanding(self._http.title, self._http.remedy):
            return read_head(answer)

    async def aclose(self) -> None:
        await self._http.aclose()


def read_targets(answer: object) -> tuple[Target, ...]:
    """The targets in an answer of `/api/v1/targets`."""
    found = [_target(item) for item in items(_data(answer)["activeTargets"])]
    return tuple(sorted(found, key=lambda target: (target.job, target.url)))


def read_alerts(answer: object) -> tuple[Alert, ...]:
    """The alerts in an answer of `/api/v1/alerts`."""
    found = [one for one in map(_alert, items(_data(answer)["alerts"])) if one.severity != "none"]
    return tuple(sorted(found, key=lambda alert: (alert.active_at, alert.name)))


def read_firings(answer: object, step: float, end: float) -> tuple[Firing, ...]:
    """The times that alerts fired in an answer of `/api/v1/query_range`, asked for up to `end` every `step` seconds."""
    found: list[Firing] = []
    for item in items(_data(answer)["result"]):
        labels = {text(key): text(value) for key, value in mapping(mapping(item)["metric"]).items()}
        name, severity = labels["alertname"], labels.get("severity", "")
        about = {key: value for key, value in labels.items() if key not in _OF_ALERTS}
        times = [float(items(point)[0]) for point in items(mapping(item)["values"])]
        gaps = [i for i, (one, other) in enumerate(pairwise(times), 1) if other - one > 1.5 * step]
        for first, past in pairwise([0, *gaps, len(times)]):
            # A point that is missing tells that it was over by then.
            over = times[past - 1] + step
            found.append(Firing(name, severity, times[first], None if over > end else over, about))
    return tuple(sorted(found, key=lambda one: (-one.fired_at, one.name)))


def read_head(answer: object) -> Head | None:
    """The head in an answer of `/api/v1/query` for both of its metrics."""
    entries, parts = 0, {}
    for item in items(_data(answer)["result"]):
        labels, number = mapping(mapping(item)["metric"]), _whole(text(items(mapping(item)["value"])[1]))
        if labels["__name__"] == ENTRIES:
            entries = number
        else:
            parts[text(labels["part"])] = number
    digest = from_parts(parts)
    return Head(entries, digest, "in Prometheus") if entries and digest else None


def _whole(given: str) -> int:
    """A sample that counts something; raises ValueError for infinity, what is no number, and fractions."""
    number = float(given)
    if not number.is_integer() or number < 0:
        raise ValueError(f"{given[:40]!r} counts nothing")
    return int(number)


def _data(answer: object) -> Mapping[str, Any]:
    given = mapping(answer)
    if given["status"] != "success":
        raise Said(text(given["error"]))
    return mapping(given["data"])


def _target(raw: object) -> Target:
    item = mapping(raw)
    job = text(mapping(item["labels"])["job"])
    return Target(job, text(item["scrapeUrl"]), text(item["health"]), text_or(item.get("lastError")))


def _alert(raw: object) -> Alert:
    item = mapping(raw)
    labels = {text(key): text(value) for key, value in mapping(item["labels"]).items()}
    annotations = mapping(item.get("annotations") or {})
    return Alert(
        name=labels["alertname"],
        state=text(item["state"]),
        severity=labels.get("severity", ""),
        summary=text_or(annotations.get("summary")) or text_or(annotations.get("description")),
        active_at=datetime.fromisoformat(text(item["activeAt"])).timestamp(),
        labels=labels,
        value=text_or(item.get("value")),
        description=text_or(annotations.get("description")),
        runbook=text_or(annotations.get("runbook_url")),
    )
