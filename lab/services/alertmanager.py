"""Alertmanager through its HTTP API: sending an alert, silencing one, and the silences that there are."""

import json
from collections.abc import Mapping
from datetime import datetime

from lab.base.monitoring import KnownSilence
from lab.services.http import Http
from lab.services.json_reading import items, mapping, text, text_or, understanding


class Alertmanager:
    """One Alertmanager. Methods raise ServiceUnavailable."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def alert(
        self, labels: Mapping[str, str], annotations: Mapping[str, str], begin: datetime, end: datetime
    ) -> None:
        """Hands over an alert that fires from `begin` to `end`."""
        times = {"startsAt": begin.isoformat(), "endsAt": end.isoformat()}
        body = json.dumps([{"labels": dict(labels), "annotations": dict(annotations), **times}])
        # Answered with nothing at all, which isn't JSON.
        await self._http.send("POST", "/api/v2/alerts", {}, body.encode(), {"Content-Type": "application/json"})

    async def silence(
        self, labels: Mapping[str, str], begin: datetime, end: datetime, author: str, comment: str
    ) -> str:
        """Silences whatever has exactly these labels, and returns the silence's id."""
        matchers = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in labels.items()]
        times = {"startsAt": begin.isoformat(), "endsAt": end.isoformat()}
        body = {"matchers": matchers, **times, "createdBy": author, "comment": comment}
        answer = await self._http.post_json("/api/v2/silences", body)
        with understanding(self._http.title, self._http.remedy):
            return text(mapping(answer)["silenceID"])

    async def silences(self) -> tuple[KnownSilence, ...]:
        """Every silence that it remembers: those that hold first, then the newest."""
        answer = await self._http.get_json("/api/v2/silences")
        with understanding(self._http.title, self._http.remedy):
            found = [_silence(item) for item in items(answer)]
        return tuple(sorted(found, key=lambda one: (one.state == "expired", -one.ends_at)))

    async def aclose(self) -> None:
        await self._http.aclose()


def _silence(raw: object) -> KnownSilence:
    item = mapping(raw)
    return KnownSilence(
        id=text(item["id"]),
        state=text(mapping(item["status"])["state"]),
        begins_at=_epoch(item["startsAt"]),
        ends_at=_epoch(item["endsAt"]),
        author=text_or(item.get("createdBy")),
        comment=text_or(item.get("comment")),
        matchers=tuple(_matcher(one) for one in map(mapping, items(item["matchers"]))),
    )


def _matcher(item: Mapping[str, object]) -> str:
    operator = (
        ("=~" if item.get("isRegex") else "=") if item.get("isEqual", True) else "!~" if item["isRegex"] else "!="
    )
    return f'{text(item["name"])}{operator}"{text(item["value"])}"'


def _epoch(value: object) -> float:
    return datetime.fromisoformat(text(value)).timestamp()
