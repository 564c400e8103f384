"""What exporters tell of PostgreSQL, of the machine and of backups."""

import socket
import threading
from pathlib import Path

import pytest

from exporters.approval_metrics import waiting_since
from exporters.backup_metrics import BackupCollector
from exporters.machine_metrics import MachineCollector
from exporters.postgres_metrics import PostgresCollector, PostgresWatch, accepts
from exporters.serve import LabCollector
from lab.base import last_backup
from lab.base.model_versions import ModelVersion


def values(collector: LabCollector) -> dict[str, float]:
    return {sample.name: sample.value for metric in collector.collect() for sample in metric.samples}


@pytest.mark.parametrize(
    ("answer", "up"),
    [
        (b"R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0", True),
        (b"E\0\0\0\x4cSFATAL\0C57P03\0Mthe database system is starting up\0\0", False),
        (b"HTTP/1.1 400 Bad Request", False),
        (b"", False),
    ],
)
def test_a_server_is_up_when_it_asks_who_is_there(answer: bytes, up: bool) -> None:
    ended: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)
                # The end of what the client sends, and no reset: that would fill PostgreSQL's log.
                ended.append(connection.recv(1))

        thread = threading.Thread(target=serve)
        thread.start()
        assert accepts("127.0.0.1", server.getsockname()[1]) is up
        thread.join(10)
    assert ended == [b""]


def test_a_server_that_says_nothing_is_down_after_the_time_it_was_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not accepts("127.0.0.1", server.getsockname()[1], 0.05)


def test_nothing_is_claimed_of_a_server_before_it_was_asked() -> None:
    watch = PostgresWatch("127.0.0.1", 1)
    assert values(PostgresCollector(watch)) == {}
    watch.refresh()
    assert values(PostgresCollector(watch)) == {"postgres_up": 0.0}


def test_the_machine_is_read_as_linux_tells_it(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:       2048 kB\nMemFree:  1 kB\nMemAvailable:    512 kB\n")
    (tmp_path / "vmstat").write_text("nr_free_pages 7\noom_kill 3\n")
    found = values(MachineCollector(tmp_path, tmp_path))
    assert found["machine_memory_total_bytes"] == 2 << 20
    assert found["machine_memory_available_bytes"] == 512 << 10
    assert found["machine_oom_kills_total"] == 3
    assert 0 < found["machine_disk_free_bytes"] < found["machine_disk_total_bytes"]


def test_of_a_machine_that_tells_nothing_only_the_disk_is_claimed(tmp_path: Path) -> None:
    found = values(MachineCollector(tmp_path, tmp_path / "absent"))
    assert set(found) == {"machine_disk_free_bytes", "machine_disk_total_bytes"}


def test_the_last_backup_is_told_and_none_is_never(tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    assert values(BackupCollector(folder)) == {"lab_last_backup_timestamp_seconds": 0.0}
    last_backup.note(folder, 1234.5)
    assert values(BackupCollector(folder)) == {"lab_last_backup_timestamp_seconds": 1234.5}
    (folder / last_backup.FILE).write_text("yesterday")
    assert values(BackupCollector(folder)) == {"lab_last_backup_timestamp_seconds": 0.0}


def version(number: int, state: str, name: str = "M") -> ModelVersion:
    return ModelVersion(name, str(number), 100.0 * number, tags={"approval_state": state})


def test_the_oldest_version_waits_that_was_not_passed_over() -> None:
    pending = [version(number, "pending_staging") for number in (1, 2, 4, 5)]
    nobody = {("M", "pending_staging"): 0.0, ("M", "pending_prod"): 0.0}
    assert waiting_since([], ["M"]) == nobody
    assert waiting_since(pending, ["M"])["M", "pending_staging"] == 100.0
    passed = [*pending, version(3, "pending_prod"), version(6, "rejected"), version(9, "approved_prod", "other")]
    found = waiting_since(passed, ["M", "other"])
    assert (found["M", "pending_staging"], found["M", "pending_prod"]) == (400.0, 300.0)
    assert {found["other", state] for _, state in nobody} == {0.0}
