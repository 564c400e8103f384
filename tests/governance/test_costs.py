"""What a tick costs: the same with a long history as with a short one, and the same after a week as at first."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.base.catalogue import Service
from lab.views.probe_history import KEPT, History
from tests.services.answers import answer, query_name
from tests.support.observed_lab import ObservedLab
from tests.support.played_lab import trail

MANY = {"runs": 10_000, "versions": 1_000, "entries": 2_000}
FEW = {"runs": 10, "versions": 10, "entries": 10}


class Backends:
    """Dagster and MLflow with as many runs and versions as they are told, of which they give what is asked for."""

    def __init__(self, observed: ObservedLab, runs: int, versions: int) -> None:
        self.runs, self.versions, self.limits = runs, versions, set[int]()
        observed.services.broken |= {Service.DAGSTER: self.dagster, Service.MLFLOW: self.mlflow}

    def dagster(self, request: httpx.Request) -> httpx.Response:
        body = answer(f"dagster_{query_name(request)}")
        if "runsOrError" in body["data"]:
            asked = _variables(request)
            self.limits.add(asked["limit"])
            numbers = range(self.runs, max(0, self.runs - asked["limit"]), -1)
            wanted = asked.get("filter", {}).get("runIds") or [f"run-{number:08}" for number in numbers]
            model = body["data"]["runsOrError"]["results"][0]
            body["data"]["runsOrError"]["results"] = [{**model, "runId": run_id} for run_id in wanted]
        return httpx.Response(200, json=body)

    def mlflow(self, request: httpx.Request) -> httpx.Response:
        if "registered-models" in request.url.path:
            body = answer("mlflow_models")
            body["registered_models"][0]["aliases"] = [{"alias": "staging", "version": str(self.versions)}]
            return httpx.Response(200, json=body)
        if request.url.path.endswith("runs/get"):
            return httpx.Response(200, json=answer("mlflow_run"))
        body = answer("mlflow_versions")
        limit = int(request.url.params["max_results"])
        self.limits.add(limit)
        model = body["model_versions"][0]
        numbers = range(self.versions, max(0, self.versions - limit), -1)
        found = [{**model, "version": str(number), "run_id": f"run-{number:08}"} for number in numbers]
        body["model_versions"] = found
        return httpx.Response(200, json=body)


def _variables(request: httpx.Request) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(request.content)["variables"]
    return found


async def costs(tmp_path: Path, history: dict[str, int]) -> tuple[dict[Service, int], dict[Service, int], int]:
    """Requests and bytes by service of one tick after a few, and the requests for the trail's first reading."""
    observed = ObservedLab(tmp_path)
    backends = Backends(observed, history["runs"], history["versions"])
    observed.services.objects = trail(history["entries"])
    shot = await observed.tick()
    first = observed.services.asked[Service.OBJECT_STORE]
    assert shot.audit.value
    assert shot.audit.value.length == history["entries"]
    assert shot.runs.value
    assert len(shot.runs.value.runs) == min(25, history["runs"])
    assert not [part for part in ("runs", "models", "audit") if getattr(shot, part).error]
    for _ in range(6):
        await observed.tick(2)
    # No probe is due at once after the last one, so that both histories are compared over the same requests.
    asked, sent = dict(observed.services.asked), dict(observed.services.sent)
    await observed.tick()
    await observed.observer.aclose()
    assert max(backends.limits) <= 25
    return (
        {service: observed.services.asked[service] - count for service, count in asked.items()},
        {service: observed.services.sent[service] - count for service, count in sent.items()},
        first,
    )


async def test_a_tick_asks_as_much_with_a_long_history_as_with_a_short_one(tmp_path: Path) -> None:
    few, few_bytes, _ = await costs(tmp_path, FEW)
    many, many_bytes, first = await costs(tmp_path, MANY)
    assert many == few
    assert sum(many.values()) <= 8
    # 25 rows instead of 10, each as long as before.
    assert sum(many_bytes.values()) <= 3 * sum(few_bytes.values())
    # The window's entries, and a search for the head that grows with the number's digits.
    assert first <= 50 + 40


async def test_a_follower_that_fell_far_behind_catches_up_in_steps(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path)
    await observed.tick()
    observed.services.objects = trail(1_000)
    lengths = []
    for _ in range(8):
        asked = observed.services.asked[Service.OBJECT_STORE]
        shot = await observed.tick(2)
        assert observed.services.asked[Service.OBJECT_STORE] - asked < 220
        assert shot.audit.value
        lengths.append(shot.audit.value.length)
    assert lengths == sorted(lengths)
    assert lengths[-1] == 1_000
    await observed.observer.aclose()


@pytest.mark.parametrize("faulty", [False, True], ids=["healthy", "every other tick fails"])
async def test_a_week_of_ticks_leaves_nothing_behind(tmp_path: Path, faulty: bool) -> None:
    """A week with a refresh every hour; what grows with ticks would grow by the hundred."""
    observed, history = ObservedLab(tmp_path), History()
    backends = Backends(observed, 100, 30)
    for _ in range(3):
        history = history.with_snapshot(await observed.tick(3600))
    await asyncio.sleep(0)
    tasks, sizes = len(asyncio.all_tasks()), _sizes(observed)
    for number in range(7 * 24):
        backends.runs, backends.versions = 100 + number, 30 + number
        if faulty and number % 2:
            observed.services.broken[Service.PROMETHEUS] = lambda _: httpx.Response(500)
        else:
            observed.services.broken.pop(Service.PROMETHEUS, None)
        history = history.with_snapshot(await observed.tick(3600))
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= tasks
    assert _sizes(observed) <= sizes + 60
    assert max(map(len, history.probes.values())) == KEPT
    assert len(history.probes) == len(Service)
    assert observed.snapshot.runs.value
    assert len(observed.snapshot.runs.value.runs) == 25
    await observed.observer.aclose()
    assert len(asyncio.all_tasks()) == 1


def _sizes(observed: ObservedLab) -> int:
    """How many things the observer holds on to: the items of every container that it reaches."""
    gc.collect()
    seen: set[int] = set()
    left: list[object] = [observed.observer]
    count = 0
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, (dict, list, tuple, set)):
            count += len(one)
            left.extend(one.values() if isinstance(one, dict) else one)
        elif type(one).__module__.startswith("lab."):
            left.extend(getattr(one, "__dict__", {}).values())
    return count
