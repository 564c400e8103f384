"""Logs as the screen reads them: the lines of before, then each as it comes, and a thread that ends."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from lab.base.catalogue import Service
from lab.base.errors import LabError, UsageError
from lab.base.log_lines import Level
from lab.observe.details.log_source import LogBatch, LogSource
from lab.runtime.native.log_files import follow, tail


class Files:
    """The part of a runtime that has logs, over real files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.followed = threading.Event()
        self.ended = threading.Event()

    def services(self) -> Sequence[Service]:
        return [Service.POSTGRES, Service.MLFLOW]

    def path(self, service: Service) -> Path:
        return self.folder / f"{service}.log"

    def tail(self, service: Service, lines: int) -> Sequence[str]:
        return tail([path for path in [self.path(service)] if path.exists()], lines)

    def follow(
        self, services: Sequence[Service], ended: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Service, str]]:
        def opened() -> bool:
            self.followed.set()
            return ended()

        files: Mapping[Service, Path] = {service: self.path(service) for service in services}
        yield from follow(files, opened)
        self.ended.set()


def write(runtime: Files, service: Service, *lines: str) -> None:
    with runtime.path(service).open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


@pytest.fixture
def runtime(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    write(made, Service.MLFLOW, "2026-11-23 14:00:02 +0000 ERROR failed", "  File x.py", "\x1b[32mgreen\x1b[0m INFO x")
    write(
        made, Service.POSTGRES, "2026-11-23 14:00:01.000 UTC [1] LOG:  ready", "2026-11-23 14:00:03.000 UTC [1] LOG:  x"
    )
    return made


def details_on(runtime: Files) -> LogSource:
    return LogSource(lambda: runtime)  # type: ignore[arg-type, return-value]


async def news(details: LogSource, source: str) -> LogBatch:
    """The next batch that holds something; the test's own timeout is the deadline."""
    while not (found := await details.more(source)).lines:
        continue
    return found


async def test_the_lines_of_before_come_first_then_each_as_it_comes(runtime: Files) -> None:
    details = details_on(runtime)
    before = await news(details, "mlflow")
    assert [line.text for line in before.lines] == [
        "2026-11-23 14:00:02 +0000 ERROR failed",
        "  File x.py",
        "green INFO x",
    ]
    assert [line.level for line in before.lines] == [Level.ERROR, Level.ERROR, Level.INFO]
    await asyncio.to_thread(runtime.followed.wait, 30)
    write(runtime, Service.MLFLOW, "a WARNING b", "goes on")
    found = [await news(details, "mlflow")]
    # What the reader had not come to is in the next batch.
    while sum(len(batch.lines) for batch in found) < 2:
        found.append(await news(details, "mlflow"))
    assert [(line.text, line.level) for batch in found for line in batch.lines] == [
        ("a WARNING b", Level.WARNING),
        ("goes on", Level.WARNING),
    ]
    assert (found[0].reading, found[0].number > before.number) == (before.reading, True)
    await details.aclose()


async def test_all_services_are_merged_by_the_time_of_their_lines(runtime: Files) -> None:
    details = details_on(runtime)
    found = await news(details, "")
    assert [line.service for line in found.lines] == ["postgres", "mlflow", "mlflow", "mlflow", "postgres"]
    await details.aclose()


async def test_another_source_begins_anew(runtime: Files) -> None:
    details = details_on(runtime)
    first = await news(details, "mlflow")
    second = await news(details, "postgres")
    assert {line.service for line in second.lines} == {"postgres"}
    assert second.reading > first.reading
    await details.aclose()


async def test_the_thread_ends_with_the_source(runtime: Files) -> None:
    details = details_on(runtime)
    await news(details, "mlflow")
    await asyncio.to_thread(runtime.followed.wait, 30)
    await details.aclose()
    assert await asyncio.to_thread(runtime.ended.wait, 30)


async def test_without_news_a_call_answers_with_nothing(runtime: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.observe.details.log_source._PATIENCE_S", 0.01)
    runtime.path(Service.MLFLOW).unlink()
    details = details_on(runtime)
    await details.more("mlflow")
    assert (await details.more("mlflow")).lines == ()
    await details.aclose()


async def test_an_unknown_service_is_refused(runtime: Files) -> None:
    details = details_on(runtime)
    with pytest.raises(UsageError, match="'nothing' is no service"):
        await news(details, "nothing")
    await details.aclose()


async def test_a_runtime_that_fails_is_asked_again(runtime: Files) -> None:
    failures = [LabError("the engine is away")]

    def make() -> Files:
        if failures:
            raise failures.pop()
        return runtime

    details = LogSource(make)  # type: ignore[arg-type]
    with pytest.raises(LabError, match="the engine is away"):
        await news(details, "mlflow")
    assert (await news(details, "mlflow")).lines
    await details.aclose()


async def test_a_flood_between_two_calls_is_bounded(runtime: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.observe.details.log_source._KEPT", 2)
    details = details_on(runtime)
    found = await news(details, "mlflow")
    assert (len(found.lines), found.dropped) == (2, 1)
    await details.aclose()
