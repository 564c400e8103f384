"""Prometheus through its HTTP API: whether it is ready, what it scrapes, and which alerts are active."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from lab.base.alerts import Alert
from lab.base.monitoring import Firing, Target
from lab.governance.ledger import Head
from lab.governance.ledger.published_heads import ENTRIES, HASH, from_parts
from lab.services.http import BadStatus, Http, NotReady
from lab.services.json_reading import items, mapping, text, text_or, understanding
from lab.services.prometheus_data import success

# How close together the points of a look back are, unless that would be more of them than Prometheus answers with.
_STEP_S, _MOST_POINTS = 15.0, 10_000
_FIRING = 'ALERTS{alertstate="firing", severity!="none"}'
_Labels = frozenset[tuple[str, str]]
_OF_ALERTS = {"alertname", "alertstate", "severity"}


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
        """Each time that an alert fired between both (epoch seconds), the newest first.

        One that fired again within a quarter of a minute fired once.
        """
        step, last = round(1000 * max(_STEP_S, (end - begin) / _MOST_POINTS)), round(1000 * end)
        # When it fired last within the time before each point, which no firing is short enough to fall between; at the
        # interval at which rules are evaluated. The last point is at the end, or the newest firing would lie behind it.
        fired = f"timestamp({_FIRING})"
        first = last - (last - round(1000 * begin)) // step * step
        span = {"start": f"{first / 1000:.3f}", "end": f"{last / 1000:.3f}", "step": f"{step}ms"}
        answer, now = await asyncio.gather(
            self._http.get_json("/api/v1/query_range", {"query": f"max_over_time({fired}[{step}ms:])", **span}),
            self._http.get_json("/api/v1/query", {"query": fired, "time": span["end"]}),
        )
        with understanding(self._http.title, self._http.remedy):
            return read_firings(answer, now, step / 1000)

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


def read_firings(answer: object, now: object, step: float) -> tuple[Firing, ...]:
    """The times that alerts fired.

    `answer`, of `/api/v1/query_range`, has when each fired last before each of its points, `step` seconds apart; `now`,
    of `/api/v1/query`, has the same of those that fire at its end.
    """
    times: dict[_Labels, list[float]] = {}
    for item in items(_data(answer)["result"]):
        times[_labels(item)] = [float(text(items(point)[1])) for point in items(mapping(item)["values"])]
    still = {_labels(item): float(text(items(mapping(item)["value"])[1])) for item in items(_data(now)["result"])}
    for labels, at in still.items():
        times.setdefault(labels, []).append(at)
    found = [one for labels, at in times.items() for one in _firings(dict(labels), at, labels in still, step)]
    return tuple(sorted(found, key=lambda one: (-one.fired_at, one.name)))


def _firings(labels: Mapping[str, str], times: Sequence[float], still: bool, step: float) -> list[Firing]:
    """The times that one alert fired, of which the last one lasts when it is `still` firing."""
    about = {key: value for key, value in labels.items() if key not in _OF_ALERTS}
    gaps = [i for i, (one, other) in enumerate(pairwise(times), 1) if other - one > 1.5 * step]
    found = []
    for first, past in pairwise([0, *gaps, len(times)]):
        over = None if still and past == len(times) else times[past - 1]
        found.append(Firing(labels["alertname"], labels.get("severity", ""), times[first], over, about))
    return found


def _labels(item: object) -> _Labels:
    """An item's labels; the metric's own name is gone where something was computed of it."""
    return frozenset((text(key), text(value)) for key, value in mapping(mapping(item)["metric"]).items())


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
    return mapping(success(answer)["data"])


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
