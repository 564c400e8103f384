"""Reading logs while servers write and rotate them."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import Queue
from typing import cast

from lab.base.catalogue import Service
from lab.runtime.native.log_files import count_restarts, follow, tail
from tests.support.waiting import eventually


def test_the_last_lines_are_taken_over_rotated_parts(tmp_path: Path) -> None:
    old, new = tmp_path / "a.log.1", tmp_path / "a.log"
    old.write_text("1\n2\n3\n")
    new.write_text("4\n5\n")

    assert tail([old, new], 3) == ["3", "4", "5"]
    assert tail([old, new], 99) == ["1", "2", "3", "4", "5"]
    assert tail([], 5) == []


def test_the_end_of_a_long_log_is_found_wherever_its_blocks_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"{number} {'ü' * (number % 97)}\n" for number in range(20_000)))

    assert tail([path], 3000) == [f"{number} {'ü' * (number % 97)}" for number in range(17_000, 20_000)]
    assert len(tail([path], 50_000)) == 20_000


def test_following_ends_when_it_is_told_to_although_nothing_comes(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.touch()
    asked: list[int] = []

    def ended() -> bool:
        asked.append(1)
        return len(asked) > 2

    assert list(follow({Service.MLFLOW: path}, ended)) == []


def test_bytes_that_are_no_text_do_not_stop_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"a\xff\n\0b\nlast without an end")

    assert tail([path], 9) == ["a\ufffd", "\0b", "last without an end"]


class Follower:
    """Follows logs in a thread, because a follower only ends with its caller; ready when it is made."""

    def __init__(self, folder: Path, files: dict[Service, Path]) -> None:
        self.lines: Queue[tuple[Service, str]] = Queue()
        probe = folder / "probe.log"
        probe.touch()
        self._lines = follow({**files, Service.POSTGRES: probe})
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        # What is written before it has opened the logs is none of its business.
        eventually(lambda: self._answers(probe), 60, "the follower's beginning")

    def _answers(self, probe: Path) -> bool:
        with probe.open("a") as file:
            file.write("probe\n")
        return not self.lines.empty()

    def _read(self) -> None:
        with closing(cast("Iterator[tuple[Service, str]]", self._lines)) as lines:
            for line in lines:
                self.lines.put(line)
                if self._end.is_set():
                    return

    def next(self) -> tuple[Service, str]:
        while (found := self.lines.get(timeout=60))[0] is Service.POSTGRES:
            continue
        return found

    def end(self, path: Path) -> None:
        self._end.set()
        with path.open("a") as file:
            file.write("end\n")
        self._thread.join(30)
        assert not self._thread.is_alive()


def test_new_lines_come_in_order_also_after_a_rotation_and_from_a_log_that_begins_later(tmp_path: Path) -> None:
    mlflow, weed = tmp_path / "mlflow.log", tmp_path / "object-store.log"
    mlflow.write_text("from before\n")
    follower = Follower(tmp_path, {Service.MLFLOW: mlflow, Service.OBJECT_STORE: weed})

    weed.write_text("first of a new log\n")
    assert follower.next() == (Service.OBJECT_STORE, "first of a new log")
    with mlflow.open("a") as file:
        file.write("one\ntwo\n")
    assert [follower.next(), follower.next()] == [(Service.MLFLOW, "one"), (Service.MLFLOW, "two")]

    mlflow.rename(tmp_path / "mlflow.log.1")
    mlflow.write_text("new\nand at once longer than the old one was\n")
    assert follower.next() == (Service.MLFLOW, "new")
    assert follower.next() == (Service.MLFLOW, "and at once longer than the old one was")
    follower.end(mlflow)


def test_a_half_written_line_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("")
    other = tmp_path / "b.log"
    other.write_text("")
    follower = Follower(tmp_path, {Service.MLFLOW: path, Service.DAGSTER: other})

    with path.open("a") as file:
        file.write("first half")
        file.flush()
        with other.open("a") as marks:
            marks.write("seen\n")
        # By now the follower has looked at the half line at least once.
        assert follower.next() == (Service.DAGSTER, "seen")
        file.write(", second half\n")
    assert follower.next() == (Service.MLFLOW, "first half, second half")
    follower.end(path)


def test_only_unasked_ends_since_the_last_start_count(tmp_path: Path) -> None:
    path = tmp_path / "supervisord.log"
    path.write_text(
        "INFO supervisord started with pid 1\n"
        "WARN exited: mlflow (terminated by SIGKILL; not expected)\n"
        "INFO supervisord started with pid 2\n"
        "WARN exited: mlflow (terminated by SIGKILL; not expected)\n"
        "INFO exited: mlflow (exit status 0; expected)\n"
        "WARN exited: dagster-code (exit status 1; not expected)\n"
        "WARN exited: mlflow (terminated by SIGSEGV; not expected)\n"
        "INFO stopped: mlflow (exit status 0)\n"
    )

    assert count_restarts(path) == {"mlflow": 2, "dagster-code": 1}


def test_without_a_log_nothing_was_restarted(tmp_path: Path) -> None:
    assert count_restarts(tmp_path / "absent") == {}
