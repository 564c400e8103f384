"""`.ci/engine`, which starts an engine for the tests, leaves the machine's network as it found it.

Tried on a network stack of its own, so that the engine of the other tests sees nothing of it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import ROOT

pytestmark = [pytest.mark.compose, pytest.mark.timeout(300)]

TOOLS = ("dockerd", "docker", "iptables", "ip", "unshare")
if os.getuid() != 0 or not all(map(shutil.which, TOOLS)):
    pytest.skip(f"needs root and {', '.join(TOOLS)}", allow_module_level=True)

# What an engine may change: policy and rules, whether packets are passed on, and links.
LOOK = """
look() {
    iptables -S; iptables -t nat -S
    cat /proc/sys/net/ipv4/ip_forward
    ip -o link show | cut -d: -f2
}
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: sockets' paths are bounded."""
    with tempfile.TemporaryDirectory(prefix="e") as above:
        made = Path(above) / "e"
        yield made
        if made.exists():
            subprocess.run([ROOT / ".ci" / "engine", "stop", made], check=True, capture_output=True, timeout=120)


def in_own_network(script: str, folder: Path) -> str:
    done = subprocess.run(
        [
            "unshare",
            "--net",
            "bash",
            "-euc",
            f"ip link set lo up\n{LOOK}\n{script}",
            "-",
            folder,
            ROOT / ".ci" / "engine",
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("forward", "policy"), [(0, "ACCEPT"), (1, "ACCEPT"), (1, "DROP")])
def test_the_network_is_afterwards_as_it_was(folder: Path, forward: int, policy: str) -> None:
    said = in_own_network(
        f"""
        echo {forward} >/proc/sys/net/ipv4/ip_forward
        iptables -P FORWARD {policy}
        iptables -A FORWARD -s 192.0.2.9 -j DROP
        iptables -t nat -A POSTROUTING -s 192.0.2.9 -j ACCEPT
        look >"$1.before"
        "$2" start "$1" >"$1.exports"
        . "$1.exports"
        docker network create one >&2
        docker network create --internal two >&2
        look >"$1.during"
        "$2" restart "$1" >&2
        "$2" stop "$1"
        look >"$1.after"
        """,
        folder,
    )
    assert said == ""
    before, during, after = (folder.with_name(f"e.{name}").read_text() for name in ("before", "during", "after"))
    assert "DOCKER" in during
    assert "br-" in during
    assert after == before
