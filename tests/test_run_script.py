"""`./run` installs into its own folder and runs its own Python, whatever a shell says of others."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.lab import ROOT

# Stands for uv and for Invoke: says what reaches them.
SPY = "#!/bin/sh\nenv\n"
FOREIGN = {
    **dict.fromkeys(("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX"), "/from/the/shell"),
    **dict.fromkeys(("UV_PROJECT_ENVIRONMENT", "UV_PROJECT", "UV_WORKING_DIRECTORY"), "/from/the/shell"),
    **dict.fromkeys(("UV_FROZEN", "UV_NO_SYNC", "UV_NO_DEV", "UV_SYSTEM_PYTHON", "PIP_USER"), "from-the-shell"),
    "CDPATH": "/from/the/shell",
}
NETWORK = {"UV_DEFAULT_INDEX": "https://index", "UV_CACHE_DIR": "/cache", "https_proxy": "p:1", "SSL_CERT_FILE": "/ca"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A checkout that others may read; pytest's own folders are closed to them."""
    with tempfile.TemporaryDirectory(prefix="mlops-lab-test-") as parent:
        Path(parent).chmod(0o755)
        yield prepared(Path(parent) / "checkout")


def prepared(made: Path) -> Path:
    (made / ".venv" / "bin").mkdir(parents=True)
    (made / "bin").mkdir()
    shutil.copy2(ROOT / "run", made)
    programs = {made / "bin" / "uv": SPY, made / ".venv" / "bin" / "invoke": SPY}
    for path, text in (programs | {made / ".venv" / "bin" / "python": "#!/bin/sh\n"}).items():
        path.write_text(text)
        path.chmod(0o755)
    return made


def run(folder: Path, variables: Mapping[str, str], *before: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": f"{folder / 'bin'}:{os.defpath}", **variables}
    argv = [*before, str(folder / "run"), "status"]
    return subprocess.run(argv, env=environ, cwd="/", capture_output=True, text=True, timeout=60, check=False)


def test_nothing_of_another_project_reaches_uv_or_the_lab(folder: Path) -> None:
    done = run(folder, FOREIGN | NETWORK)
    assert done.returncode == 0, done.stderr
    assert "from-the-shell" not in done.stdout
    assert "/from/the/shell" not in done.stdout
    for name, value in NETWORK.items():
        assert done.stdout.count(f"{name}={value}\n") == 2, "both uv and Invoke need the network's settings"


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="only root can act as another user")
def test_a_folder_of_somebody_else_is_used_as_it_was_prepared(folder: Path) -> None:
    other = ("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups")
    if subprocess.run([*other, "test", "-x", str(folder / "run")], check=False).returncode:
        pytest.skip("the temporary folder is closed to others")
    done = run(folder, {}, *other)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nPWD=") == 1, "uv would have to write"

    (folder / ".venv" / "bin" / "invoke").unlink()
    done = run(folder, {}, *other)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {folder} can't be written, and nothing is installed in it")
