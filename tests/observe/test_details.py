"""The drill-down of a run, over a trail in memory and captured answers; and that every kind has a source."""

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from lab.base.errors import NotFound
from lab.base.runs import Run, RunStatus
from lab.governance.ledger import key_of
from lab.observe.details import open_details, run_source
from lab.observe.details.run_source import RunSource, entries_of
from tests.services.answers import answer
from tests.support.governed_lab import MemoryStore
from tests.support.played_lab import config
from tests.support.trails import BEGIN, PREFIX, entry, filled


class Counting(MemoryStore):
    """Counts reads."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self.objects = store.objects
        self.reads = 0

    def read(self, key: str) -> bytes:
        self.reads += 1
        return super().read(key)


def run_at(minutes: float, length: float | None = 1.0) -> Run:
    start = (BEGIN + timedelta(minutes=minutes)).timestamp()
    end = None if length is None else start + 60 * length
    return Run("wanted", "job", RunStatus.SUCCESS if end else RunStatus.STARTED, start, start, end)


def test_a_runs_entries_are_found_by_its_time_in_few_reads() -> None:
    store = Counting(filled(*(entry("wanted" if 700 <= n < 705 else "other", 5 + n * 0.5) for n in range(1000))))
    found = entries_of(store, PREFIX, run_at(5 + 700 * 0.5, 2.5))
    assert [one.seq for one in found.entries] == [701, 702, 703, 704, 705]
    assert found.first <= 701 <= 705 <= found.last
    assert store.reads < 30


def test_a_running_runs_entries_are_read_to_the_head_and_an_empty_trail_has_none() -> None:
    store = filled(*(entry("wanted" if n % 2 else "other", n) for n in range(10)))
    assert len(entries_of(store, PREFIX, run_at(0, None)).entries) == 5
    assert entries_of(MemoryStore(), PREFIX, run_at(0)).entries == ()


def test_entries_that_can_not_be_read_do_not_hide_the_others() -> None:
    store = filled(*(entry("wanted", n * 0.1) for n in range(8)))
    store.objects[key_of(PREFIX, 3)] = b"[broken"
    del store.objects[key_of(PREFIX, 5)]
    assert [one.seq for one in entries_of(store, PREFIX, run_at(0)).entries] == [1, 2, 4, 6, 7, 8]


async def test_events_are_asked_for_from_where_the_last_answer_ended(tmp_path: Path) -> None:
    cursors: list[object] = []
    page = answer("dagster_events_ok")

    def serve(request: httpx.Request) -> httpx.Response:
        cursors.append(json.loads(request.content)["variables"]["cursor"])
        events = page["data"]["logsForRun"]
        return httpx.Response(
            200, json={"data": {"logsForRun": {**events, "cursor": f"c{len(cursors)}", "hasMore": False}}}
        )

    details = RunSource(config(tmp_path), httpx.MockTransport(serve))
    first = await details.events("r")
    second = await details.events("r")
    await details.aclose()
    assert cursors == [None, "c1"]
    assert len(second.events) == 2 * len(first.events) > 0
    assert second.complete


async def test_only_the_newest_events_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = answer("dagster_events_ok")
    length = len(page["data"]["logsForRun"]["events"])
    monkeypatch.setattr(run_source, "KEPT_EVENTS", length + 3)
    details = RunSource(config(tmp_path), httpx.MockTransport(lambda _: httpx.Response(200, json=page)))
    await details.events("r")
    found = await details.events("r")
    await details.aclose()
    assert (len(found.events), found.dropped) == (length + 3, length - 3)


async def test_a_run_in_full_has_its_configuration_and_tags(tmp_path: Path) -> None:
    details = RunSource(
        config(tmp_path), httpx.MockTransport(lambda _: httpx.Response(200, json=answer("dagster_run_detail")))
    )
    found = await details.run("r")
    await details.aclose()
    assert "governance" in found.config
    assert found.tags["lab/role"] == "ml-engineer"
    assert found.run.steps[0].name == "ingest_data"


async def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    details = RunSource(
        config(tmp_path), httpx.MockTransport(lambda _: httpx.Response(200, json=answer("dagster_run_unknown")))
    )
    with pytest.raises(NotFound):
        await details.run("r")
    await details.aclose()


async def test_every_kind_of_drill_down_has_a_source_and_no_other(tmp_path: Path) -> None:
    for kind in ("services", "runs", "models", "audit", "drift", "alerts"):
        details = open_details(config(tmp_path), object(), kind)  # type: ignore[arg-type]
        await details.aclose()
    with pytest.raises(NotFound):
        open_details(config(tmp_path), object(), "other")  # type: ignore[arg-type]
