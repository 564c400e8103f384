"""Everything lies below the lab's home; sockets have paths that fit."""

import os
from pathlib import Path

import pytest

from lab.runtime.layout import Layout


@pytest.mark.parametrize("home", ["/a", "/home/ann/mlops-lab/.lab", "/x/" + "deep/" * 30 + "lab", "/" + "ü" * 60])
def test_sockets_have_paths_that_fit(home: str) -> None:
    for name in ("supervisor.sock", "s3.sock", "filer.sock"):
        # macOS allows 103 bytes, and supervisord binds a name with its pid behind it first.
        assert len(os.fsencode(Layout(Path(home)).run / f"{name}.1234567")) <= 103


def test_a_short_home_holds_everything() -> None:
    layout = Layout(Path("/home/ann/.lab"))

    assert all(folder.is_relative_to(layout.home) for folder in layout.folders())
    assert len(set(layout.folders())) == len(layout.folders())
    assert layout.marker.parent == layout.home


def test_two_labs_with_long_homes_have_sockets_of_their_own() -> None:
    one, two = (Layout(Path("/x") / ("deep/" * 30) / name) for name in ("one", "two"))

    assert one.run != two.run
    assert one.run == Layout(one.home).run
    assert str(os.getuid()) in one.run.name
    assert one.logs.is_relative_to(one.home)


def test_the_place_of_sockets_does_not_depend_on_the_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = Path("/x/" + "deep/" * 30 + "lab")
    before = Layout(home).run
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    assert Layout(home).run == before
