"""Dagster's storage on a real PostgreSQL: connections are kept, and may break while an event is written."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as db
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.execution.plan.objects import StepSuccessData
from dagster_postgres import PostgresEventLogStorage
from sqlalchemy.exc import DBAPIError, ProgrammingError

from lab.base.account import unprivileged
from lab.dagster_host.database import ask_again, written_once
from lab.dagster_host.storage import PooledStorage, look_at_connections
from lab.runtime.binaries import Resolver
from lab.runtime.layout import Layout
from lab.runtime.native.command_lines import base_environment
from lab.runtime.native.postgres_data import ensure_cluster
from tests.support.ports import reserved_offset
from tests.support.waiting import eventually

BREAK = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server's address, with its password."""
    layout, binaries = Layout(tmp_path_factory.mktemp("pg") / "home"), Resolver().postgres_folder()
    for folder in set(layout.folders()) - {layout.run}:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ensure_cluster(binaries, layout, "secret")
    with reserved_offset() as offset:
        argv = [str(binaries / "postgres"), "-D", str(layout.postgres), "-p", str(5432 + offset)]
        argv += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        with subprocess.Popen(
            unprivileged(argv), env=base_environment(layout), stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        ) as process:
            try:
                eventually(lambda: _ready(layout.postgres), 60, "PostgreSQL ready")
                yield f"postgresql+psycopg2://postgres:secret@127.0.0.1:{5432 + offset}/postgres"
            finally:
                process.send_signal(2)
                process.wait(30)


def _ready(folder: Path) -> bool:
    path = folder / "postmaster.pid"
    return path.exists() and "ready" in path.read_text()


@pytest.fixture
def storage(url: str) -> Iterator[PostgresEventLogStorage]:
    made = PostgresEventLogStorage.create_clean_storage(url)
    # As the lab's own has it: connections are kept.
    look_at_connections()
    made.optimize_for_webserver(0, 3600, 20)
    yield made
    made.dispose()


def event(kind: DagsterEventType, data: Any) -> dg.EventLogEntry:
    said = DagsterEvent(kind.value, "job", step_key="step", event_specific_data=data)
    return dg.EventLogEntry(
        error_info=None, level=20, user_message="", run_id="run", timestamp=time.time(), dagster_event=said
    )


def success() -> dg.EventLogEntry:
    return event(DagsterEventType.STEP_SUCCESS, StepSuccessData(1.0))


def materialization() -> dg.EventLogEntry:
    made = dg.AssetMaterialization("model", tags={"dagster/data_version": "7"})
    return event(DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(made, []))


def evaluation() -> dg.EventLogEntry:
    seen = dg.AssetCheckEvaluation(asset_key=dg.AssetKey("model"), check_name="good", passed=True, metadata={})
    return event(DagsterEventType.ASSET_CHECK_EVALUATION, seen)


def broken_at(storage: PostgresEventLogStorage, words: str, when: str) -> list[str]:
    """Ends the server's side of the connection once, `before` or `after` the first statement with these words."""
    seen: list[str] = []

    def end(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if words in statement and not seen:
            seen.append(statement)
            cursor.connection.cursor().execute(BREAK)

    db.event.listen(storage._engine, f"{when}_cursor_execute", end)
    return seen


def count(storage: PostgresEventLogStorage, table: str) -> int:
    with storage._connect() as connection:
        return int(connection.execute(db.text(f"SELECT count(*) FROM {table}")).scalar() or 0)


CASES = [
    pytest.param(success, "INSERT INTO event_logs", "before", id="not-written"),
    pytest.param(success, "INSERT INTO event_logs", "after", id="written-and-not-heard"),
    pytest.param(success, "NOTIFY", "before", id="written"),
    pytest.param(materialization, "INSERT INTO event_logs", "before", id="asset-not-written"),
    pytest.param(materialization, "INSERT INTO asset_event_tags", "before", id="asset-without-tags"),
    pytest.param(materialization, "INSERT INTO asset_keys", "after", id="asset-tags-rolled-back"),
    pytest.param(evaluation, "INSERT INTO asset_check_executions", "before", id="check-not-written"),
    pytest.param(evaluation, "INSERT INTO asset_check_executions", "after", id="check-written"),
]


@pytest.mark.parametrize(("make", "words", "when"), CASES)
def test_an_event_is_there_once_when_its_connection_breaks(
    storage: PostgresEventLogStorage, make: Callable[[], dg.EventLogEntry], words: str, when: str
) -> None:
    said = make()
    seen = broken_at(storage, words, when)

    written_once(PostgresEventLogStorage.store_event)(storage, said)

    assert len(seen) == 1
    assert [entry.timestamp for entry in storage.get_logs_for_run("run")] == [said.timestamp]
    assert count(storage, "asset_event_tags") == (1 if make is materialization else 0)
    assert count(storage, "asset_check_executions") == (1 if make is evaluation else 0)
    if make is materialization:
        assert storage.get_latest_materialization_events([dg.AssetKey("model")])[dg.AssetKey("model")] == said


def test_a_question_is_asked_again_when_its_connection_breaks(
    storage: PostgresEventLogStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a step that begins asks: are there columns for its data, and what was made before it."""
    for kind in PostgresEventLogStorage.__mro__:
        for name, method in list(vars(kind).items()):
            if name.startswith(("get_", "has_")) and kind is not object:
                monkeypatch.setattr(kind, name, method)  # put back at the end
        ask_again(kind)
    storage.store_event(materialization())

    columns = broken_at(storage, "pg_type", "before")
    assert storage.has_asset_key_col("asset_key")
    records = broken_at(storage, "FROM event_logs", "before")
    assert storage.get_latest_materialization_events([dg.AssetKey("model")])[dg.AssetKey("model")]

    assert (len(columns), len(records)) == (1, 1)


def test_an_event_that_is_said_twice_is_there_twice(storage: PostgresEventLogStorage) -> None:
    store = written_once(PostgresEventLogStorage.store_event)
    store(storage, success())
    store(storage, success())

    assert len(storage.get_logs_for_run("run")) == 2


def test_a_connection_that_breaks_each_time_ends_at_the_deadline(storage: PostgresEventLogStorage) -> None:
    def end(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO event_logs" in statement:
            cursor.connection.cursor().execute(BREAK)

    db.event.listen(storage._engine, "before_cursor_execute", end)
    with pytest.raises(DBAPIError) as caught:
        written_once(PostgresEventLogStorage.store_event, deadline_s=0.2)(storage, success())
    assert caught.value.connection_invalidated


def test_what_is_wrong_with_an_event_itself_is_told_at_once(storage: PostgresEventLogStorage) -> None:
    asked: list[object] = []

    def store(_: PostgresEventLogStorage, said: dg.EventLogEntry) -> None:
        asked.append(said)
        raise ProgrammingError("INSERT", {}, Exception("no such column"))

    with pytest.raises(ProgrammingError):
        written_once(store)(storage, success())
    assert len(asked) == 1


def test_questions_share_a_connection_which_is_replaced_when_it_broke(url: str) -> None:
    storage = PooledStorage.from_config_value(None, {"postgres_url": url})
    pid = db.text("SELECT pg_backend_pid()")

    def asked() -> list[int]:
        with storage.run_storage.connect() as runs, storage.event_log_storage._connect() as events:
            return [runs.execute(pid).scalar(), events.execute(pid).scalar()]

    try:
        before = asked()
        assert storage.run_storage.get_runs() == []
        assert storage.event_log_storage.get_logs_for_run("run") == []
        assert asked() == before
        with db.create_engine(url).connect() as other:
            other.execute(
                db.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY(:pids)"),
                {"pids": before},
            )
        assert storage.run_storage.get_runs() == []
        assert set(asked()).isdisjoint(before)
    finally:
        for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
            part.dispose()
