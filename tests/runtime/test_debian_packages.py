"""Servers from Debian packages, unpacked without root."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.base.catalogue import Service
from lab.runtime.binaries import Binary, NotInstalled, Resolver
from lab.runtime.binaries.apt import Apt, ObtainFailed, run
from lab.runtime.binaries.obtain import from_debian
from lab.runtime.binaries.packages import ALERTMANAGER, PROMETHEUS, Package
from tests.support.waiting import eventually

needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="this system has no apt-get")


def quiet(_text: str) -> None:
    return


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Resolver:
    """A cache filled from Debian's packages by the real apt-get; nothing else is allowed."""

    def refuse(_url: str, _target: Path) -> None:
        raise OSError("only Debian's package is meant here")

    made = Resolver(tmp_path_factory.mktemp("cache"), refuse, path="")
    found = made.optional(Service.ALERTMANAGER, quiet)
    if isinstance(found, NotInstalled):
        pytest.skip(f"no package to be had: {found.reason}")
    return made


@needs_apt
def test_alertmanager_runs_from_an_extracted_debian_package(debian: Resolver, tmp_path: Path) -> None:
    found = debian.optional(Service.ALERTMANAGER, quiet)
    assert isinstance(found, Binary)
    assert "Debian package" in found.source
    assert found.version
    config = tmp_path / "alertmanager.yml"
    config.write_text('route: {receiver: r}\nreceivers: [{name: r}]\ntemplates: ["*.tmpl"]\n')
    log = tmp_path / "log"
    options = [f"--config.file={config}", f"--storage.path={tmp_path}/data", "--cluster.listen-address="]
    with log.open("wb") as output:
        server = subprocess.Popen([*found.argv, *options, "--web.listen-address=127.0.0.1:0"], stderr=output)
    try:
        # Without the templates that the package hard-codes it ends before it listens.
        wait_for(lambda: "Listening on" in log.read_text() or server.poll() is not None)
        assert server.poll() is None, log.read_text()
    finally:
        server.terminate()
        # It says that it listens before it handles signals.
        assert server.wait(30) in {0, -signal.SIGTERM}


@needs_apt
def test_amtool_comes_with_it(debian: Resolver) -> None:
    found = debian.program(ALERTMANAGER, "amtool", quiet)
    assert isinstance(found, Binary)
    said = subprocess.run([*found.argv, "--version"], capture_output=True, text=True, timeout=30, check=True)
    assert "amtool" in said.stdout + said.stderr


def test_a_download_gets_the_network_of_the_shell_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, dropped = (
        ("http_proxy", "HTTPS_PROXY", "SSL_CERT_FILE"),
        ("APT_CONFIG", "AWS_SECRET_ACCESS_KEY", "TAR_OPTIONS"),
    )
    for name in (*kept, *dropped):
        monkeypatch.setenv(name, "from-the-shell")
    said = [line.partition("=") for line in run(["env"], tmp_path, 30).splitlines()]
    assert {name for name, _, value in said if value == "from-the-shell"} == set(kept)


@needs_apt
def test_apt_gets_its_own_lists_when_the_machine_has_none(debian: Resolver, tmp_path: Path) -> None:
    def fetch() -> tuple[Apt, Path]:
        made = Apt(tmp_path / "apt", 120, lists=tmp_path / "empty")
        return made, *made.download(["prometheus-alertmanager"])

    # A mirror may be slow for a moment.
    apt, found = eventually(fetch, 150, "the package", (ObtainFailed,))
    assert found.stat().st_size > 1_000_000
    apt.remove()
    assert not (tmp_path / "apt").exists()


@needs_apt
def test_a_package_that_does_not_exist_is_a_reason(debian: Resolver, tmp_path: Path) -> None:
    package = Package("x", {"x": ("x",)}, deb="mlops-lab-has-no-such-package")
    (tmp_path / "tree").mkdir()
    with pytest.raises(ObtainFailed, match="mlops-lab-has-no-such-package"):
        from_debian(package, tmp_path / "tree", quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


@needs_apt
def test_prometheus_serves_its_pages_from_an_extracted_debian_package() -> None:
    found = Resolver().program(PROMETHEUS, "prometheus", quiet)
    if isinstance(found, NotInstalled) or "Debian" not in found.source:
        pytest.skip("Prometheus comes from elsewhere here")
    tree = found.path.parent.parent
    record = json.loads((tree / "obtained.json").read_text())
    assert record["version"] == found.version
    dangling = [path for path in (tree / "usr/share/prometheus").rglob("*") if path.is_symlink() and not path.exists()]
    assert not dangling
    assert not (tree / "usr/share/doc").exists()


def wait_for(condition: Callable[[], bool], deadline_s: float = 30.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)
