"""A real lab for tests: temporary home, free ports, removed at the end whatever happens to the test run."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from lab import wiring
from lab.base.catalogue import Service
from lab.base.model_versions import ModelVersion
from lab.config import LabConfig
from lab.governance.ledger import Entry, Verification, parse, verify
from lab.governance.ledger.writer import entries_of_run, stored_entries
from lab.observe.snapshot import ServiceState
from lab.operations import bring_up
from lab.runtime.layout import Layout
from lab.runtime.native.orphan_processes import owned
from lab.services.http import Http, trusted
from lab.services.mlflow import Mlflow
from lab.services.s3 import READER, S3, AuditStore
from tests.support import ending
from tests.support.documents import validate
from tests.support.ports import reserved_offset
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
INVOKE = str(Path(sys.executable).with_name("invoke"))
# Every home that a lab of this test run had: nothing may be left of them at its end.
HOMES: list[Path] = []
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
# Reading the system's certificates takes longer than a question, and most are asked again and again.
_PLAIN = trusted("http:")
_FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}

T = TypeVar("T")


@dataclass
class LiveLab:
    """One lab, driven through its commands as a user would."""

    folder: Path
    environ: dict[str, str]
    # The project whose commands and code it runs.
    root: Path = ROOT

    @property
    def home(self) -> Path:
        return Path(self.environ["LAB_HOME"])

    @property
    def config(self) -> LabConfig:
        """Read anew each time: secrets come with `.env`, which the first `up` makes."""
        return wiring.load_config(self.environ)

    def invoke(
        self, *arguments: str, check: bool = True, timeout: float = 400, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs an Invoke task; fails the test when it exits with anything but 0, unless `check` is off."""
        return self.command(INVOKE, *arguments, check=check, timeout=timeout, **variables)

    def command(
        self, *argv: str, check: bool = True, timeout: float = 400, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program in the lab's environment."""
        done = subprocess.run(
            argv,
            cwd=self.root,
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

    def popen(self, *arguments: str) -> "subprocess.Popen[str]":
        """An Invoke task that goes on while the test does; its output comes as one stream of text."""
        return subprocess.Popen(
            [INVOKE, *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def json(self, *arguments: str, **variables: str) -> Any:
        """The JSON that an Invoke task prints, of the schema that is published; whether it succeeded is in there."""
        done = self.invoke(*arguments, "--json", check=False, **variables)
        try:
            document = json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"{arguments} printed no JSON:\n{done.stdout}\n{done.stderr}") from None
        validate(arguments[0], document)
        return document

    def get(self, service: Service, path: str = "/", **options: Any) -> httpx.Response:
        """GET from a service of the lab."""
        return httpx.get(self.config.url(service) + path, timeout=30, verify=_PLAIN, trust_env=False, **options)

    def graphql(self, query: str, **variables: Any) -> Any:
        """What Dagster answers; errors of the query fail the test."""
        url = f"{self.config.url(Service.DAGSTER)}/graphql"
        asked = {"query": query, "variables": variables}
        answer = httpx.post(url, json=asked, timeout=60, verify=_PLAIN, trust_env=False).json()
        assert not answer.get("errors"), answer["errors"]
        return answer["data"]

    def run_status(self, run_id: str) -> str:
        query = "query($id: ID!) {runOrError(runId: $id) {__typename ... on Run {status}}}"
        return str(self.graphql(query, id=run_id)["runOrError"]["status"])

    def finished(self, run_id: str, deadline_s: float = 180) -> str:
        """The state in which a run ends."""
        eventually(lambda: self.run_status(run_id) in _FINISHED, deadline_s, f"the end of run {run_id}")
        return self.run_status(run_id)

    def run_ids(self) -> list[str]:
        """Every run, newest first."""
        found = self.graphql("{runsOrError {... on Runs {results {runId}}}}")
        return [run["runId"] for run in found["runsOrError"]["results"]]

    def store(self) -> AuditStore:
        return AuditStore(
            S3.of_lab(self.config, READER, timeout_s=30), self.config.audit_bucket, self.config.audit_prefix
        )

    def entries(self) -> list[Entry]:
        """The whole audit trail."""
        return [parse(body) for _, body in stored_entries(self.store(), self.config.audit_prefix)]

    def entries_of(self, run_id: str) -> Sequence[Entry]:
        return entries_of_run(self.store(), self.config.audit_prefix, run_id)

    def verified(self) -> Verification:
        return verify(stored_entries(self.store(), self.config.audit_prefix))

    def versions(self) -> tuple[ModelVersion, ...]:
        """The registered versions, newest first."""
        return self._ask_mlflow(lambda mlflow: mlflow.versions(100))

    def states(self) -> dict[Service, ServiceState]:
        """As `invoke status`, without the second that the command takes to start."""
        found = asyncio.run(bring_up.status(self.config, wiring.runtime(self.config), measured=False))
        return {Service(state.name): state for state in found}

    def healthy(self) -> bool:
        """Waits until every service is up that must be: one that has just been busy may miss a probe."""
        return eventually(lambda: bring_up.all_up(list(self.states().values())), 120, f"{self.config.name} is up")

    def pids(self) -> dict[Service, int]:
        """The services' own processes, without a look at how they are. What those start comes and goes."""

        def known() -> dict[Service, int]:
            facts = wiring.runtime(self.config).facts()
            return {name: fact.pid for name, fact in facts.items() if fact.pid}

        return eventually(known, 60, "known processes")

    def processes(self) -> list[psutil.Process]:
        return list(owned(self.home))

    def _ask_mlflow(self, question: Callable[[Mlflow], Awaitable[T]]) -> T:
        async def ask() -> T:
            # A request may wait for its turn, and for a server that has just begun.
            mlflow = Mlflow(Http.to(Service.MLFLOW, self.config.url(Service.MLFLOW), timeout_s=60))
            try:
                return await question(mlflow)
            finally:
                await mlflow.aclose()

        return asyncio.run(ask())

    @classmethod
    @contextmanager
    def prepared(cls, folder: Path, name: str, root: Path = ROOT, **variables: str) -> Iterator["LiveLab"]:
        """A lab that isn't started; whatever it leaves is removed at the end."""
        with reserved_offset() as offset:
            lab = cls(folder, _environment(folder, name, offset, variables), root)
            HOMES.append(lab.home)
            with subprocess.Popen(
                [sys.executable, "-m", ending.__name__, INVOKE, "nuke", "--yes"],
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
                    # After an interruption some may be under way.
                    ending.end_commands(str(lab.home), spared=[os.getpid(), watchdog.pid])
                    lab.invoke("nuke", "--yes")
                    watchdog.kill()

    @classmethod
    @contextmanager
    def started(cls, folder: Path, name: str) -> Iterator["LiveLab"]:
        """A lab that is up and has trained once."""
        with cls.prepared(folder, name) as lab:
            lab.invoke("up", "demo-run")
            yield lab


def leftovers() -> list[str]:
    """Processes and folders of labs that this test run made and that should be gone."""
    left = [f"process {process.pid} of {home}" for home in HOMES for process in owned(home)]
    folders = {folder for home in HOMES for folder in (home, Layout(home).run)}
    return left + [f"folder {folder}" for folder in sorted(folders) if folder.exists()]


def _environment(folder: Path, name: str, offset: int, variables: Mapping[str, str]) -> dict[str, str]:
    kept = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    return kept | {
        "LAB_NAME": name,
        "LAB_HOME": str(folder / "home"),
        "LAB_ENV_FILE": str(folder / "env"),
        "PORT_OFFSET": str(offset),
        "RUNTIME": "native",
        # Missed after three of these: a busy machine may hold one check up for seconds.
        "DRIFT_MONITOR_INTERVAL_SECONDS": "3",
        # A run that begins by itself, at a full hour, is in no test's plan.
        "TRAINING_SCHEDULE": "off",
        **variables,
    }
