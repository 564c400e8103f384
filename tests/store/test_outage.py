"""The object store is stopped in mid-run: no step runs unaudited, nothing is lost, nothing is written twice."""

import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from lab.base.errors import LabError
from lab.governance.ledger import Entry, Status, parse
from lab.governance.ledger.writer import Ledger, stored_entries, verify_trail
from lab.governance.rules.policy import Claim
from lab.services.s3 import PIPELINE, AuditStore
from lab.training.guard import Guard, Rules
from tests.support.lab import ROOT
from tests.support.waiting import eventually
from tests.support.weed import RealTrail

INGEST, TRAIN = "ingest_data", "train_model"


class Store:
    """A real store that is waited for in earnest, but while it is known to hang."""

    def __init__(self, trail: RealTrail) -> None:
        self._trail, self._patient, self._hasty = trail, trail.store(PIPELINE, 60), trail.store(PIPELINE, 2)

    @property
    def _now(self) -> AuditStore:
        return self._hasty if self._trail.weed.hangs else self._patient

    def create(self, key: str, body: bytes) -> bool:
        return self._now.create(key, body)

    def read(self, key: str) -> bytes:
        return self._now.read(key)

    def keys_after(self, key: str, limit: int) -> list[str]:
        return self._now.keys_after(key, limit)


class Run:
    """A run whose steps write to a real store."""

    def __init__(self, trail: RealTrail, folder: Path) -> None:
        self.trail = trail
        self.ledger = Ledger(Store(trail), trail.prefix, folder / "journal")
        rules = Rules(ROOT / "stack" / "governance" / "policy.yaml", folder, "ml-engineer", "ml-engineer")
        self.warnings: list[str] = []
        self.guard = Guard(self.ledger, rules, Claim("ann", "ml-engineer", "dev"), "r1", warn=self.warnings.append)

    def entries(self) -> list[Entry]:
        return [parse(body) for _, body in stored_entries(self.trail.reader, self.trail.prefix)]

    def story(self) -> list[tuple[str, Status]]:
        return [(one.action, one.status) for one in self.entries()]


@pytest.fixture
def run(trail: RealTrail, tmp_path: Path) -> Iterator[Run]:
    yield Run(trail, tmp_path)
    trail.weed.resume()
    if not trail.weed.running:
        trail.weed.start()


@pytest.mark.parametrize("how", ["pause", "kill"])
def test_an_end_that_cannot_be_written_is_kept_and_delivered_once(how: str, run: Run) -> None:
    weed = run.trail.weed
    with run.guard.step(INGEST):
        getattr(weed, how)()

    assert run.ledger.waiting() == 1
    assert "local journal" in run.warnings[0]
    with pytest.raises(dg.Failure, match="audit trail can't be written"), run.guard.step(TRAIN):
        pytest.fail("the step ran unaudited")

    weed.resume() if how == "pause" else weed.start()
    with run.guard.step(TRAIN):
        pass

    assert run.ledger.waiting() == 0
    assert run.story()[:2] == [(INGEST, Status.STARTED), (INGEST, Status.SUCCESS)]
    assert run.story()[-2:] == [(TRAIN, Status.STARTED), (TRAIN, Status.SUCCESS)]
    assert [status for action, status in run.story() if action == INGEST] == [Status.STARTED, Status.SUCCESS]
    found = verify_trail(run.trail.reader, run.trail.prefix)
    assert (found.faults, found.unfinished) == ((), ())


def test_a_beginning_that_the_store_takes_after_all_gets_its_end(run: Run) -> None:
    weed = run.trail.weed
    with run.guard.step(INGEST):
        pass
    paused = threading.Event()
    real = run.ledger._store.create

    def create(key: str, body: bytes) -> bool:
        # The head was found; the store stops just before the write, which waits in its socket.
        weed.pause()
        paused.set()
        return real(key, body)

    run.ledger._store.create = create  # type: ignore[method-assign]
    with pytest.raises(dg.Failure, match="audit trail can't be written"), run.guard.step(TRAIN):
        pytest.fail("the step ran unaudited")
    assert paused.is_set()
    assert run.ledger.waiting() == 1
    run.ledger._store.create = real  # type: ignore[method-assign]

    weed.resume()
    eventually(lambda: len(run.entries()) >= 3, 60, "the write that waited in the socket", (LabError,))
    assert run.ledger.flush_journal() == 1

    assert run.story()[2:] == [(TRAIN, Status.STARTED), (TRAIN, Status.FAILURE)]
    found = verify_trail(run.trail.reader, run.trail.prefix)
    assert (found.faults, found.unfinished) == ((), ())


def test_many_outages_lose_nothing_and_repeat_nothing(run: Run) -> None:
    weed, done = run.trail.weed, 0
    for number in range(4):
        try:
            with run.guard.step(f"step-{number}"):
                done += 1
                weed.pause()
        except dg.Failure:
            pytest.fail("the end is kept, not lost")
        weed.resume()

    run.ledger.flush_journal()
    assert done == 4
    assert run.story() == [
        (f"step-{number}", status) for number in range(4) for status in (Status.STARTED, Status.SUCCESS)
    ]
    assert verify_trail(run.trail.reader, run.trail.prefix).intact


def test_a_killed_store_has_every_acknowledged_entry(run: Run) -> None:
    weed = run.trail.weed
    for number in range(20):
        with run.guard.step(f"step-{number}"):
            pass
    weed.kill()
    weed.start()

    found = verify_trail(run.trail.reader, run.trail.prefix)
    assert (found.checked, found.faults) == (40, ())
