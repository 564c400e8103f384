"""The code server as a process: an edit is in service within seconds, and code that doesn't load changes nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance
from dagster._core.errors import DagsterUserCodeProcessError, DagsterUserCodeUnreachableError
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin

from lab.base.catalogue import BY_NAME, LOOPBACK, Service
from lab.models.model_folder import models_in
from lab.training.asset_keys import ModelKeys
from tests.support.contracts import ROOT
from tests.support.ports import reserved_offset
from tests.support.project import copied, with_asset
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

DEADLINE_S = 120.0
BROKEN = "def oops(:\n"
# A client that is answered by nobody, between the old server's end and the new one's begin, asks again.
SWAPPED = (DagsterUserCodeUnreachableError,)


@dataclass(frozen=True)
class Served:
    """A code server over a copy of the project."""

    root: Path
    log: Path
    process: psutil.Process
    port: int

    @property
    def definitions(self) -> Path:
        return self.root / "pipelines" / "definitions.py"

    @property
    def contract(self) -> Path:
        return self.root / "pipelines" / "credit_risk" / "model.yaml"

    def assets(self) -> set[str]:
        """What Dagster is told. Raises DagsterUserCodeProcessError with the code's error, when that is served."""
        origin = GrpcServerCodeLocationOrigin(LOOPBACK, self.port, location_name="pipelines")
        with DagsterInstance.ephemeral() as instance:
            graph = origin.create_location(instance).get_repository("__repository__").asset_graph
            return {key.to_user_string() for key in graph.get_all_asset_keys()}

    def serves(self, name: str) -> bool:
        return name in self.assets()

    def server(self) -> psutil.Process:
        """The one process that answers, once a predecessor is gone."""
        return eventually(self._alone, DEADLINE_S, "a single server")[0]

    def _alone(self) -> list[psutil.Process]:
        servers = self.process.children()
        return servers if len(servers) == 1 else []

    def waits_for(self, text: str, times: int = 1) -> None:
        """Returns when the log has `text` so many times."""
        eventually(lambda: self.log.read_text().count(text) >= times, DEADLINE_S, f"{text!r} in {self.log}")

    def times(self, text: str) -> int:
        return self.log.read_text().count(text)


@contextmanager
def serving(folder: Path, prepare: Callable[[Path], object] = lambda _: None) -> Iterator[Served]:
    root, home, log = copied(folder / "root", ("lab", "pipelines")), folder / "dagster", folder / "log"
    prepare(root)
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    environ = {"PATH": os.environ["PATH"], "DAGSTER_HOME": str(home), "PYTHONPATH": str(root)}
    with reserved_offset() as offset, log.open("wb") as output:
        port = BY_NAME[Service.DAGSTER_CODE].port_at(offset)
        command = [sys.executable, "-m", "lab.dagster_host.code_server", "--port", str(port)]
        process = subprocess.Popen(command, cwd=home, env=environ, stderr=output)
        try:
            yield Served(root, log, psutil.Process(process.pid), port)
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("code")) as made:
        made.waits_for("are in service")
        yield made


@pytest.fixture
def whole(served: Served) -> Iterator[Served]:
    """Puts back what a test has edited, and waits until that is in service."""
    edited = (served.definitions, served.contract)
    before = [path.read_text() for path in edited]
    yield served
    for path, text in zip(edited, before, strict=True):
        path.write_text(text)
    eventually(lambda: served.assets() == STANDARD, DEADLINE_S, "the definitions from before", SWAPPED)
    served.server()


STANDARD = {
    "/".join(key.path)
    for model in models_in(ROOT / "pipelines").sound
    for keys in [ModelKeys.of(model.id)]
    for key in (keys.data, keys.validated, keys.candidate, keys.registered)
}


def test_an_added_asset_is_in_service_and_the_old_server_gone(whole: Served) -> None:
    assert whole.assets() == STANDARD
    old = whole.server()

    whole.definitions.write_text(with_asset(whole.definitions.read_text(), "added", "pass"))

    eventually(lambda: whole.assets() == STANDARD | {"added"}, DEADLINE_S, "the added asset", SWAPPED)
    old.wait(DEADLINE_S)
    assert whole.process.is_running()


def test_code_that_does_not_load_leaves_the_definitions_in_service_until_it_is_mended(whole: Served) -> None:
    text, known = whole.definitions.read_text(), whole.times("doesn't load")
    server = whole.server()

    whole.definitions.write_text(text + BROKEN)
    whole.waits_for("doesn't load", known + 1)

    assert "SyntaxError" in whole.log.read_text()
    assert whole.process.children() == [server]
    assert whole.assets() == STANDARD

    whole.definitions.write_text(with_asset(text, "mended", "pass"))
    eventually(lambda: whole.assets() == STANDARD | {"mended"}, DEADLINE_S, "the mended code's asset", SWAPPED)


def test_definitions_that_contradict_each_other_are_code_that_does_not_load(whole: Served) -> None:
    text, known = whole.definitions.read_text(), whole.times("doesn't load")

    whole.definitions.write_text(
        with_asset(text, "rival", "pass").replace("name='rival'", "key=['data', 'credit_risk']")
    )
    whole.waits_for("doesn't load", known + 1)

    assert whole.assets() == STANDARD


def test_a_contract_is_code_too(whole: Served) -> None:
    text, ours = whole.contract.read_text(), {name for name in STANDARD if "redit" in name}

    # One that is wrong takes its own model out, and no other one.
    whole.contract.write_text(text.replace("task: binary", "task: guess"))
    eventually(lambda: whole.assets() == STANDARD - ours, DEADLINE_S, "the other model alone", SWAPPED)
    assert "model.yaml, line" in whole.log.read_text()
    whole.contract.write_text(text)
    eventually(lambda: whole.assets() == STANDARD, DEADLINE_S, "both again", SWAPPED)

    # A change that no asset shows, and back.
    for mended in (text.replace("owner: ", "owner: new-"), text):
        known = whole.times("are in service")
        whole.contract.write_text(mended)
        whole.waits_for("are in service", known + 1)


def test_a_file_saved_as_it_was_starts_no_other_server(whole: Served) -> None:
    server = whole.server()
    text, known = whole.definitions.read_text(), whole.times("doesn't load")
    whole.definitions.write_text(text + BROKEN)
    whole.waits_for("doesn't load", known + 1)

    known = whole.times("the files are as they were")
    whole.definitions.write_text(text)
    whole.waits_for("the files are as they were", known + 1)

    assert whole.process.children() == [server]


def test_a_killed_server_is_replaced(whole: Served) -> None:
    server = whole.server()
    known = whole.times("are in service")

    server.kill()
    whole.waits_for("are in service", known + 1)

    assert eventually(whole.assets, DEADLINE_S, ignore=SWAPPED) == STANDARD


def test_an_edit_of_equal_length_in_the_same_second_is_seen(whole: Served) -> None:
    text = whole.definitions.read_text()
    for name in ("aa", "bb"):
        whole.definitions.write_text(with_asset(text, name, "pass"))
        # As a fast editor, or a restored backup, leaves it: bytecode files can't tell the two apart.
        os.utime(whole.definitions, (1_700_000_000, 1_700_000_000))
        eventually(partial(whole.serves, name), DEADLINE_S, name, SWAPPED)


def test_broken_code_at_the_start_is_served_as_an_error_and_heals(tmp_path: Path) -> None:
    def spoil(root: Path) -> None:
        with (root / "lab" / "training" / "steps" / "train_step.py").open("a") as file:
            file.write(BROKEN)

    with serving(tmp_path, spoil) as served:
        served.waits_for("serving the error")
        with pytest.raises(DagsterUserCodeProcessError, match="SyntaxError"):
            eventually(served.assets, DEADLINE_S, ignore=SWAPPED)
        train = served.root / "lab" / "training" / "steps" / "train_step.py"
        train.write_text(train.read_text().removesuffix(BROKEN))
        eventually(lambda: served.assets() == STANDARD, DEADLINE_S, ignore=(DagsterUserCodeProcessError, *SWAPPED))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_server_outlives_its_keeper(number: signal.Signals, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.waits_for("are in service")
        server = served.server()
        served.process.send_signal(number)
        server.wait(DEADLINE_S)
