"""What needs a person: which things, in which order, whose they are, and how they fit under the header."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.base.alerts import Alert
from lab.base.runs import Step
from lab.governance.ledger import AuditView, Status, seal
from lab.governance.ledger import Fault as ChainFault
from lab.governance.rules.approval_states import MOVES, PROBE
from lab.governance.rules.policy import Action
from lab.observe.snapshot import Health, ModelInfo, RunsView, ServiceState, Slice, Snapshot
from lab.recording.marks import news
from lab.views import PARTS, title_line, waiting
from lab.views.needs import DRIFT_ALERT, needs, strip
from lab.views.runs_panel import standing
from tests.screen import snapshots
from tests.support.project import ROOT
from tests.views.panels import cells, panel, text, texts, view_of

# Nothing of it needs anybody: every version was judged.
CALM = replace(
    snapshots.HEALTHY,
    models=snapshots.HEALTHY.models.map(
        lambda versions: tuple(v for v in versions if not v.tags["approval_state"].startswith("pending"))
    ),
)


def said(snapshot: Snapshot) -> list[str]:
    return [need.said for need in needs(view_of(snapshot))]


def judging(snapshot: Snapshot, role: str, owner: str = "ruth@example.com") -> Snapshot:
    return replace(snapshot, lab=replace(snapshot.lab, role=role, owner=owner))


def test_a_lab_in_which_nobody_is_needed_is_green() -> None:
    assert said(CALM) == []
    header = title_line(view_of(CALM), 80)
    assert "● up" in text(header)
    assert next(span for span in header if span.text == " up").tone == "ok"


def test_the_header_is_not_green_while_somebody_is_needed() -> None:
    header = title_line(view_of(snapshots.HEALTHY), 80)
    assert "▲ up, 1 needs you" in text(header)
    assert all(span.tone != "ok" for span in header)


def test_the_gravest_things_come_first_each_with_its_row() -> None:
    found = needs(view_of(snapshots.DRIFTED))
    assert [(need.part, need.said) for need in found] == [
        ("services", "MLflow down"),
        ("services", "Prometheus degraded"),
        ("drift", "alert SyntheticDataDriftDetected"),
        ("drift", "data drifted"),
        ("models", "v7 awaits approval by risk-officer (+1)"),
    ]
    for need in found:
        assert need.key in {row.key for row in panel(need.part, snapshots.DRIFTED).rows}


def firing(name: str, service: str, severity: str = "warning") -> Alert:
    return Alert(name, "firing", severity, "", snapshots.NOW, {"service": service})


def test_an_alert_about_a_service_that_is_named_as_down_is_not_named_again() -> None:
    alerts = (firing("ServiceDown", "mlflow"), firing("RunsFailing", ""), firing("ExporterStalled", "drift-monitor"))
    found = said(replace(snapshots.DRIFTED, alerts=Slice(alerts, snapshots.NOW)))
    assert [one for one in found if "alert" in one] == ["alert ExporterStalled", "alert RunsFailing"]
    assert "MLflow down" in found


def test_an_alert_about_a_service_that_somebody_stopped_is_named() -> None:
    def stop(services: tuple[ServiceState, ...]) -> tuple[ServiceState, ...]:
        return tuple(
            replace(one, health=Health.DOWN, stopped=True) if one.name == "mlflow" else one for one in services
        )

    alerts = Slice((firing("ServiceDown", "mlflow"),), snapshots.NOW)
    assert "alert ServiceDown" in said(replace(CALM, services=CALM.services.map(stop), alerts=alerts))


def test_a_drift_and_its_alert_are_one_thing() -> None:
    assert snapshots.DRIFTED.drift.value
    model = snapshots.DRIFTED.drift.value[0].model
    alerts = tuple(
        Alert(DRIFT_ALERT, "firing", "warning", "", snapshots.NOW, {"model": name}) for name in (model, "other")
    )
    found = said(replace(snapshots.DRIFTED, alerts=Slice(alerts, snapshots.NOW)))
    assert [one for one in found if "drift" in one.lower()] == [f"alert {DRIFT_ALERT}", "data drifted"]
    found = said(replace(snapshots.DRIFTED, alerts=Slice(alerts[:1], snapshots.NOW)))
    assert [one for one in found if "drift" in one.lower()] == ["data drifted"]
    assert f"alert: {DRIFT_ALERT}\n" in (ROOT / "stack/prometheus/alert_rules.yml").read_text()


def test_what_only_you_can_do_stands_behind_failures_and_before_the_rest() -> None:
    assert said(judging(snapshots.DRIFTED, "risk-officer")) == [
        "MLflow down",
        "v7 awaits your approval (+1)",
        "Prometheus degraded",
        "alert SyntheticDataDriftDetected",
        "data drifted",
    ]


def test_a_service_that_was_late_once_needs_nobody() -> None:
    late = {"health": Health.DEGRADED, "reason": "MLflow didn't answer within 3 s.", "overdue": True}
    snapshot = with_services(mlflow=late)
    assert said(snapshot) == []
    assert "● up" in text(title_line(view_of(snapshot), 80))
    assert cells(panel("services", snapshot), "mlflow")["state"] == "slow"
    assert "didn't answer" in text(panel("services", snapshot).status)
    # Neither is it news, nor that it answers again.
    assert news(CALM, snapshot) == news(snapshot, CALM) == ()


def test_alerts_of_one_name_are_one_thing() -> None:
    alerts = tuple(firing("ExporterStalled", service) for service in ("drift-monitor", "dagster-metrics"))
    assert said(replace(CALM, alerts=Slice(alerts, snapshots.NOW))) == ["alert ExporterStalled (+1)"]


def test_whoever_may_judge_a_version_is_told_that_it_is_theirs() -> None:
    assert said(judging(snapshots.HEALTHY, "risk-officer")) == ["v7 awaits your approval (+1)"]
    # Four eyes: nobody approves a version of their own.
    mine = judging(snapshots.HEALTHY, "risk-officer", snapshots.OWNER.upper())
    assert said(mine) == ["v7 awaits approval by risk-officer (+1)"]
    assert said(judging(snapshots.HEALTHY, "analyst")) == ["v7 awaits approval by risk-officer (+1)"]


def test_what_a_verification_registered_awaits_nobody() -> None:
    probe = replace(snapshots.MODELS[4], tags={**snapshots.MODELS[4].tags, "owner": PROBE})
    assert said(replace(CALM, models=Slice((probe,), snapshots.NOW))) == []
    assert waiting.PROBE == PROBE


def test_a_version_of_drifted_data_awaits_nobody() -> None:
    drifted = replace(snapshots.MODELS[4], tags={**snapshots.MODELS[4].tags, "drift_state": "drifted"})
    assert said(replace(CALM, models=Slice((drifted,), snapshots.NOW))) == []


def test_with_several_models_each_is_named() -> None:
    assert said(snapshots.MANY) == [
        "data of house-prices drifted",
        "approval of house-prices v3 by risk-officer",
        "approval of CreditRiskModel v7 by risk-officer",
    ]
    assert "your approval of CreditRiskModel v7" in said(judging(snapshots.MANY, "risk-officer"))
    # Cut to a narrow line, one sees what is to be done.
    line, _ = strip(needs(view_of(snapshots.MANY)), 1, 44)
    assert "approval of house" in text(line)


def with_trouble(snapshot: Snapshot, **problems: str) -> Snapshot:
    """With models that can't be trained, after those that it has."""
    more = tuple(ModelInfo(name, problem=problem) for name, problem in problems.items())
    known = tuple(one for one in snapshot.lab.models if one.name not in problems)
    return replace(snapshot, lab=replace(snapshot.lab, models=(*known, *more)))


def test_a_model_that_cannot_be_trained_is_seen_before_anybody_tries() -> None:
    said_of_it = "new/train.py, line 3: invalid syntax. Mend it there."
    found = with_trouble(snapshots.MANY, New=said_of_it, CreditRiskModel="its data is gone")
    assert [need.said for need in needs(view_of(found)) if "trained" in need.said] == [
        "New can't be trained: new/train.py, line 3: invalid syntax",
        "CreditRiskModel can't be trained: its data is gone",
    ]
    shown = panel("models", found)
    headings = {row.key: text(row.spill[1].spans) for row in shown.rows if row.heading and row.spill}
    assert headings["New/"] == f"New ✗ can't be trained: {said_of_it}"
    assert headings["CreditRiskModel/"] == "CreditRiskModel ✗ can't be trained: its data is gone"
    assert "can't be" not in headings["house-prices/"]
    detail = PARTS["models"].detail("New/", view_of(found))
    assert detail is not None
    assert said_of_it in texts(detail.lines)


def test_a_lab_whose_only_model_cannot_be_trained_says_so_with_and_without_versions() -> None:
    for models in (snapshots.HEALTHY.models, Slice((), snapshots.NOW)):
        found = with_trouble(replace(snapshots.HEALTHY, models=models), CreditRiskModel="no function fit")
        assert [need.key for need in needs(view_of(found)) if "trained" in need.said] == ["CreditRiskModel/"]
        first = panel("models", found).rows[0]
        assert first.spill
        assert "no function fit" in text(first.spill[1].spans)
    waiting_for_it = replace(found, models=Slice())
    assert not any("trained" in need for need in said(waiting_for_it))


def test_a_long_reason_why_a_model_cannot_be_trained_leaves_room_for_other_needs() -> None:
    found = with_trouble(snapshots.MANY, New=f"Can't read its data, /{'long/' * 30}\nand more. Put it there.")
    (need,) = [one for one in needs(view_of(found)) if "trained" in one.said]
    assert need.said.startswith("New can't be trained: Can't read its data, /long/")
    assert need.said.endswith("…")
    assert len(need.said) < 80


BROKEN: dict[str, tuple[Callable[[AuditView], AuditView], str]] = {
    "a broken chain": (lambda a: replace(a, faults=(ChainFault(3, "entry is missing"),)), "audit chain broken"),
    "a step without an end": (
        lambda a: replace(a, unfinished=(replace(snapshots.TRAIL[0], run_id="gone"),)),
        "train_model #52 has no end",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_trouble_in_the_trail_needs_somebody(name: str) -> None:
    change, expected = BROKEN[name]
    assert said(replace(CALM, audit=CALM.audit.map(change))) == [expected]


def test_an_approval_that_nobody_signed_needs_somebody() -> None:
    assert said(replace(CALM, audit=snapshots.FORGED.audit)) == ["#53 approved without proof"]


def test_a_lab_that_is_not_up_needs_only_that() -> None:
    assert said(snapshots.DOWN) == said(snapshots.WAITING) == []


def test_the_strip_holds_what_fits_and_says_how_many_more_there_are() -> None:
    found = needs(view_of(snapshots.DRIFTED))
    line, places = strip(found, -1, 60)
    assert text(line) == "! 5 need you   ✗ MLflow down  ▲ Prometheus degraded  +3"
    assert [number for _, _, number in places] == [0, 1]
    # One that doesn't fit is cut: a part of it says more than a number.
    line, places = strip(found[:2], -1, 50)
    assert text(line) == "! 2 need you   ✗ MLflow down  ▲ Prometheus degrad…"
    assert places[-1] == (28, 50, 1)
    assert text(strip(found[1:2], -1, 30, "f8")[0]) == "f8 1 needs you   ▲ Prometheus…"
    marked, _ = strip(found, 3, 60)
    assert text(marked).startswith("! 5 need you  ▸✗ data drifted")
    for width in range(20, 200, 7):
        line, places = strip(found, 2, width)
        assert all(end <= width for _, end, _ in places)


def test_what_a_version_waits_for_is_said_with_whom() -> None:
    shown = panel("models", snapshots.HEALTHY)
    # The seventh, of which only two tags are known, included.
    waits = {key: cells(shown, f"CreditRiskModel/{key}")["waits"] for key in "7654321"}
    assert waits == {
        "7": "risk-officer to approve",
        "6": "you to promote",
        "5": "nothing: it serves",
        "4": "nothing: rejected",
        "3": "risk-officer to approve",
        "2": "nothing: archived",
        "1": "nothing: archived",
    }
    drifted = replace(snapshots.MODELS[1], tags={**snapshots.MODELS[1].tags, "drift_state": "drifted"})
    assert waiting.waits_for(drifted, view_of(snapshots.HEALTHY)).text == "sound data: it drifted"


def test_the_words_follow_the_rules_of_approval() -> None:
    moves = {
        str(state): (str(action), str(move.environment))
        for (state, action), move in MOVES.items()
        if action in {Action.APPROVE, Action.PROMOTE}
    }
    assert dict(waiting.NEXT) == moves


def test_a_run_that_the_policy_stopped_is_blocked_and_did_not_fail() -> None:
    blocked, failed = snapshots.RUNS[5], snapshots.RUNS[3]
    shown = panel("runs", snapshots.HEALTHY)
    assert cells(shown, blocked.run_id)["status"] == "⊘ blocked"
    assert cells(shown, blocked.run_id)["steps"] == "⊘○○○ ingest_data"
    assert cells(shown, failed.run_id)["status"] == "✗ failed"


def test_runs_sort_by_how_they_stand() -> None:
    aborted = replace(snapshots.RUNS[3], run_id="a", steps=(Step("ingest_data", "SUCCESS", 1.0, 2.0),))
    probe = replace(snapshots.RUNS[3], run_id="p", trigger=PROBE)
    runs = (probe, *snapshots.RUNS[2:6], aborted, snapshots.RUNS[1])
    shown = panel("runs", replace(snapshots.HEALTHY, runs=Slice(RunsView(runs), snapshots.NOW)))
    order = sorted(shown.rows, key=lambda row: row.cells["status"].order or 0.0)
    assert [row.cells["status"].text for row in order] == [
        "▶ step 3/4",
        "✗ failed",
        "■ aborted",
        "⊘ blocked",
        "✓ success",
        "✓ success",
        "○ tried",
    ]
    assert standing(probe, frozenset())[2] == "muted"


def test_entries_of_a_refusal_warn_and_are_no_failure() -> None:
    entry = seal(replace(snapshots.TRAIL[0], status=Status.REFUSED, action="approve"), snapshots.TRAIL[0])
    view = replace(snapshots.HEALTHY, audit=snapshots.HEALTHY.audit.map(lambda a: replace(a, entries=(entry,))))
    assert panel("audit", view).rows[0].cells["status"].spans[0].tone == "warn"


def with_services(**changed: dict[str, object]) -> Snapshot:
    """A calm lab in which these services are otherwise."""
    renamed = {name.replace("_", "-"): fields for name, fields in changed.items()}
    services = tuple(
        replace(one, **{"latency_s": None, **renamed[one.name]}) if one.name in renamed else one  # type: ignore[arg-type]
        for one in snapshots.SERVICES
    )
    return replace(CALM, services=replace(CALM.services, value=services))


DOWN = {"health": Health.DOWN, "reason": "it doesn't listen"}
STOPPED = {"health": Health.DOWN, "reason": "stopped by ada at 14:03", "stopped": True}


def test_what_a_person_stopped_is_told_and_is_no_failure() -> None:
    found = needs(view_of(with_services(mlflow=STOPPED)))
    assert [(need.said, need.glyph, need.tone) for need in found] == [("MLflow stopped", "■", "accent")]
    header = title_line(view_of(with_services(mlflow=STOPPED)), 80)
    assert "■ up, 1 stopped" in text(header)
    assert all(span.tone not in {"bad", "ok"} for span in header)


def test_what_is_down_because_of_another_service_is_counted_there() -> None:
    snapshot = with_services(postgres=DOWN, mlflow=DOWN, dagster=DOWN, drift_monitor=DOWN)
    assert said(snapshot) == ["PostgreSQL down (+2 because of it)", "Drift monitor down"]
    assert text(title_line(view_of(snapshot), 80)).count("degraded") == 1


def test_what_fails_for_want_of_a_stopped_one_makes_it_graver() -> None:
    found = needs(view_of(with_services(postgres=STOPPED, mlflow=DOWN)))
    assert [(need.said, need.tone) for need in found] == [("PostgreSQL stopped (+1 because of it)", "warn")]
    # Two stopped ones, of which one needs the other, were each stopped by a person.
    assert said(with_services(postgres=STOPPED, mlflow=STOPPED)) == ["PostgreSQL stopped", "MLflow stopped"]


def test_the_services_panel_says_stopped_and_why_others_are_down() -> None:
    shown = panel("services", with_services(postgres=STOPPED, mlflow=DOWN))
    rows = {row.key: row.text for row in shown.rows}
    assert "■ PostgreSQL" in rows["postgres"]
    assert "stopped by ada at 14:03" in rows["postgres"]
    assert "needs PostgreSQL" in rows["mlflow"]
    assert "PostgreSQL: stopped by ada" in text(shown.status)


def test_that_prometheus_misses_what_somebody_stopped_is_no_trouble_of_its_own() -> None:
    missing = {"health": Health.DEGRADED, "reason": "Targets down: drift-monitor."}
    snapshot = with_services(drift_monitor=STOPPED, prometheus=missing)
    assert said(snapshot) == ["Drift monitor stopped"]
    assert "■ up, 1 stopped" in text(title_line(view_of(snapshot), 80))
    assert "for want of Drift monitor" in {row.key: row.text for row in panel("services", snapshot).rows}["prometheus"]
    starting = {"health": Health.STARTING, "reason": "it doesn't listen yet"}
    assert said(with_services(drift_monitor=starting, prometheus=missing)) == []
    # A target that is missed for another reason is.
    assert said(with_services(drift_monitor=STOPPED, prometheus={**missing, "reason": "Targets down: dagster."})) == [
        "Prometheus degraded",
        "Drift monitor stopped",
    ]
