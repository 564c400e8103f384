"""Servers on PATH: written down at `up`, and the same in every shell until `down`."""

from pathlib import Path

import pytest

from lab.base.catalogue import Service
from lab.runtime.binaries import Resolver
from lab.runtime.binaries.found_on_path import Found
from tests.support.programs import placed


def quiet(_text: str) -> None:
    return


def test_a_server_stays_the_one_that_was_found_whatever_another_shells_path_says(tmp_path: Path) -> None:
    found = Found(tmp_path / "programs.json")
    mine = placed(tmp_path / "mine", "prometheus")
    Resolver(tmp_path / "cache", path=str(mine.parent), found=found).remember()
    other = placed(tmp_path / "other", "prometheus")
    placed(tmp_path / "other", "alertmanager")

    bare = Resolver(tmp_path / "cache", path="", found=found)
    assert bare.prometheus(quiet) == mine
    there = Resolver(tmp_path / "cache", path=str(other.parent), found=found)
    assert there.prometheus(quiet) == mine
    assert Service.ALERTMANAGER not in there.absent(), "what wasn't there is still looked for"

    there.forget()
    assert there.prometheus(quiet) == other


def test_a_server_that_went_away_is_looked_for_again(tmp_path: Path) -> None:
    found = Found(tmp_path / "programs.json")
    mine = placed(tmp_path / "mine", "prometheus")
    Resolver(tmp_path / "cache", path=str(mine.parent), found=found).remember()
    mine.unlink()
    other = placed(tmp_path / "other", "prometheus")
    assert Resolver(tmp_path / "cache", path=str(other.parent), found=found).prometheus(quiet) == other


@pytest.mark.parametrize("text", ["", "[]", '{"prometheus": 7}', '{"prometheus": {"path": "/bin/sh"}}'])
def test_a_damaged_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "programs.json").write_text(text)
    assert Found(tmp_path / "programs.json").get("prometheus") is None
