"""What it means that a lab has lost nothing, and runs that are long enough under way to be hurt."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.governance.ledger import Status
from lab.observe.snapshot import Health
from tests.support.lab import ROOT, LiveLab
from tests.support.waiting import eventually

BACK_S = 180.0


@contextmanager
def nothing_lost(lab: LiveLab, back_s: float = BACK_S) -> Iterator[None]:
    """Every run, version and audit entry from before is there after the body, and the trail is intact."""
    runs, versions, entries = lab.run_ids(), lab.versions(), lab.entries()
    assert runs
    assert versions
    yield
    eventually(lambda: all_up(lab), back_s, "every service up")
    assert set(lab.run_ids()) >= set(runs)
    assert lab.versions()[-len(versions) :] == versions
    assert lab.entries()[: len(entries)] == entries
    assert lab.verified().intact


def all_up(lab: LiveLab) -> bool:
    return all(state.health in {Health.UP, Health.ABSENT} for state in lab.states().values())


def large_file(folder: Path) -> Path:
    """The sample three hundred times over: long enough under way to be hit."""
    header, _, rows = (ROOT / "data" / "sample_data.csv").read_text().partition("\n")
    path = folder / "large.csv"
    path.write_text(header + "\n" + rows * 300)
    return path


def open_step(lab: LiveLab, run_id: str) -> str:
    """The step that has begun and not ended; empty when there is none."""
    entries = lab.entries_of(run_id)
    return entries[-1].action if entries and entries[-1].status is Status.STARTED else ""
