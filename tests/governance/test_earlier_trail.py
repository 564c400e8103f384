"""A trail of before a lab had several models, as it was written then, still verifies, and its entries still count."""

from pathlib import Path

from lab.base.model_versions import ApprovalState
from lab.governance.cases.trail import TrailReader
from lab.governance.ledger.verify_export import exported, verify_files
from tests.support.contracts import MODEL_NAME
from tests.support.governed_lab import MemoryStore
from tests.support.played_lab import config

EARLIER = Path(__file__).with_name("data") / "earlier_trail.jsonl"


def test_an_earlier_export_verifies() -> None:
    found = verify_files(EARLIER)
    assert (found.checked, found.faults) == (16, ())


def test_every_earlier_entry_counts(tmp_path: Path) -> None:
    """Identities, a baseline, approvals and promotions to champion, a rejection: signed by keys that are gone."""
    lab, store = config(tmp_path), MemoryStore()
    for key, body in exported(EARLIER):
        store.create(key, body)
    history = TrailReader(lab, store).read().history
    assert (history.ignored, history.uncounted, history.overtaken) == ((), (), ())
    states = {version: record.state for (_, version), record in history.records.items()}
    assert states == {"1": ApprovalState.APPROVED_PROD, "2": ApprovalState.REJECTED}
    assert history.holders[MODEL_NAME, "champion"].number == "1"
