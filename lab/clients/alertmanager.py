"""Alertmanager through its HTTP API: silencing an alert."""

from collections.abc import Mapping
from datetime import datetime

from lab.clients.http import Http
from lab.clients.shape import mapping, text, understanding


class Alertmanager:
    """One Alertmanager. Methods raise ServiceUnavailable."""

    def __init__(self, http: Http) -> None:
        self._http = http

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

    async def aclose(self) -> None:
        await self._http.aclose()
