"""Labs side by side, and what is left when one of them goes."""

import json
import os
import shutil
import signal
import socket
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from lab.base.catalogue import LOOPBACK, Service
from lab.governance.ledger import verify
from lab.runtime.layout import Layout
from tests.support.lab import LiveLab
from tests.support.ports import ports_at

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


def assert_gone(lab: LiveLab, offset: int) -> None:
    """No process, port, socket or file of the lab is left."""
    assert lab.processes() == []
    assert not lab.home.exists()
    assert not Path(lab.environ["LAB_ENV_FILE"]).exists()
    assert not Layout(lab.home).run.exists()
    for port in ports_at(offset):
        with closing(socket.socket()) as client:
            assert client.connect_ex((LOOPBACK, port)) != 0, f"somebody answers on {port}"
    strays = [path.name for path in Path("/tmp").iterdir() if path.name.startswith(("seaweedfs-", "weed."))]
    assert [name for name in strays if any(f"-{port}.sock" in name for port in ports_at(offset))] == []


def test_nuke_takes_one_lab_whole_and_leaves_the_other(live: LiveLab, spare: LiveLab, tmp_path: Path) -> None:
    offset, before, entries = spare.config.port_offset, live.pids(), spare.entries()
    stray_logs = {path.name for path in Path(tempfile.gettempdir()).glob("weed.*.log.*")}
    mine = {process.pid for process in spare.processes()}
    assert live.config.port_offset != offset
    assert entries
    kept = tmp_path / "audit.jsonl"

    done = spare.invoke("nuke", "--yes", "--keep-audit", str(kept))

    assert "the lab is gone" in done.stdout
    assert_gone(spare, offset)
    assert not {name for name in stray_logs if name.rpartition(".")[2] in {str(pid) for pid in mine}}
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    found = verify((line["key"], line["body"].encode()) for line in lines)
    assert found.intact, found.faults
    assert found.checked == len(entries)
    assert found.head == entries[-1]

    assert live.pids() == before
    assert live.healthy()
    assert "nothing of this lab is here" in spare.invoke("nuke", "--yes").stdout


def test_nuke_without_yes_and_without_a_terminal_removes_nothing(live: LiveLab) -> None:
    before = live.pids()

    done = live.invoke("nuke", check=False)

    assert done.returncode == 1
    assert "nothing was removed" in done.stdout + done.stderr
    assert "--yes" in done.stdout
    assert live.pids() == before
    assert live.home.is_dir()
    assert Path(live.environ["LAB_ENV_FILE"]).is_file()


def test_a_dry_run_of_nuke_names_what_would_go(live: LiveLab) -> None:
    done = live.invoke("nuke", "--dry-run")

    assert str(live.home) in done.stdout
    assert live.environ["LAB_ENV_FILE"] in done.stdout
    assert live.home.is_dir()


@pytest.mark.parametrize("task", [("nuke", "--yes"), ("up",)])
def test_a_folder_with_somebodys_files_is_left_alone(new_lab: LiveLab, task: tuple[str, ...]) -> None:
    new_lab.home.mkdir()
    thesis = new_lab.home / "thesis.txt"
    thesis.write_text("years of work")

    done = new_lab.invoke(*task, check=False)

    assert done.returncode == 1
    assert str(new_lab.home) in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in new_lab.home.iterdir()] == ["thesis.txt"]
    assert new_lab.processes() == []
    shutil.rmtree(new_lab.home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_can_be_gone_on_with_or_taken_back(new_lab: LiveLab, number: signal.Signals) -> None:
    interrupt(new_lab, number, "made bucket" if number is signal.SIGINT else "object-store")

    if number is signal.SIGINT:
        new_lab.invoke("up")
        assert new_lab.healthy()
    offset = new_lab.config.port_offset
    new_lab.invoke("nuke", "--yes")
    assert_gone(new_lab, offset)


def interrupt(lab: LiveLab, number: signal.Signals, word: str) -> None:
    """Starts `invoke up` and sends the signal, as a terminal does to the whole group, once it has said `word`."""
    with lab.popen("up") as process:
        assert process.stdout is not None
        said = next((line for line in process.stdout if word in line), "")
        assert said, f"`up` ended before it said {word!r}"
        os.killpg(process.pid, number)
        output = process.stdout.read()
        assert process.wait(60) != 0
    assert "Traceback" not in output, output


def test_ports_that_are_taken_are_not_written_down(new_lab: LiveLab) -> None:
    with socket.socket() as busy:
        # Connections of an earlier lab may linger on the port.
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind(("127.0.0.1", new_lab.config.port(Service.MLFLOW)))
        busy.listen()
        done = new_lab.invoke("up", check=False)
    assert done.returncode == 1
    assert "PORT_OFFSET=" in done.stderr
    assert not new_lab.config.env_file.exists()


def test_a_running_lab_is_not_looked_for_on_other_ports(live: LiveLab) -> None:
    offset = live.config.port_offset
    done = live.invoke("status", check=False, PORT_OFFSET=str(offset + 1))
    assert done.returncode == 1
    assert f"PORT_OFFSET={offset}" in done.stderr


def test_two_first_starts_at_once_make_one_lab(new_lab: LiveLab) -> None:
    both = [new_lab.popen("up") for _ in range(2)]
    said = [process.communicate(timeout=400)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("another command is at work" in text for text in said) == 1
    new_lab.invoke("nuke", "--yes", "up")
    assert new_lab.healthy()
