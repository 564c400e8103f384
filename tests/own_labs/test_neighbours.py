"""Labs side by side, and what is left when one of them goes."""

import json
import shutil
import signal
import socket
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from lab.base.catalogue import LOOPBACK, Service
from lab.governance.ledger import verify
from lab.observe.snapshot import Health
from lab.runtime.layout import Layout
from tests.own_labs.conftest import Starts
from tests.support.interrupting import interrupted
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


def test_an_interrupted_up_can_be_taken_back(new_lab: LiveLab) -> None:
    code, said = interrupted(new_lab, signal.SIGTERM, "object-store", "up")
    assert code == 143, said
    offset = new_lab.config.port_offset
    new_lab.invoke("nuke", "--yes")
    assert_gone(new_lab, offset)


def test_an_interrupted_up_can_be_gone_on_with_and_nuke_takes_that_lab_whole_and_leaves_the_other(
    new_lab: LiveLab, spare: LiveLab, tmp_path: Path
) -> None:
    interrupted_and_gone_on_with(new_lab)
    nuke_takes_one_lab_and_leaves_the_other(new_lab, spare, tmp_path / "audit.jsonl")


def interrupted_and_gone_on_with(lab: LiveLab) -> None:
    """A person without an SSH key, in an environment whose policy wants baselines signed."""
    lab.environ |= {"ENVIRONMENT": "staging", "HOME": str(lab.home.parent)}
    code, said = interrupted(lab, signal.SIGINT, "made bucket", "up")
    assert code == 130, said
    assert "up was interrupted" in said
    assert "invoke down" in said

    done = lab.invoke("up")

    assert "no baseline yet: Refused: There is no SSH key" in " ".join(done.stdout.split())
    assert ".." not in done.stdout
    monitor = lab.states()[Service.DRIFT_MONITOR]
    assert (monitor.health, monitor.remedy) == (Health.DEGRADED, "Type `invoke seed`.")
    lab.invoke("seed", ENVIRONMENT="dev")
    assert lab.healthy()


def nuke_takes_one_lab_and_leaves_the_other(lab: LiveLab, other: LiveLab, kept: Path) -> None:
    offset, before, entries = lab.config.port_offset, other.pids(), lab.entries()
    stray_logs = {path.name for path in Path(tempfile.gettempdir()).glob("weed.*.log.*")}
    mine = {process.pid for process in lab.processes()}
    assert other.config.port_offset != offset
    assert entries

    done = lab.invoke("nuke", "--yes", "--keep-audit", str(kept))

    assert "the lab is gone" in done.stdout
    assert_gone(lab, offset)
    assert not {name for name in stray_logs if name.rpartition(".")[2] in {str(pid) for pid in mine}}
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    found = verify((line["key"], line["body"].encode()) for line in lines)
    assert found.intact, found.faults
    assert found.checked == len(entries)
    assert found.head == entries[-1]

    assert other.pids() == before
    assert other.healthy()
    assert "nothing of this lab is here" in lab.invoke("nuke", "--yes").stdout


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


def test_two_first_starts_at_once_make_one_lab(starts: Starts) -> None:
    assert starts.codes == (0, 0), starts.said
    assert sum("another command is at work" in text for text in starts.said) == 1
    assert starts.lab.healthy()
