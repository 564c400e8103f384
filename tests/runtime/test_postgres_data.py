"""Making PostgreSQL's data folder with the real initdb, and starting on one that a killed server left."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.base.account import unprivileged
from lab.base.errors import LabError
from lab.runtime.binaries import Resolver
from lab.runtime.layout import Layout
from lab.runtime.native.command_lines import base_environment
from lab.runtime.native.postgres_data import ensure_cluster
from tests.support.ports import reserved_offset
from tests.support.waiting import eventually


def make_folders(home: Path) -> Layout:
    layout = Layout(home)
    # Of a long home the folder for sockets lies elsewhere, and nobody here needs it.
    for folder in set(layout.folders()) - {layout.run}:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return layout


@pytest.fixture(scope="module")
def binaries() -> Path:
    return Resolver().postgres_folder()


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory, binaries: Path) -> Layout:
    """A complete cluster."""
    made = make_folders(tmp_path_factory.mktemp("pg") / "a home with spaces")
    assert ensure_cluster(binaries, made, "secret ' \" $x") is True
    return made


def test_a_complete_cluster_is_left_alone(layout: Layout, binaries: Path) -> None:
    before = (layout.postgres / "global" / "pg_control").read_bytes()

    assert ensure_cluster(binaries, layout, "another") is False
    assert (layout.postgres / "global" / "pg_control").read_bytes() == before


def test_passwords_are_asked_for_and_none_is_left_in_a_file(layout: Layout) -> None:
    rules = (layout.postgres / "pg_hba.conf").read_text().splitlines()
    methods = {line.split()[-1] for line in rules if line.strip() and not line.startswith("#")}

    assert methods == {"scram-sha-256"}
    assert list(layout.config.iterdir()) == []
    assert not layout.postgres.with_name("postgres.part").exists()


def test_what_an_interrupted_initdb_left_is_replaced(tmp_path: Path, binaries: Path) -> None:
    layout = make_folders(tmp_path / "home")
    unfinished = layout.postgres.with_name("postgres.part")
    unfinished.mkdir()
    (unfinished / "half").write_text("x")

    assert ensure_cluster(binaries, layout, "x") is True
    assert (layout.postgres / "PG_VERSION").exists()
    assert not unfinished.exists()


def test_initdbs_own_words_are_in_the_error(tmp_path: Path, binaries: Path) -> None:
    layout = make_folders(tmp_path / "home")
    with pytest.raises(LabError, match=r"initdb failed: .*password"):
        ensure_cluster(binaries, layout, "")


@pytest.mark.parametrize("content", ["{mine}\n/x\n", "999999999\n", "", "nonsense\n", "-5\n"])
def test_a_stale_pid_file_is_dropped(layout: Layout, binaries: Path, content: str) -> None:
    path = layout.postgres / "postmaster.pid"
    path.write_text(content.format(mine=os.getpid()))

    ensure_cluster(binaries, layout, "x")

    assert not path.exists()


@contextmanager
def server(binaries: Path, layout: Layout) -> Iterator["subprocess.Popen[bytes]"]:
    with reserved_offset() as offset:
        argv = [str(binaries / "postgres"), "-D", str(layout.postgres), "-p", str(5432 + offset)]
        argv += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        with subprocess.Popen(
            unprivileged(argv), env=base_environment(layout), stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        ) as process:
            try:
                yield process
            finally:
                process.send_signal(2)
                process.wait(30)


def test_the_pid_file_of_a_server_that_runs_is_kept(layout: Layout, binaries: Path) -> None:
    path = layout.postgres / "postmaster.pid"
    with server(binaries, layout) as process:
        eventually(lambda: path.exists() and "ready" in path.read_text(), 60, "PostgreSQL ready")

        ensure_cluster(binaries, layout, "x")

        assert path.exists()
        assert process.poll() is None
    assert not path.exists()
