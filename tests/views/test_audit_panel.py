"""The audit trail: what is broken, forged or unfinished is told apart."""

from dataclasses import replace

from lab.governance.ledger import Fault
from lab.observe.snapshot import RunsView, Slice
from lab.views import PARTS
from tests.screen import snapshots
from tests.views.panels import cells, panel, text, texts, view_of


def test_a_broken_chain_stands_above_the_entries() -> None:
    faults = (Fault(3, "entry is missing"), Fault(4, "link to entry 3 is broken"))
    snapshot = replace(snapshots.HEALTHY, audit=snapshots.HEALTHY.audit.map(lambda a: replace(a, faults=faults)))
    shown = panel("audit", snapshot)
    assert text(shown.status) == "✗ chain broken: 2 faults"
    assert "#3 entry is missing" in texts(shown.lines)


def test_an_approval_without_proof_looks_like_none() -> None:
    newest = str(snapshots.TRAIL[0].seq + 1)
    shown = panel("audit", snapshots.FORGED)
    assert cells(shown, newest)["status"] == "∅ approved"
    assert f"∅ 1 without proof: #{newest} approved" in texts(shown.lines)
    detail = PARTS["audit"].detail(newest, view_of(snapshots.FORGED))
    assert detail
    assert "∅ no: it proves nothing" in texts(detail.lines)


def test_what_a_verification_forged_is_marked_and_no_matter() -> None:
    newest = snapshots.TRAIL[0].seq + 1
    rehearsed = replace(snapshots.FORGED, audit=snapshots.FORGED.audit.map(lambda a: replace(a, probes=(newest,))))
    shown = panel("audit", rehearsed)
    assert cells(shown, str(newest))["status"] == "∅ approved"
    assert "without proof" not in texts(shown.lines)
    detail = PARTS["audit"].detail(str(newest), view_of(rehearsed))
    assert detail
    assert "wrote it to try that" in texts(detail.lines)


def test_an_unfinished_step_is_flagged_unless_its_run_still_runs() -> None:
    assert panel("audit", snapshots.HEALTHY).lines == ()
    ended = replace(snapshots.HEALTHY, runs=Slice(RunsView(()), snapshots.NOW))
    assert "1 unfinished: train_model (#52)" in texts(panel("audit", ended).lines)
