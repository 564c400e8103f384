"""A real lab for tests: temporary home, free ports, removed at the end whatever happens to the test run."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import wiring
from lab.core.config import LabConfig
from lab.ops.doctor import free_offset

ROOT = Path(__file__).resolve().parents[2]
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
# Waits for the end of its input, which comes with the death of the test run, however that dies; then cleans up.
_WATCHDOG = "import subprocess, sys; sys.stdin.read(); subprocess.run(sys.argv[1:])"


@dataclass
class LiveLab:
    """One lab, driven through its commands as a user would."""

    home: Path
    environ: dict[str, str]

    @property
    def config(self) -> LabConfig:
        return wiring.load_config(self.environ)

    def invoke(
        self, *arguments: str, check: bool = True, timeout: float = 400, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs an Invoke task; fails the test when it exits with anything but 0, unless `check` is off."""
        return self.command(str(Path(sys.executable).with_name("invoke")), *arguments, check=check, timeout=timeout, **variables)

    def command(
        self, *argv: str, check: bool = True, timeout: float = 400, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program in the lab's environment."""
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env={**self.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(argv[1:])} exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments: str, **variables: str) -> Any:
        """The JSON that an Invoke task prints."""
        return json.loads(self.invoke(*arguments, "--json", **variables).stdout)

    @classmethod
    @contextmanager
    def prepared(cls, folder: Path, name: str, **variables: str) -> Iterator["LiveLab"]:
        """A lab that isn't started; whatever it leaves is removed at the end."""
        lab = cls(folder, _environment(folder, name, variables))
        nuke = [str(Path(sys.executable).with_name("invoke")), "nuke", "--yes"]
        with subprocess.Popen(
            [sys.executable, "-c", _WATCHDOG, *nuke],
            cwd=ROOT,
            env=lab.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as watchdog:
            try:
                yield lab
            finally:
                lab.invoke("nuke", "--yes")
                watchdog.kill()

    @classmethod
    @contextmanager
    def started(cls, folder: Path, name: str) -> Iterator["LiveLab"]:
        """A lab that is up and has trained once."""
        with cls.prepared(folder, name) as lab:
            lab.invoke("up", "demo-run")
            yield lab


def _environment(folder: Path, name: str, variables: Mapping[str, str]) -> dict[str, str]:
    kept = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    return kept | {
        "LAB_NAME": name,
        "LAB_HOME": str(folder / "home"),
        "LAB_ENV_FILE": str(folder / "env"),
        "PORT_OFFSET": str(free_offset()),
        "RUNTIME": "native",
        "DRIFT_MONITOR_INTERVAL_SECONDS": "1",
        **variables,
    }


