"""The services: their reasons, names, counts and pages."""

from dataclasses import replace

from lab.base.catalogue import BEING_STARTED
from lab.observe.snapshot import Health
from lab.views import PARTS
from lab.views.cells import fit, lay_out
from tests.screen import snapshots
from tests.views.panels import panel, text, view_of


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
