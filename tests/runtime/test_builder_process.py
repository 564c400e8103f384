"""Builders: what they say at a failure, what they get of the shell, and that they end."""

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lab.base.errors import LabError
from lab.runtime.images import builder_process
from lab.runtime.native.command_lines import OWNED_BY
from lab.runtime.native.orphan_processes import owned
from tests.support.waiting import eventually


def test_a_failing_builder_shows_its_last_lines_and_what_to_do() -> None:
    script = "echo step one; echo 'write /x: no space left on device' >&2; exit 3"

    with pytest.raises(LabError, match="Building x failed") as caught:
        builder_process.run(["sh", "-c", script], "Building x", 30)

    assert "| step one" in caught.value.message
    assert "docker system df" in caught.value.remedy


def test_a_builder_gets_engine_and_network_of_the_shell_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ("DOCKER_HOST", "DOCKER_BUILDKIT", "https_proxy", "PIP_INDEX_URL", "UV_INDEX_URL", "SSL_CERT_FILE")
    dropped = ("PIP_TARGET", "UV_PROJECT", "AWS_SECRET_ACCESS_KEY", "DOCKER_DEFAULT_PLATFORM", "APT_CONFIG", "PGUSER")
    for name in (*kept, *dropped):
        monkeypatch.setenv(name, "from-the-shell")

    said = builder_process.run(["env"], "Building x", 30, variables={"BUILDKIT_PROGRESS": "plain"})

    given = {name for name, _, value in (line.partition("=") for line in said) if value == "from-the-shell"}
    assert given == set(kept)
    assert "BUILDKIT_PROGRESS=plain" in said


def test_a_builder_that_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    variables = {OWNED_BY: str(tmp_path)}

    with pytest.raises(LabError, match=r"Building x took more than 3 s"):
        builder_process.run(["sh", "-c", "sleep 600 & wait"], "Building x", 3, variables=variables)

    eventually(lambda: not list(owned(tmp_path)), 30, "the end of the builder's child")


def test_builders_at_work_can_be_ended_at_once(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with ThreadPoolExecutor() as pool:
        builds = [
            pool.submit(builder_process.run, ["sh", "-c", f"echo >> {begun}; sleep 600"], "Building x", 300)
            for _ in "ab"
        ]
        eventually(lambda: begun.exists() and len(begun.read_text()) == 2, 60, "two builders at work")
        builder_process.end_all()
        failures = [build.exception(timeout=60) for build in builds]

    assert [type(failure) for failure in failures] == [builder_process.Ended] * 2


def test_a_builder_that_just_starts_is_ended_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    started, ending = threading.Event(), threading.Event()
    popen = subprocess.Popen

    def slow(*args: Any, **kwargs: Any) -> "subprocess.Popen[str]":
        made = popen(*args, **kwargs)
        started.set()
        ending.wait(1)
        return made

    monkeypatch.setattr(subprocess, "Popen", slow)
    with ThreadPoolExecutor() as pool:
        build = pool.submit(builder_process.run, ["sleep", "90"], "Building x", 60)
        assert started.wait(60)
        builder_process.end_all()
        ending.set()
        failure = build.exception(timeout=90)

    assert "Building x failed" in str(failure)
