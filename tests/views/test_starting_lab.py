"""What a lab shows that isn't up, was never started, or is being started."""

from dataclasses import replace

from lab.base.catalogue import BEING_STARTED
from lab.commands.once import text_lines
from lab.observe.snapshot import Health, LabInfo, Slice
from lab.recording.marks import news
from lab.views import PARTS, banner, title_line
from lab.views.cells import PanelState, Span, Tone, fit, lay_out
from lab.views.frame import standing
from lab.views.needs import needs
from lab.views.view import lab_is_down
from tests.screen import snapshots
from tests.views.panels import loud, panel, text, texts, view_of


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
