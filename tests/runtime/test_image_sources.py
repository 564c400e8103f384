"""What images are made of where there is no registry: a base of this Debian, and wheels by their hashes."""

import re
import sys
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.runtime.images import builder_process, debian_base, wheels
from tests.support.lab import ROOT


def test_the_base_is_made_from_files_that_name_only_this_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian_base, "codename", lambda: "bookworm")
    listed = tmp_path / "sources.list.d"
    listed.mkdir()
    own = listed / "debian.sources"
    own.write_text("Types: deb\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main\n")
    (listed / "other.sources").write_text("Types: deb\nSuites: nodistro\nComponents: main\n")
    (listed / "newer.list").write_text("deb [arch=amd64 signed-by=/k] http://m bookworm-pgdg main\n")
    security = listed / "security.list"
    security.write_text("# deb http://m sid main\ndeb [ arch=amd64 ] http://m bookworm-security main\n")
    (listed / "off.sources.disabled").write_text("Suites: bookworm\n")

    assert debian_base.sources(tmp_path) == [own, security]


def test_without_sources_of_this_release_the_error_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian_base, "codename", lambda: "bookworm")

    with pytest.raises(LabError, match=f"No file in {tmp_path} names package sources of bookworm"):
        debian_base.sources(tmp_path)


def test_elsewhere_than_on_debian_the_remedy_is_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(LabError) as caught:
        debian_base.codename(tmp_path / "os-release")

    assert "invoke build --bundle" in caught.value.remedy


def test_without_mmdebstrap_the_error_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LabError, match="mmdebstrap is missing") as caught:
        debian_base.make_archive(tmp_path / "base.tar")

    assert "apt-get install mmdebstrap" in caught.value.remedy


def test_every_wheel_is_checked_against_a_hash() -> None:
    wanted = wheels.requirements(ROOT)
    lines = [line for line in wanted.splitlines() if "==" in line]

    names = {line.partition("==")[0] for line in lines}
    # From the first line of the list to the last.
    assert {"aiohttp", "anyio", "mlflow", "dagster", "uv", "zipp"} <= names
    assert len(re.findall(r"^\S+==.*\\\n    --hash=sha256:", wanted, re.MULTILINE)) == len(lines)


_PLACES = (
    "a/An_Other-1.0-py3-none-any.whl",
    "b/An_Other-1.0-cp311-cp311-linux_x86_64.whl",
    "c/two-2.0-py3-none-any.whl",
)

LOCK = "".join(
    f'\n    {{ url = "https://files.example.com/{place}", hash = "sha256:{place[0] * 64}", size = 1 }},'
    for place in (*_PLACES, "d/two-2.0.tar.gz")
)


def test_the_lock_file_makes_an_index_of_its_wheels(tmp_path: Path) -> None:
    wheels.write_index(LOCK, tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["an-other", "two"]
    listed = (tmp_path / "an-other" / "index.html").read_text()
    assert re.findall(r'href="([^"]+)"', listed) == [
        f"https://files.example.com/{place}#sha256={place[0] * 64}" for place in _PLACES[:2]
    ]
    assert "tar.gz" not in (tmp_path / "two" / "index.html").read_text()


def test_the_index_has_a_wheel_of_everything_that_images_install(tmp_path: Path) -> None:
    wheels.write_index((ROOT / "uv.lock").read_text(), tmp_path)

    names = re.findall(r"(?m)^([\w.-]+)==", wheels.requirements(ROOT))
    assert len(names) > 100
    assert not [name for name in names if not (tmp_path / name / "index.html").is_file()]


@pytest.mark.parametrize("answers", [True, False], ids=["the lock file's places", "this machine's index"])
def test_wheels_come_from_where_the_lock_file_has_them_else_from_the_index_of_this_machine(
    answers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, asked = tmp_path / "uv.lock", []
    lock.write_text(LOCK)

    def pip(argv: list[str], *_: object) -> list[str]:
        asked.append(argv[argv.index("--index-url") + 1] if "--index-url" in argv else "")
        assert {"--require-hashes", "--no-deps"} <= set(argv)
        if asked[-1] and not answers:
            raise LabError("no route to host", "")
        (tmp_path / "wheels" / "two-2.0-py3-none-any.whl").touch()
        return []

    monkeypatch.setattr(wheels, "run", pip)

    assert wheels.collect("two==2.0", "3.11", tmp_path / "wheels", lock) == 1
    assert [one.partition(":")[0] for one in asked] == (["file"] if answers else ["file", ""])
    assert not list(tmp_path.glob("index-*"))


def test_whoever_ends_a_download_does_not_start_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uv.lock").write_text(LOCK)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "pip"))
    (tmp_path / "pip").write_text(f"#!/bin/sh\necho asked >>{tmp_path}/asked\nkill -TERM $$\n")
    (tmp_path / "pip").chmod(0o755)

    with pytest.raises(builder_process.Ended):
        wheels.collect("two==2.0", "3.11", tmp_path / "wheels", tmp_path / "uv.lock")

    assert (tmp_path / "asked").read_text() == "asked\n"
