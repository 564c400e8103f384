"""Where the container engine is looked for, and what is said when it gives no answer."""

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.runtime.compose import engine

PING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"


def with_context(folder: Path, name: str, host: str, current: bool) -> Mapping[str, str]:
    """A configuration folder as `docker context create` leaves it."""
    meta = folder / "contexts" / "meta" / sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    (folder / "config.json").write_text(json.dumps({"currentContext": name} if current else {}))
    return {"DOCKER_CONFIG": str(folder)}


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    """A socket behind which something answers as an engine does."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    visitor, _ = server.accept()
                except OSError:
                    return
                with visitor:
                    if visitor.recv(1000):
                        with suppress(OSError):
                            visitor.sendall(PING)

        thread = threading.Thread(target=serve)
        thread.start()
        yield path
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_variable_wins_over_the_chosen_context(tmp_path: Path) -> None:
    environ = with_context(tmp_path, "desktop", "unix:///desktop.sock", current=True)

    assert engine.address({**environ, "DOCKER_HOST": "unix:///given.sock"}) == "unix:///given.sock"
    assert engine.address(environ) == "unix:///desktop.sock"


def test_a_context_can_be_named(tmp_path: Path) -> None:
    environ = with_context(tmp_path, "desktop", "unix:///desktop.sock", current=False)

    assert engine.address(environ) == engine.DEFAULT_ADDRESS
    assert engine.address({**environ, "DOCKER_CONTEXT": "desktop"}) == "unix:///desktop.sock"


def test_a_context_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="context 'gone' can't be read") as caught:
        engine.address({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "gone"})

    assert "docker context ls" in caught.value.remedy


def test_an_engine_is_recognised_by_its_answer(listening: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Who answers is a thread of this process, which may have to wait for a core.
    monkeypatch.setattr(engine, "_PING_S", 60)
    assert engine.answers({"DOCKER_HOST": f"unix://{listening}"})


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
def test_where_nothing_listens_there_is_no_engine(host: str) -> None:
    assert not engine.answers({"DOCKER_HOST": host})


def test_an_absent_engine_is_told_with_the_way_around() -> None:
    with pytest.raises(LabError, match="No Docker engine answers at unix:///nowhere") as caught:
        engine.engine(environ={"DOCKER_HOST": "unix:///nowhere/docker.sock"})

    assert "RUNTIME=native" in caught.value.remedy


@pytest.mark.skipif(os.getuid() == 0, reason="root may use every socket")
def test_a_socket_that_the_user_may_not_use_is_told_apart(listening: Path) -> None:
    listening.chmod(stat.S_IRUSR & 0)

    with pytest.raises(LabError, match="You may not use the Docker engine") as caught:
        engine.engine(environ={"DOCKER_HOST": f"unix://{listening}"})

    assert "usermod -aG docker" in caught.value.remedy


def test_what_answers_but_is_no_engine_is_no_traceback(listening: Path) -> None:
    with pytest.raises(LabError, match="gives no answer"):
        engine.engine(environ={"DOCKER_HOST": f"unix://{listening}"})
