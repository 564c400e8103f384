"""A run sees the file that its user names, wherever it lies."""

from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime.data_mount import visible
from lab.runtime.lab_marker import COMPOSE, NATIVE, SEAWEEDFS, write_mark
from lab.wiring import load_config


@pytest.fixture
def config(tmp_path: Path) -> LabConfig:
    return load_config({"LAB_ENV_FILE": str(tmp_path / "env"), "LAB_HOME": str(tmp_path / "home")})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("a\n1\n")
    return path


def test_processes_read_it_where_it_is(config: LabConfig, data: Path) -> None:
    write_mark(config, NATIVE, SEAWEEDFS)
    assert visible(config, data) == data


def test_containers_get_a_copy_that_is_private_and_replaced_next_time(config: LabConfig, data: Path) -> None:
    write_mark(config, COMPOSE, SEAWEEDFS)
    for text in ("a\n1\n", "b\n"):
        data.write_text(text)
        assert visible(config, data) == Path("/lab/inbox/mine.csv")
        copy = config.home / "inbox" / "mine.csv"
        assert copy.read_text() == text
        assert copy.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_copied_is_named(config: LabConfig, tmp_path: Path) -> None:
    write_mark(config, COMPOSE, SEAWEEDFS)
    with pytest.raises(LabError, match=r"Can't copy .*gone\.csv"):
        visible(config, tmp_path / "gone.csv")
