"""The options that point the screen at a lab elsewhere."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import cli
from tests.support.ports import NEVER_STARTED
from tests.support.waiting import eventually

ROOT = Path(cli.__file__).parents[1]


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine without a lab."""
    own = {"LAB_NAME": "nowhere", "LAB_HOME": str(tmp_path / "home"), "LAB_ENV_FILE": str(tmp_path / ".env")}
    return {**os.environ, **own, "PORT_OFFSET": str(NEVER_STARTED), "RUNTIME": "native"}


@pytest.fixture
def mlflow() -> Iterator[str]:
    """The address of a registry without a model."""

    class Registry(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run(*arguments: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "lab.cli", *arguments]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_one_address_is_enough(nowhere: dict[str, str], mlflow: str) -> None:
    def look() -> dict[str, Any] | None:
        found = run("--mlflow-url", mlflow, "--once", "--json", env=nowhere)
        return json.loads(found.stdout) if found.returncode == 0 else None

    # The registry is a thread of this process, which may have to wait for a core longer than a probe waits for it.
    document = eventually(look, 120, "a look at the registry")
    assert document["lab"]["name"] == "127.0.0.1"
    assert document["lab"]["runtime"] == "remote"
    assert document["overall"] == "up"
    states = {one["name"]: one for one in document["services"]["value"]}
    assert (states["mlflow"]["health"], states["mlflow"]["url"]) == ("up", mlflow)
    assert states["postgres"]["reason"] == "not observable from here"


def test_a_settings_file_that_terraform_wrote_says_where_the_pages_are(
    nowhere: dict[str, str], mlflow: str, tmp_path: Path
) -> None:
    file = tmp_path / "dev.env"
    file.write_text(f"# Written by terraform\nLAB_PAGES=mlflow={mlflow}\nENVIRONMENT=dev\nLAB_NAME=mlops-dev\n")

    def look() -> dict[str, Any] | None:
        found = run("--at", str(file), "--once", "--json", env=nowhere)
        return json.loads(found.stdout) if found.returncode == 0 else None

    document = eventually(look, 120, "a look at the registry")
    states = {one["name"]: one for one in document["services"]["value"]}
    assert (states["mlflow"]["health"], states["mlflow"]["url"]) == ("up", mlflow)
    assert states["dagster"]["reason"] == "not observable from here"
    assert "not observable from here" in document["audit"]["error"]


def test_a_host_where_nothing_answers_says_where_to_look(nowhere: dict[str, str]) -> None:
    found = run("--at", f"127.0.0.1:{NEVER_STARTED}", "--once", env=nowhere)
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1] == "  → Start it on 127.0.0.1, and see that its ports reach here."


@pytest.mark.parametrize("arguments", [("--at", "a/b"), ("--dagster-url", "gopher://x")], ids=" ".join)
def test_what_is_no_place_is_wrong_usage(arguments: tuple[str, str], nowhere: dict[str, str]) -> None:
    found = run(*arguments, "--once", env=nowhere)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith(f"error: {arguments[0]} ")


def test_a_dashboard_of_a_lab_elsewhere_is_asked_for_before_or_after_the_command(nowhere: dict[str, str]) -> None:
    there = ("--at", f"127.0.0.1:{NEVER_STARTED}")
    before, after = (run(*words, "--once", env=nowhere) for words in ((*there, "dash"), ("dash", *there)))
    assert "Prometheus doesn't listen" in after.stdout
    assert (after.returncode, after.stdout, after.stderr) == (before.returncode, before.stdout, before.stderr)
    twice = run("dash", *there, "--at", "b", "--once", env=nowhere)
    assert (twice.returncode, twice.stderr.splitlines()[0]) == (
        2,
        "error: This shows one lab, and --at is there more than once.",
    )
