"""Samples and labels from Prometheus' HTTP API. GET only, and only of the paths that are named here."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lab.base.errors import ServiceUnavailable
from lab.base.monitoring import Series
from lab.services.http import BadStatus, Http
from lab.services.json_reading import Said, items, mapping, number, text, understanding

DEADLINE_S = 10.0
Found = tuple[tuple[Series, ...], tuple[str, ...]]
_MOST_WARNINGS = 3


class PrometheusData:
    """One Prometheus server. Methods raise ServiceUnavailable; times are epoch seconds."""

    def __init__(self, http: Http, deadline_s: float = DEADLINE_S) -> None:
        self._http, self._deadline_s = http, deadline_s

    async def query(self, expr: str, at: float) -> Found:
        """Series of one point, and warnings."""
        return await self._series("/api/v1/query", {"query": expr, "time": f"{at:.3f}"})

    async def query_range(self, expr: str, begin: float, end: float, step_s: float) -> Found:
        """Series over time, and warnings."""
        times = {"start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step_s:g}"}
        return await self._series("/api/v1/query_range", {"query": expr, **times})

    async def label_values(self, label: str, selector: str, begin: float, end: float) -> tuple[str, ...]:
        """The values of a label; of the series that the selector names, or of all."""
        params = {"start": f"{begin:.3f}", "end": f"{end:.3f}"} | ({"match[]": selector} if selector else {})
        return await self._texts(f"/api/v1/label/{quote(label, safe='')}/values", params)

    async def label_names(self, begin: float, end: float) -> tuple[str, ...]:
        """All labels."""
        return await self._texts("/api/v1/labels", {"start": f"{begin:.3f}", "end": f"{end:.3f}"})

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _texts(self, path: str, params: Mapping[str, Any]) -> tuple[str, ...]:
        answer = await self._ask(path, params)
        with understanding(self._http.title, self._http.remedy):
            return tuple(text(one) for one in items(success(answer)["data"]))

    async def _series(self, path: str, params: Mapping[str, Any]) -> Found:
        answer = await self._ask(path, params)
        with understanding(self._http.title, self._http.remedy):
            return read_series(answer)

    async def _ask(self, path: str, params: Mapping[str, Any]) -> Any:
        # Prometheus gives up a little before the client would, so that it doesn't work for nobody.
        timed = {**params, "timeout": f"{self._deadline_s * 0.9:g}s"}
        try:
            return await self._http.get_json(path, timed, self._deadline_s)
        except BadStatus as err:
            raise _explained(err) from None


def _explained(err: BadStatus) -> ServiceUnavailable:
    """What Prometheus has against a query stands in its answer."""
    import json

    try:
        return ServiceUnavailable(f"Prometheus: {text(mapping(json.loads(err.body))['error'])}", err.remedy)
    except (ValueError, KeyError, TypeError, RecursionError):
        return err


def read_series(answer: object) -> Found:
    """The series in an answer of `/api/v1/query` or `query_range`, and its warnings."""
    given = success(answer)
    warnings = tuple(text(one) for name in ("warnings", "infos") for one in items(given.get(name) or []))
    data = mapping(given["data"])
    kind, result = text(data["resultType"]), data["result"]
    if kind in {"scalar", "string"}:
        return (_one({"value": result}),), warnings[:_MOST_WARNINGS]
    series = tuple(_one(mapping(item)) for item in items(result))
    skipped = sum(not one.values for one in series)
    if skipped:
        warnings = (f"{skipped} native histograms aren't drawn", *warnings)
    return tuple(one for one in series if one.values), warnings[:_MOST_WARNINGS]


def _one(item: Mapping[str, Any]) -> Series:
    labels = {text(key): text(value) for key, value in mapping(item.get("metric") or {}).items()}
    points = items(item["values"]) if "values" in item else [item["value"]] if "value" in item else []
    return Series(labels, tuple(number(point[0]) for point in points), tuple(number(point[1]) for point in points))


def success(answer: object) -> Mapping[str, Any]:
    """An answer that says it is one. Raises Said with Prometheus' own words for any other."""
    given = mapping(answer)
    if given["status"] != "success":
        raise Said(text(given["error"]))
    return given
