"""Debian packages without root: downloaded by the system's apt-get with folders of its own, never installed."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.base.account import downloading

DEADLINE_S = 120.0


class ObtainFailed(Exception):
    """One way of getting the binaries didn't work; the message says why."""


def run(command: Sequence[str], folder: Path, deadline_s: float) -> str:
    """Output of a command. Raises ObtainFailed with its last line when it fails or takes too long."""
    environment = {**downloading(), "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as err:
        raise ObtainFailed(f"{command[0]}: {err.strerror}") from None
    try:
        output, _ = process.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise ObtainFailed(f"{command[0]} took more than {deadline_s:.0f} s") from None
    if process.returncode != 0:
        last = [line for line in output.splitlines() if line.strip()][-1:] or ["no output"]
        raise ObtainFailed(f"{Path(command[0]).name} failed: {last[0]}")
    return output


def if_possible(step: Callable[[], None]) -> None:
    """What only comfort needs may fail: the server runs without it."""
    try:
        step()
    except ObtainFailed:
        return


class Apt:
    """apt-get with its own lists and cache, so that it needs no root and leaves the machine's as they are."""

    def __init__(self, folder: Path, deadline_s: float, lists: Path | None = None) -> None:
        """`lists` replaces the machine's package lists."""
        self._folder, self._end, self._lists = folder, time.monotonic() + deadline_s, lists
        self._own_lists = False
        # One that was killed may have left its own.
        shutil.rmtree(folder, ignore_errors=True)
        for part in ("state/lists/partial", "cache/archives/partial", "debs"):
            (folder / part).mkdir(parents=True)

    def download(self, packages: Sequence[str]) -> list[Path]:
        """The packages' archives, in order. Fetches package lists when the machine's are missing or too old."""
        try:
            return self._download(packages)
        except ObtainFailed:
            if self._own_lists:
                raise
        self._own_lists = True
        # A source that doesn't answer fails the update as a whole; whether it was needed shows at the download.
        if_possible(lambda: self._apt("update"))
        return self._download(packages)

    def _download(self, packages: Sequence[str]) -> list[Path]:
        self._apt("download", *packages)
        found = []
        for package in packages:
            archives = sorted((self._folder / "debs").glob(f"{package}_*.deb"))
            if not archives:
                raise ObtainFailed(f"apt-get downloaded no {package}")
            found.append(archives[-1])
        return found

    def _apt(self, *arguments: str) -> None:
        options = {
            "Dir::Cache": str(self._folder / "cache"),
            "Debug::NoLocking": "1",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "1",
            "Acquire::http::Timeout": "10",
            "Acquire::https::Timeout": "10",
        }
        if self._lists:
            options |= {"Dir::State::lists": str(self._lists)}
        if self._own_lists:
            options |= {"Dir::State::lists": str(self._folder / "state" / "lists")}
            options |= {"Dir::State": str(self._folder / "state"), "Dir::State::status": "/var/lib/dpkg/status"}
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        left = max(1.0, self._end - time.monotonic())
        run(["apt-get", "-q", *given, *arguments], self._folder / "debs", left)

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
