"""The lab of a user without a name in the password file and without HOME, in a checkout that is somebody else's."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.keys import make_key
from tests.support.lab import HOMES, ROOT, LiveLab
from tests.support.ports import reserved_offset

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user"),
    pytest.mark.skipif(not shutil.which("setpriv"), reason="there is no setpriv here"),
]

_UID = 12_345
_AS_OTHER = ["setpriv", f"--reuid={_UID}", f"--regid={_UID}", "--clear-groups"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the other user; pytest's own are closed to others."""
    made = Path(tempfile.mkdtemp(prefix="mlops-lab-test-"))
    os.chown(made, _UID, _UID)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def lab(folder: Path) -> Iterator[LiveLab]:
    with reserved_offset() as offset:
        environ = {
            "PATH": os.environ["PATH"],
            # No HOME either, as in many containers, and a locale in which nothing but ASCII can be printed.
            "LC_ALL": "C",
            "PYTHONIOENCODING": "ascii",
            "LAB_NAME": "other-users-lab",
            "LAB_HOME": str(folder / "lab"),
            "LAB_ENV_FILE": str(folder / "env"),
            "PORT_OFFSET": str(offset),
            "RUNTIME": "native",
        }
        lab = LiveLab(folder, environ)
        HOMES.append(lab.home)
        python = environment(folder / "venv")
        yield lab
        invoke(python, lab.environ, "nuke", "--yes")


def environment(folder: Path) -> Path:
    """The packages of this Python environment in one that anybody may run: this one's Python may lie below /root."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [os.path.realpath(sys.executable), shutil.which(name, path="/usr/local/bin:/usr/bin") or ""]
    base = next((path for path in candidates if path and may_run(path)), None)
    if base is None:
        pytest.skip(f"no {name} here that other users may run")
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    places = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    next(folder.glob("lib/python*/site-packages")).joinpath("lab.pth").write_text("\n".join(places) + "\n")
    for program in ("weed", "supervisord"):
        (folder / "bin" / program).symlink_to(Path(sysconfig.get_path("scripts")) / program)
    if (servers := Path(sys.prefix) / "share" / "mlops-lab").exists():
        (folder / "share").mkdir()
        (folder / "share" / "mlops-lab").symlink_to(servers)
    return folder / "bin" / "python"


def may_run(python: str) -> bool:
    # By way of a shell: setpriv itself may still have root's rights when it starts the program.
    argv = [*_AS_OTHER, "sh", "-c", 'exec "$0" -c "import ssl, venv"', python]
    return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0


def invoke(python: Path, environ: Mapping[str, str], *tasks: str) -> subprocess.CompletedProcess[str]:
    argv = [*_AS_OTHER, str(python), "-m", "invoke", *tasks]
    return subprocess.run(
        argv,
        cwd=ROOT,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def users_of(lab: LiveLab) -> set[int]:
    """Who runs the lab's processes, also those that come and go."""
    found = set()
    for process in lab.processes():
        with suppress(psutil.NoSuchProcess):
            found.add(process.uids().effective)
    return found


def test_a_user_without_a_name_trains_and_leaves_nothing(lab: LiveLab) -> None:
    python = lab.folder / "venv" / "bin" / "python"
    may_write = subprocess.run([*_AS_OTHER, "test", "-w", str(ROOT)], check=False).returncode == 0
    assert not may_write, "the checkout should belong to somebody else"

    done = invoke(python, lab.environ, "up", "demo-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert users_of(lab) == {_UID}
    assert lab.verified().intact
    assert len(lab.versions()) == 1

    # Where keys are used and processes are looked at, which a user without a name or rights may not be able to.
    key = make_key(lab.folder, "ed25519", "admin")
    for file in (key, key.with_suffix(".pub")):
        os.chown(file, _UID, _UID)
    who = ("admin@example.com", "--key", f"{key}.pub", "--role", "platform-admin")
    added = invoke(python, {**lab.environ, "SIGNING_KEY": str(key)}, "identity-add", *who)
    assert added.returncode == 0, added.stdout + added.stderr
    assert lab.verified().intact
    for only in ("ledger", "network"):
        proved = invoke(python, lab.environ, "verify-governance", "--only", only)
        assert proved.returncode == 0, proved.stdout + proved.stderr

    again = invoke(python, lab.environ, "up")
    assert "* up" in again.stdout
    assert "is up already" in again.stdout, again.stdout + again.stderr

    gone = invoke(python, lab.environ, "nuke", "--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert lab.processes() == []
    assert not lab.home.exists()
    assert {path.name for path in lab.folder.iterdir()} <= {"venv", ".cache", key.name, f"{key.name}.pub"}
