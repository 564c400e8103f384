"""MLflow's tracking server and model registry through its REST API; the mlflow package is never imported."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lab.base.errors import NotFound
from lab.base.model_versions import ModelVersion
from lab.base.names import in_order
from lab.governance.rules.approval_states import ALIASES
from lab.governance.rules.registry_findings import Registry
from lab.services.as_before import AsBefore
from lab.services.http import BadStatus, Http
from lab.services.json_reading import items, mapping, number, text, text_or, understanding
from lab.services.mlflow_answers import (
    NO_STAGE,
    LoggedFile,
    LoggedRun,
    Place,
    explained,
    pairs,
    read_aliases,
    read_run,
    read_version,
)

_API = "/api/2.0/mlflow"
_SEARCH = f"{_API}/model-versions/search"
_PAGE = 500
_MODELS = 100
# Each costs a request, at the first look and at each few after that.
_MOST_ALIASED = 20
# Of versions that are too old to be listed, as many are asked for again at a look, in turns.
_AGAIN = 3


class Mlflow:
    """One MLflow server. Methods raise ServiceUnavailable, and NotFound where a version or run is named."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._metrics: dict[str, Mapping[str, float]] = {}
        self._search_read = AsBefore(self._read_search)
        # In the order in which they are asked for again.
        self._older: dict[Place, ModelVersion] = {}

    @property
    def title(self) -> str:
        return self._http.title

    async def ping(self) -> None:
        """Returns when the registry answers a search."""
        answer = await self._get("registered-models/search", max_results=1)
        with understanding(self.title, self._http.remedy):
            items(answer.get("registered_models", []))

    async def versions(self, limit: int = 25, name: str = "") -> tuple[ModelVersion, ...]:
        """Up to `limit` versions, newest first, then older ones that an alias names; with aliases and metrics.

        Of one model, or without a name of all of them.
        """
        found, held = await asyncio.gather(self._search_versions(limit, name), self._all_aliases(name))
        known = {(one.name, one.version) for one in found}
        older = _chosen({place: names for place, names in held.items() if place not in known})
        found += await self._older_ones(older, held)
        metrics = await self._metrics_of(list({one.run_id for one in found if one.run_id}))
        return tuple(
            replace(one, aliases=held.get((one.name, one.version), ()), metrics=metrics.get(one.run_id, {}))
            for one in found
        )

    async def _older_ones(self, places: Sequence[Place], held: Mapping[Place, tuple[str, ...]]) -> list[ModelVersion]:
        """Those not seen before or with another alias than before, and a few of the others, in turns."""
        kept = {place: one for place, one in self._older.items() if place in places and one.aliases == held[place]}
        asked = [*(place for place in places if place not in kept), *list(kept)[:_AGAIN]]
        fresh = dict(zip(asked, await asyncio.gather(*(self._version(*place) for place in asked)), strict=True))
        kept = {place: one for place, one in kept.items() if place not in fresh}
        self._older = kept | {place: replace(one, aliases=held[place]) for place, one in fresh.items()}
        return [self._older[place] for place in places]

    async def trained_on(self, data_hash: str, limit: int = 100) -> tuple[ModelVersion, ...]:
        """Up to `limit` versions of all models whose tag names this data, newest first; without aliases or metrics.

        Raises ValueError for what is no hash.
        """
        if not data_hash.isalnum():
            raise ValueError("a hash has letters and figures only")
        answer = await self._get(
            "model-versions/search",
            max_results=limit,
            filter=f"tags.data_hash = '{data_hash}'",
            order_by="creation_timestamp DESC",
        )
        with understanding(self.title, self._http.remedy):
            return tuple(read_version(item) for item in items(answer.get("model_versions", [])))

    async def tagged_versions(self, limit: int) -> tuple[ModelVersion, ...]:
        """Up to `limit` versions of all models, newest first, with tags but no aliases or metrics: one request."""
        return tuple(await self._search_versions(limit, ""))

    async def registry(self) -> Registry:
        """Every version of every model, newest first, as `tagged_versions` gives them; a request for each 500."""
        found: list[ModelVersion] = []
        token = ""
        while True:
            page, token = await self._search_page(_PAGE, "", token)
            found += page
            if not token:
                break
        aliases: dict[str, dict[str, tuple[str, ...]]] = {}
        for (model, version), names in (await self._all_aliases("")).items():
            aliases.setdefault(model, {})[version] = names
        return Registry(tuple(found), aliases)

    async def version(self, name: str, version: str | int) -> ModelVersion:
        """One version with its aliases and metrics. Raises NotFound."""
        found = await self._version(name, str(version))
        metrics = await self._metrics_or_none(found.run_id) if found.run_id else {}
        return replace(found, metrics=metrics)

    async def aliases(self, name: str) -> dict[str, tuple[str, ...]]:
        """The aliases of each version of a model that has some; empty when there is no such model."""
        return {version: names for (_, version), names in (await self._all_aliases(name)).items()}

    async def _all_aliases(self, name: str) -> dict[Place, tuple[str, ...]]:
        found: dict[Place, tuple[str, ...]] = {}
        chosen: dict[str, Any] = {"filter": f"name='{name}'", "max_results": 1} if name else {"max_results": _MODELS}
        while True:
            # A search costs the same with one version or thousands; `registered-models/get` loads every version.
            answer = await self._get("registered-models/search", **chosen)
            with understanding(self.title, self._http.remedy):
                found |= read_aliases(answer)
                token = text_or(answer.get("next_page_token"))
            if name or not token:
                return found
            chosen["page_token"] = token

    async def run_metrics(self, run_id: str) -> Mapping[str, float]:
        """The last value of each metric of a run. Raises NotFound."""
        if run_id in self._metrics:
            return self._metrics[run_id]
        answer = await self._get("runs/get", run_id=run_id)
        with understanding(self.title, self._http.remedy):
            finished, metrics = read_run(answer)
        if finished:
            self._metrics[run_id] = metrics
        return metrics

    async def run_params(self, run_id: str) -> Mapping[str, str]:
        """The parameters of a run. Raises NotFound."""
        answer = await self._get("runs/get", run_id=run_id)
        with understanding(self.title, self._http.remedy):
            return pairs(mapping(mapping(answer["run"])["data"]).get("params", []), text_or)

    async def logged(self, run_id: str) -> LoggedRun:
        """What a run has beside its metrics: parameters, and the files that it logged itself. Raises NotFound."""
        answer, files = await asyncio.gather(self._get("runs/get", run_id=run_id), self._files(run_id))
        with understanding(self.title, self._http.remedy):
            run = mapping(answer["run"])
            params = pairs(mapping(run["data"]).get("params", []), text_or)
            return LoggedRun(text(mapping(run["info"])["experiment_id"]), params, files)

    async def _files(self, run_id: str, path: str = "", depth: int = 3) -> tuple[LoggedFile, ...]:
        answer = await self._get("artifacts/list", run_id=run_id, **({"path": path} if path else {}))
        found: list[LoggedFile] = []
        with understanding(self.title, self._http.remedy):
            for item in map(mapping, items(answer.get("files", []))):
                name = text(item["path"])
                if not item.get("is_dir"):
                    found.append(LoggedFile(name, int(number(item.get("file_size", 0)))))
                elif depth:
                    found += await self._files(run_id, name, depth - 1)
        return tuple(found)

    async def artifact(self, run_id: str, path: str) -> bytes:
        """A file that a run logged. Raises NotFound."""
        try:
            return await self._http.get_bytes("/get-artifact", {"run_uuid": run_id, "path": path})
        except BadStatus as err:
            if err.status in {404, 500}:  # MLflow fails on an object that isn't in the store
                raise NotFound(f"Run {run_id} has no file {path}.", "Type `invoke open mlflow`.") from None
            raise

    async def set_version_tag(self, name: str, version: str | int, key: str, value: str) -> None:
        """Writes one tag of a version. Raises NotFound."""
        body = {"name": name, "version": str(version), "key": key, "value": value}
        await self._post("model-versions/set-tag", body)

    async def delete_version_tag(self, name: str, version: str | int, key: str) -> None:
        """Takes one tag from a version; one that isn't there is no error."""
        body = {"name": name, "version": str(version), "key": key}
        await self._delete("model-versions/delete-tag", body)

    async def clear_stage(self, name: str, version: str | int) -> None:
        """Takes a version out of every stage. Raises NotFound."""
        body = {"name": name, "version": str(version), "stage": NO_STAGE}
        await self._post("model-versions/transition-stage", body)

    async def set_alias(self, name: str, alias: str, version: str | int) -> None:
        """Moves `alias` to a version. Raises NotFound."""
        await self._post("registered-models/alias", {"name": name, "alias": alias, "version": str(version)})

    async def delete_alias(self, name: str, alias: str) -> None:
        """Takes `alias` away from whatever version has it."""
        await self._delete("registered-models/alias", {"name": name, "alias": alias})

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _search_versions(self, limit: int, name: str) -> list[ModelVersion]:
        return (await self._search_page(limit, name))[0]

    async def _search_page(self, limit: int, name: str, token: str = "") -> tuple[list[ModelVersion], str]:
        chosen: dict[str, Any] = {"max_results": limit, "order_by": "creation_timestamp DESC"}
        if name:
            # Its key, so that a model's newest are found without looking at the others.
            chosen |= {"filter": f"name='{name}'", "order_by": "version_number DESC"}
        if token:
            chosen["page_token"] = token
        try:
            found, following = self._search_read(await self._http.get_bytes(_SEARCH, chosen))
        except BadStatus as err:
            raise explained(err) from None
        return list(found), following

    def _read_search(self, body: bytes) -> tuple[tuple[ModelVersion, ...], str]:
        """Versions, each with a card of a page or two that isn't wanted and can't be left out, and the next page."""
        answer = self._http.json(_SEARCH, body)
        with understanding(self.title, self._http.remedy):
            found = tuple(read_version(item) for item in items(mapping(answer).get("model_versions", [])))
            return found, text_or(answer.get("next_page_token"))

    async def _version(self, name: str, version: str) -> ModelVersion:
        answer = await self._get("model-versions/get", name=name, version=version)
        with understanding(self.title, self._http.remedy):
            return read_version(answer["model_version"])

    async def _metrics_of(self, run_ids: list[str]) -> dict[str, Mapping[str, float]]:
        """Asks for runs not seen before: a finished run's metrics don't change. Forgets runs no longer listed."""
        self._metrics = {run_id: known for run_id, known in self._metrics.items() if run_id in run_ids}
        return dict(zip(run_ids, await asyncio.gather(*map(self._metrics_or_none, run_ids)), strict=True))

    async def _metrics_or_none(self, run_id: str) -> Mapping[str, float]:
        try:
            return await self.run_metrics(run_id)
        except NotFound:  # a run can be deleted while its version stays
            return {}

    async def _get(self, path: str, /, **params: Any) -> Mapping[str, Any]:
        try:
            answer = await self._http.get_json(f"{_API}/{path}", params)
        except BadStatus as err:
            raise explained(err) from None
        with understanding(self.title, self._http.remedy):
            return mapping(answer)

    async def _post(self, path: str, body: Mapping[str, str]) -> None:
        try:
            await self._http.post_json(f"{_API}/{path}", body)
        except BadStatus as err:
            raise explained(err) from None

    async def _delete(self, path: str, body: Mapping[str, str]) -> None:
        try:
            await self._http.delete_json(f"{_API}/{path}", body)
        except BadStatus as err:
            raise explained(err) from None


def _chosen(aliases: Mapping[Place, tuple[str, ...]]) -> list[Place]:
    """Versions to ask for one by one, newest first: the lab's aliases before those that anybody may have set."""
    newest = sorted(aliases, key=_by_number, reverse=True)
    first = sorted(newest, key=lambda one: set(ALIASES).isdisjoint(aliases[one]))
    return sorted(first[:_MOST_ALIASED], key=_by_number, reverse=True)


def _by_number(place: Place) -> tuple[tuple[int, str], str]:
    return in_order(place[1]), place[0]
