"""What panels say, as pure functions of a snapshot and a moment."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lab.base.catalogue import BEING_STARTED
from lab.base.drift_report import DriftReport, FeatureDrift
from lab.base.model_versions import ModelVersion
from lab.base.runs import Run, RunStatus, Step
from lab.commands.once import text_lines
from lab.governance.ledger import Fault
from lab.observe.snapshot import Health, LabInfo, RunsView, ServiceState, Slice, Snapshot
from lab.recording.marks import news
from lab.views import PARTS, View, banner, title_line
from lab.views.cells import Line, PanelState, PanelView, Span, Tone, fit, lay_out, width_of
from lab.views.frame import standing
from lab.views.models_panel import APPROVAL
from lab.views.needs import needs
from lab.views.probe_history import KEPT, History
from lab.views.runs_panel import STATUS
from lab.views.view import LEDGER_STATUS, health_mark, lab_is_down
from tests.screen import snapshots


def view_of(snapshot: Snapshot, **changes: object) -> View:
    return replace(View(snapshot, snapshots.CLOCK), **changes)  # type: ignore[arg-type]


def panel(name: str, snapshot: Snapshot) -> PanelView:
    return PARTS[name].panel(view_of(snapshot))


def with_part(name: str, part: Slice[Any]) -> Snapshot:
    """The healthy snapshot with another part; panels are called as the parts are."""
    changes: dict[str, Any] = {name: part}
    return replace(snapshots.HEALTHY, **changes)


def text(line: Line) -> str:
    return "".join(span.text for span in line)


def texts(lines: tuple[Line, ...]) -> str:
    return "\n".join(map(text, lines))


def cells(view: PanelView, key: str) -> dict[str, str]:
    row = next(row for row in view.rows if row.key == key)
    return {name: cell.text for name, cell in row.cells.items()}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        (snapshots.WAITING, PanelState.WAITING),
        (snapshots.HEALTHY, PanelState.OK),
    ],
    ids=["waiting", "healthy"],
)
def test_state_of_every_panel(name: str, snapshot: Snapshot, state: PanelState) -> None:
    assert panel(name, snapshot).state is state


@pytest.mark.parametrize("name", PARTS)
def test_a_source_that_never_answered_shows_why(name: str) -> None:
    broken = with_part(name, Slice(None, None, "it's [red]broken[/]", snapshots.NOW))
    shown = panel(name, broken)
    assert shown.state is PanelState.FAILED
    assert "it's [red]broken[/]" in texts(shown.message)
    assert shown.rows == ()


@pytest.mark.parametrize("name", PARTS)
def test_a_source_that_stopped_answering_keeps_its_data_with_their_age(name: str) -> None:
    part = getattr(snapshots.HEALTHY, name)
    shown = panel(name, with_part(name, replace(part, fetched_at=snapshots.NOW - 125, error="gone away")))
    assert shown.state is PanelState.STALE
    assert text(shown.status).startswith("stale 2m · gone away")
    assert len(shown.rows) == len(panel(name, snapshots.HEALTHY).rows) > 0


@pytest.mark.parametrize("name", ["runs", "models", "audit", "drift"])
def test_an_empty_source_says_what_fills_it(name: str) -> None:
    shown = panel(name, snapshots.EMPTY)
    assert shown.state is PanelState.EMPTY
    assert "invoke" in texts(shown.message)


@pytest.mark.parametrize("name", ["runs", "models", "audit", "drift"])
def test_panels_are_calm_when_the_lab_is_not_up(name: str) -> None:
    shown = panel(name, snapshots.DOWN)
    assert shown.state is PanelState.WAITING
    assert "isn't up" in texts(shown.message)


def test_banner_says_how_to_start_a_lab_that_is_not_up() -> None:
    said = text(banner(view_of(snapshots.DOWN)))
    assert said == "○ The lab isn't up. Type invoke up, or : here; this screen connects by itself."
    # What is printed once is no screen.
    assert text(banner(view_of(snapshots.DOWN), screen=False)) == "○ The lab isn't up. Type invoke up."
    bound = replace(view_of(snapshots.DOWN), keys={"palette": "f2"})
    assert "or f2 here" in text(banner(bound))
    away = replace(snapshots.DOWN, lab=LabInfo("db7.example.com", "", "", "", "remote"))
    said = text(banner(replace(view_of(away), readonly=True)))
    assert "Start it on db7.example.com, and see that its ports reach here" in said
    assert "invoke" not in said
    assert banner(view_of(snapshots.WAITING)) == ()
    assert banner(view_of(snapshots.DRIFTED)) == ()


def loud(view: View) -> set[Tone]:
    """The tones of alarm among all that the screen says of services and panels."""
    shown = {name: PARTS[name].panel(view) for name in PARTS}
    lines = [title_line(view, 200), banner(view), *(one.status for name, one in shown.items() if name != "drift")]
    lines += [cell.spans for row in shown["services"].rows for cell in row.cells.values()]
    lines += [row.spill[1].spans for row in shown["services"].rows if row.spill]
    lines += [line for name in ("runs", "models") for line in shown[name].message]
    return {span.tone for line in lines for span in line}


def test_a_lab_that_was_never_started_has_not_failed() -> None:
    view = view_of(snapshots.NEVER)
    assert text(banner(view)).startswith("○ The lab mlops-lab was never started. Type invoke up, or : here")
    assert standing(view)[1] == "never started"
    assert not {Tone.BAD, Tone.WARN} & loud(view)
    # The state says it already, in a row that has hardly room for it.
    said = [row.spill for row in PARTS["services"].panel(view).rows if row.cells["state"].text == "not yet"]
    assert said == [None] * 10
    # A lab that was up once and isn't now may well have failed.
    assert Tone.BAD in loud(view_of(snapshots.DOWN))


def test_a_first_start_looks_like_a_start() -> None:
    view = view_of(snapshots.STARTING)
    assert text(banner(view)) == "◐ The lab is being started: 2 of 10 services are up."
    assert standing(view)[1] == "starting"
    assert Tone.BAD not in loud(view)
    assert needs(view) == ()
    for name, service in (("runs", "Dagster"), ("models", "MLflow")):
        shown = PARTS[name].panel(view)
        assert shown.state is PanelState.WAITING
        assert texts(shown.message) == f"{service} is starting …"
    # One that fails meanwhile isn't hidden by it.
    failing = {"health": Health.DOWN, "awaited": False, "reason": "exited too quickly"}
    services = snapshots.STARTING.services.map(
        lambda states: tuple(replace(s, **failing) if s.name == "mlflow" else s for s in states)
    )
    failed = view_of(replace(snapshots.STARTING, services=services))
    assert [need.said for need in needs(failed)] == ["MLflow down"]
    assert PARTS["models"].panel(failed).state is PanelState.FAILED


def test_a_start_that_began_nothing_yet_says_what_takes_the_time() -> None:
    services = snapshots.STARTING.services.map(
        lambda states: tuple(
            s if s.health is Health.ABSENT else replace(s, health=Health.STARTING, reason=BEING_STARTED, awaited=True)
            for s in states
        )
    )
    said = text(banner(view_of(replace(snapshots.STARTING, services=services))))
    assert said == "◐ The lab is being started: what its services need is being prepared; 0 of 10 are up."


def test_alerts_of_a_lab_that_is_being_started_are_waited_for() -> None:
    unknown = Slice(None, None, "Prometheus doesn't listen.", snapshots.NOW - 1)
    shown = panel("drift", replace(snapshots.STARTING, alerts=unknown))
    assert shown.lines[0] == (Span("alerts: ", Tone.MUTED), Span("Prometheus is starting …", Tone.MUTED))
    # Nobody is about to start it here.
    shown = panel("drift", replace(snapshots.HEALTHY, alerts=unknown))
    assert text(shown.lines[0]) == "▲ alerts unknown: Prometheus doesn't listen."


def test_what_was_asked_before_the_services_answered_is_no_alarm() -> None:
    never = Slice(None, None, "The lab was never started.", snapshots.NOW)
    first = replace(snapshots.WAITING, runs=never, drift=never, alerts=never)
    shown = panel("runs", first)
    assert shown.state is PanelState.WAITING
    assert texts(shown.message) == "The lab was never started."
    shown = panel("drift", first)
    assert Tone.WARN not in {span.tone for line in (*shown.lines, *shown.message) for span in line}


def test_a_start_is_told_once_at_its_end() -> None:
    up = snapshots.HEALTHY
    assert news(snapshots.NEVER, snapshots.STARTING) == ()
    assert news(snapshots.STARTING, up) == ((Tone.OK, "the lab is up"),)
    assert news(up, up) == ()


def test_a_reason_has_room_at_80_columns() -> None:
    shown = panel("services", snapshots.DRIFTED)
    row = next(row for row in shown.rows if row.key == "mlflow")
    assert row.spill
    room = fit(shown.columns, shown.rows, 36)
    line = text(lay_out(row, room))
    assert len(line[line.index("down") + 5 :].rstrip()) >= 12, line
    # Where nothing is amiss, names are whole.
    calm = panel("services", snapshots.HEALTHY)
    widths = {one.column.key: one.width for one in fit(calm.columns, calm.rows, 36)}
    assert widths["name"] >= 20


def test_a_lab_that_a_person_took_down_is_no_failure() -> None:
    view = view_of(snapshots.TAKEN_DOWN)
    by = "aken down by ada.lovelace@example.com at 14:03"
    assert text(banner(view)).startswith(f"■ T{by}. Type invoke up")
    assert standing(view)[1] == "taken down"
    services = panel("services", snapshots.TAKEN_DOWN)
    spilled = [row.spill[1].spans for row in services.rows if row.spill]
    shown = [
        title_line(view, 200),
        banner(view),
        services.status,
        *spilled,
        *(row.cells["name"].spans for row in services.rows),
    ]
    assert not {Tone.BAD, Tone.WARN} & {span.tone for line in shown for span in line}
    assert "Taken down by" in "".join(text(line) for line in text_lines(view, 180)[:2])
    assert services.rows[0].spill
    assert services.rows[0].spill[1].text == f"stopped t{by}"
    for name in ("runs", "models", "audit", "drift"):
        assert panel(name, snapshots.TAKEN_DOWN).state is PanelState.PAST
        assert text(panel(name, snapshots.TAKEN_DOWN).status) == "as it was 12s ago"
    # One that is down for another reason makes it a failure.
    crashed = snapshots.TAKEN_DOWN.services.map(lambda s: (replace(s[0], stopped=False), *s[1:]))
    assert standing(view_of(replace(snapshots.TAKEN_DOWN, services=crashed)))[2] is Tone.BAD


def test_a_lab_is_up_as_long_as_anything_of_it_answers() -> None:
    assert lab_is_down(snapshots.DOWN)
    assert not lab_is_down(replace(snapshots.DOWN, runs=snapshots.HEALTHY.runs))
    assert not lab_is_down(snapshots.WAITING)
    squatted = snapshots.DOWN.services.map(lambda s: (replace(s[0], health=Health.DEGRADED), *s[1:]))
    assert lab_is_down(replace(snapshots.DOWN, services=squatted))
    starting = snapshots.DOWN.services.map(lambda s: (replace(s[0], health=Health.STARTING), *s[1:]))
    assert not lab_is_down(replace(snapshots.DOWN, services=starting))


def test_every_state_has_a_shape_of_its_own() -> None:
    assert len({health_mark(health).text for health in Health}) == len(Health)
    for shapes in (
        {STATUS[s][0] for s in (RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.STARTED, RunStatus.QUEUED)},
        {APPROVAL[s][0] for s in ("approved_prod", "approved_staging", "pending_prod", "rejected", "archived")},
    ):
        assert len(shapes) in {4, 5}
    assert set(STATUS) == set(RunStatus)
    assert {str(status) for status in LEDGER_STATUS} >= {"started", "success", "failure", "blocked"}


def test_a_service_that_is_not_up_shows_its_reason_instead_of_figures() -> None:
    row = next(r for r in panel("services", snapshots.DRIFTED).rows if r.key == "mlflow")
    assert row.spill is not None
    assert row.spill[1].text == "down no answer within 2 s: connection refused"
    assert "MLflow: no answer" in text(panel("services", snapshots.DRIFTED).status)


def test_services_status_counts_what_is_installed() -> None:
    assert text(panel("services", snapshots.HEALTHY).status).startswith("10/10 up")
    assert text(panel("services", snapshots.DRIFTED).status).startswith("8/10 up")
    # What the lab can do without counts as soon as it is there: as many as there are rows that say so.
    there = snapshots.HEALTHY.services.map(
        lambda states: tuple(replace(s, health=Health.UP) if s.name == "alertmanager" else s for s in states)
    )
    assert text(panel("services", replace(snapshots.HEALTHY, services=there)).status).startswith("11/11 up")


def test_a_running_run_shows_its_step_and_its_time_so_far() -> None:
    shown = cells(panel("runs", snapshots.HEALTHY), snapshots.RUNS[1].run_id)
    assert shown["status"] == "▶ step 3/4"
    assert shown["steps"] == "●●◐○ train_model"
    assert shown["took"] == "3.4s"


def test_a_failed_run_names_the_step_that_failed() -> None:
    assert cells(panel("runs", snapshots.HEALTHY), snapshots.RUNS[3].run_id)["steps"] == "●✗○○ validate_data"


def test_a_run_of_another_job_has_the_steps_it_has() -> None:
    run = Run("r", "other", RunStatus.STARTED, 0.0, 1.0, steps=(Step("a", "SUCCESS"), Step("b", "SOMETHING_NEW")))
    snapshot = replace(snapshots.HEALTHY, runs=Slice(RunsView((run,)), snapshots.NOW))
    assert cells(panel("runs", snapshot), "r")["steps"] == "●○"
    assert cells(panel("runs", snapshot), "r")["status"] == "▶ step 2/2"


def test_versions_are_measured_against_the_champion() -> None:
    shown = panel("models", snapshots.HEALTHY)
    assert cells(shown, "CreditRiskModel/6")["change"] == "▲ +0.003"
    assert cells(shown, "CreditRiskModel/4")["change"] == "▼ -0.079"
    assert cells(shown, "CreditRiskModel/5")["change"] == "champion"
    assert cells(shown, "CreditRiskModel/5")["version"] == "v5 @champion"


def test_missing_and_odd_governance_tags_are_flagged() -> None:
    odd = ModelVersion("CreditRiskModel", "9", snapshots.NOW, tags={"approval_state": "whatever"})
    shown = panel("models", replace(snapshots.HEALTHY, models=Slice((odd,), snapshots.NOW)))
    found = cells(shown, "CreditRiskModel/9")
    assert (found["approval"], found["tags"], found["metric"], found["waits"]) == (
        "? whatever",
        "▲ 10",
        "–",
        "? unknown",
    )
    assert "1 with missing tags" in text(shown.status)


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


def test_alerts_stand_above_the_features_firing_first() -> None:
    shown = panel("drift", snapshots.DRIFTED)
    assert [row.key.split("/")[0] for row in shown.rows[:3]] == ["alert", "alert", "feature"]
    assert "SyntheticDataDriftDetected" in shown.rows[0].text
    assert text(shown.status).startswith("▲ 1 firing · ✗ 2 drifted")


def test_alerts_are_shown_when_drift_is_unknown() -> None:
    shown = panel("drift", replace(snapshots.DRIFTED, drift=Slice(None, None, "no metrics", snapshots.NOW)))
    assert shown.state is PanelState.FAILED
    assert [row.key.split("/")[0] for row in shown.rows] == ["alert", "alert"]
    assert "no metrics" in texts(shown.lines)


def test_unknown_alerts_are_not_no_alerts() -> None:
    silent = replace(snapshots.HEALTHY, alerts=Slice(None, None, "prometheus is away", snapshots.NOW))
    assert "alerts unknown: prometheus is away" in texts(panel("drift", silent).lines)
    assert panel("drift", snapshots.HEALTHY).lines == ()


@pytest.mark.parametrize("limit", [0.1, 0.25])
def test_a_bar_passes_its_mark_when_the_feature_drifted_by_its_own_models_limit(limit: float) -> None:
    features = tuple(FeatureDrift(name, limit * times) for name, times in {"over": 1.2, "under": 0.8}.items())
    report = DriftReport("a", "b", 9, features).limited(limit)
    rows = panel("drift", replace(snapshots.HEALTHY, drift=Slice((report,), snapshots.NOW))).rows
    bars = {row.key.split("/")[-1]: row.cells["bar"] for row in rows}
    for name, drifted in {"over": True, "under": False}.items():
        fill, mark = bars[name].fill, bars[name].mark
        assert fill is not None
        assert mark is not None
        assert (fill > mark) is drifted


def test_no_report_is_not_no_drift() -> None:
    empty = replace(snapshots.HEALTHY, drift=Slice((DriftReport("", "", 0, ()),), snapshots.NOW))
    assert "no drift" not in text(panel("drift", empty).status)


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
def test_title_line_fits_and_drops_the_least_important_first(width: int) -> None:
    line = title_line(view_of(snapshots.HEALTHY), width)
    assert width_of(line) <= width
    assert "mlops-lab" in text(line)
    assert ("ada.lovelace" in text(line)) is (width >= 120)


def test_title_line_says_when_the_data_is_old() -> None:
    later = view_of(snapshots.HEALTHY, now=snapshots.CLOCK + timedelta(seconds=40))
    assert "▲ data 41s old" in text(title_line(later, 120))
    assert "read-only" in text(title_line(view_of(snapshots.HEALTHY, readonly=True), 120))


HOSTILE = "\x1b[31mred\x1b]0;title\x07\u202egpj.exe\x00\r\n[bold]x[/]"


def test_nothing_from_outside_can_steer_the_terminal() -> None:
    hostile = replace(
        snapshots.HEALTHY,
        lab=LabInfo(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        services=Slice((ServiceState(HOSTILE, HOSTILE, Health.DOWN, HOSTILE, HOSTILE, HOSTILE),), snapshots.NOW),
        runs=Slice(
            RunsView((Run(HOSTILE, HOSTILE, RunStatus.STARTED, owner=HOSTILE, steps=(Step(HOSTILE, HOSTILE),)),)),
            snapshots.NOW,
        ),
        models=Slice(
            (ModelVersion(HOSTILE, HOSTILE, 0.0, HOSTILE, (HOSTILE,), {HOSTILE: HOSTILE}, {HOSTILE: 1.0}),),
            snapshots.NOW,
        ),
        audit=snapshots.HEALTHY.audit.map(
            lambda a: replace(
                a,
                entries=(replace(a.entries[0], action=HOSTILE, owner=HOSTILE, details={HOSTILE: 1.5}),),
                faults=(Fault(1, HOSTILE),),
            )
        ),
        alerts=Slice((replace(snapshots.ALERTS[0], name=HOSTILE, summary=HOSTILE, labels={HOSTILE: HOSTILE}),), 1.0),
    )
    view = view_of(hostile, history=History().with_snapshot(hostile), trouble=HOSTILE)
    lines = [title_line(view, 200), banner(view)]
    for part in PARTS.values():
        shown = part.panel(view)
        lines += [*shown.lines, *shown.message, shown.status]
        for row in shown.rows:
            lines += [cell.spans for cell in row.cells.values()]
            lines += [row.spill[1].spans] if row.spill else []
            found = part.detail(row.key, view)
            assert found is not None
            lines += [*found.lines]
    drawn = "".join(text(line) for line in lines)
    assert "red" in drawn
    assert not [char for char in drawn if ord(char) < 32 or char in "\x7f\u202e"]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("state", snapshots.ALL)
def test_every_row_has_a_detail_and_every_line_fits(name: str, state: str) -> None:
    view = view_of(snapshots.ALL[state])
    shown = PARTS[name].panel(view)
    assert len({row.key for row in shown.rows}) == len(shown.rows)
    for row in shown.rows:
        assert set(row.cells) <= {column.key for column in shown.columns}
        assert PARTS[name].detail(row.key, view) is not None
    assert PARTS[name].detail("no such row", view_of(snapshots.WAITING)) is None


def test_history_grows_once_per_reading_and_is_bounded() -> None:
    history = History().with_snapshot(snapshots.HEALTHY)
    assert history.with_snapshot(snapshots.HEALTHY) is history
    assert history.with_snapshot(snapshots.WAITING) is history
    for second in range(KEPT + 10):
        moved = replace(snapshots.HEALTHY.services, fetched_at=snapshots.NOW + second)
        history = history.with_snapshot(replace(snapshots.HEALTHY, services=moved))
    assert len(history.of("mlflow")) == KEPT
    assert history.of("mlflow")[-1].at == snapshots.NOW + KEPT + 9
    assert history.of("unknown") == ()


def test_no_page_of_a_service_that_is_not_installed_is_opened() -> None:
    services = snapshots.HEALTHY.services.value or ()
    view = view_of(snapshots.HEALTHY)
    grafana = PARTS["services"].detail("grafana", view)
    drifting = PARTS["drift"].panel(view).rows[-1].key
    without = PARTS["drift"].detail(drifting, view)
    installed = tuple(replace(s, health=Health.UP) if s.name == "grafana" else s for s in services)
    with_it = PARTS["drift"].detail(
        drifting, view_of(replace(snapshots.HEALTHY, services=replace(snapshots.HEALTHY.services, value=installed)))
    )

    assert grafana is not None
    assert grafana.url == ""
    assert without is not None
    assert without.url.startswith("http://127.0.0.1:9090/graph?g0.expr=synthetic_data_feature_psi")
    assert with_it is not None
    assert with_it.url == "http://127.0.0.1:3030"


def test_a_service_that_is_starting_says_so_once() -> None:
    reason = "PostgreSQL is starting: the database system is starting up."
    changed = {"health": Health.STARTING, "reason": reason}
    services = snapshots.HEALTHY.services.map(lambda states: (replace(states[0], **changed), *states[1:]))
    spill = panel("services", replace(snapshots.HEALTHY, services=services)).rows[0].spill
    assert spill is not None
    assert spill[1].text == "starting the database system is starting up."


def test_what_waits_for_its_turn_says_so_in_full_at_80_columns() -> None:
    services = snapshots.STARTING.services.map(
        lambda states: tuple(replace(s, reason=BEING_STARTED) if s.health is Health.STARTING else s for s in states)
    )
    shown = panel("services", replace(snapshots.STARTING, services=services))
    row = next(row for row in shown.rows if row.spill and BEING_STARTED in row.spill[1].text)
    assert text(lay_out(row, fit(shown.columns, shown.rows, 36))).rstrip().endswith(BEING_STARTED)


def test_every_service_has_its_whole_name_while_all_is_well() -> None:
    shown = panel("services", snapshots.HEALTHY)
    for width in (36, 62, 96):
        room = fit(shown.columns, shown.rows, width)
        assert not [row.key for row in shown.rows if "…" in text(lay_out(row, room)[:2])], width
