"""Another release of Debian in a folder, and commands in it as an ordinary user. Needs root, and this machine's mirror.

Every command has namespaces of its own: mounts and processes end with it, however it ends.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.runtime.images.debian_base import sources

PROGRAMS = ("mmdebstrap", "unshare", "setpriv", "chroot", "mount")
PACKAGES = "python3,python3-venv,python3-pip,git,ca-certificates,procps,curl,openssh-client"
UID = 1000
HOME = "home/user"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# How this machine reaches package indexes, for everybody and for the user who runs the tests.
_CONFIGURATION = {
    "etc/pip.conf": "/etc/pip.conf",
    "etc/uv/uv.toml": "/etc/uv/uv.toml",
    f"{HOME}/.config/pip/pip.conf": "~/.config/pip/pip.conf",
    f"{HOME}/.config/uv/uv.toml": "~/.config/uv/uv.toml",
}
_NETWORK = re.compile(
    r"(PIP|UV)_\w*(INDEX|CERT|TIMEOUT|TRUSTED|TLS)\w*|\w+_proxy|\w+_PROXY|(SSL|CURL|REQUESTS)_\w*CERT\w*|\w+_CA_BUNDLE"
)
_INSIDE = """
set -e
mount --rbind /dev "$0/dev"
mount -t proc proc "$0/proc"
exec chroot "$0" "$@"
"""


def missing() -> str:
    """Why there can be no other Debian here; empty when nothing stands against it."""
    if os.getuid() != 0:
        return "only root can make another Debian"
    if absent := [name for name in PROGRAMS if not shutil.which(name)]:
        return f"not installed: {', '.join(absent)}"
    try:
        mirrors()
    except LabError as err:
        return err.message
    return ""


def mirrors() -> Sequence[str]:
    """Where this machine has its own release from. Raises LabError when it has none of Debian."""
    text = "\n".join(path.read_text() for path in sources())
    found = re.findall(r"^(?:URIs:|deb(?: \[.*?\])?) +(\S+)", text, re.MULTILINE)
    # That of security updates has another folder, and no release of its own.
    return [one for one in dict.fromkeys(found) if not one.rstrip("/").endswith("security")]


@dataclass(frozen=True)
class OtherDebian:
    """The system in `root`."""

    root: Path

    def script(self, text: str, environ: Mapping[str, str], deadline_s: float) -> subprocess.CompletedProcess[str]:
        """Runs a shell script as the user, in its home, without any of root's rights. Raises TimeoutExpired."""
        user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs"]
        known = {"PATH": "/usr/bin:/bin", "HOME": f"/{HOME}", "LANG": "C.UTF-8", **_network(self.root), **environ}
        named = ["env", "-i", *(f"{name}={value}" for name, value in known.items())]
        inside = [str(self.root), *user, *named, "sh", "-c", f"cd; {text}"]
        return alone(["sh", "-c", _INSIDE, *inside], deadline_s)


def alone(argv: Sequence[str], deadline_s: float) -> subprocess.CompletedProcess[str]:
    """Runs a command in namespaces of mounts and processes that end with it, and with this process.

    Raises TimeoutExpired.
    """
    apart = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with subprocess.Popen(
        [*apart, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    ) as process:
        try:
            said, _ = process.communicate(timeout=deadline_s)
        except BaseException:
            # An interruption, too: the first process of the namespace goes, and every other one with it.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(argv, process.returncode, said, "")


@contextmanager
def other_debian(folder: Path, release: str, deadline_s: float) -> Iterator[OtherDebian]:
    """A minimal system of the release with Python in `folder`, which is removed afterwards; `folder` must not be there.

    Raises AssertionError with what mmdebstrap said.
    """
    folder.mkdir(mode=0o755)
    try:
        argv = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "--dpkgopt=force-unsafe-io"]
        made = alone([*argv, release, str(folder), *mirrors()], deadline_s)
        assert made.returncode == 0, made.stdout
        _furnish(folder)
        yield OtherDebian(folder)
    finally:
        shutil.rmtree(folder)


def _furnish(root: Path) -> None:
    """A user, and this machine's ways into the network."""
    home = root / HOME
    home.mkdir(parents=True)
    with (root / "etc/passwd").open("a") as file:
        file.write(f"user:x:{UID}:{UID}::/{HOME}:/bin/sh\n")
    files = {CERTIFICATES: f"/{CERTIFICATES}", "etc/resolv.conf": "/etc/resolv.conf", "etc/hosts": "/etc/hosts"}
    for target, source in (files | _CONFIGURATION).items():
        if (found := Path(source).expanduser()).is_file():
            (root / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, root / target)
    give(home)


def give(folder: Path) -> None:
    """Makes the user the owner of a folder and of all that is in it."""
    for path in (folder, *folder.rglob("*")):
        os.lchown(path, UID, UID)


def _network(root: Path) -> dict[str, str]:
    """Variables of this shell that say how to reach the network; not those that name a file that isn't there."""
    found = {name: value for name, value in os.environ.items() if _NETWORK.fullmatch(name)}
    return {name: value for name, value in found.items() if value[:1] != "/" or (root / value[1:]).exists()}


def need_other_debian(required: bool) -> None:
    """Skips the test where there can be no other Debian, or fails it when that is `required`."""
    if why := missing():
        (pytest.fail if required else pytest.skip)(why)
