"""The drift panel: alerts on top, then every feature's PSI."""

from collections.abc import Sequence
from functools import lru_cache

from lab.base.alerts import Alert
from lab.base.drift_report import MODERATE, DriftReport, FeatureDrift
from lab.observe.snapshot import Slice, SliceState
from lab.views import formats
from lab.views.by_model import foremost, report_of
from lab.views.cells import Cell, Column, Line, PanelState, PanelView, Row, Span, Tone, bar, cell, pad
from lab.views.document import Detail, browsable, field_line, heading, text
from lab.views.same import KEPT, Same
from lab.views.view import View, awaited_for, source_panel

STATES: dict[str, tuple[str, Tone]] = {
    "stable": ("●", Tone.OK),
    "moderate": ("▲", Tone.WARN),
    "drifted": ("✗", Tone.BAD),
}
COLUMNS = (
    Column("name", "feature", 1, 16, 26),
    Column("psi", "PSI", 2, 5, right=True),
    Column("bar", "", 3, 12, 36, grow=True),
    Column("state", "state", 4, 15),
)
EMPTY = "No drift report yet.\n`invoke seed` records the baseline."
# Where on a bar the limit is marked: it is full at twice the PSI above which its model's data have drifted.
THRESHOLD = 0.5


def panel(view: View) -> PanelView:
    """Drift by feature, under the alerts that are pending or firing."""
    panel = source_panel("Drift & alerts", view.snapshot.drift, view, EMPTY, lambda _: _drift(view))
    alerts = view.snapshot.alerts
    rows = tuple(_alert(alert, view) for alert in by_urgency(alerts.value or ()))
    if alerts.state in {SliceState.FAILED, SliceState.STALE} and not view.lab_down:
        panel = _with_line(panel, _unknown(alerts, view))
    if not rows:
        return panel
    count = sum(alert.state == "firing" for alert in alerts.value or ())
    badge: Line = (Span(f"▲ {count} firing", Tone.BAD), Span(" · ", Tone.MUTED)) if count else ()
    if view.taken_down:
        badge = ()
    state = PanelState.OK if panel.state is PanelState.EMPTY else panel.state
    lines = (*panel.lines, *(panel.message if not panel.rows else ()))
    return PanelView(panel.title, (*badge, *panel.status), state, lines, COLUMNS, (*rows, *panel.rows))


def _unknown(alerts: Slice[tuple[Alert, ...]], view: View) -> Line:
    """Why nobody knows what fires; while Prometheus is being started, that is no alarm."""
    if waiting := awaited_for(alerts, view):
        return Span("alerts: ", Tone.MUTED), Span(waiting, Tone.MUTED)
    return Span("▲ alerts unknown: ", Tone.WARN), Span(formats.clean(alerts.error), Tone.MUTED)


def _with_line(panel: PanelView, line: Line) -> PanelView:
    return PanelView(
        panel.title, panel.status, panel.state, (line, *panel.lines), panel.columns, panel.rows, panel.message
    )


def _drift(view: View) -> PanelView:
    report = foremost(view)
    if report is None:
        return PanelView("")
    checked = formats.age(view.epoch - report.checked_at) if report.checked_at else formats.NOTHING
    features = tuple(_feature(Same(one), report.model) for one in report.features)
    rows = f" · {report.rows:,} rows · checked {checked}"
    if not view.several:
        return PanelView("", (verdict(report), Span(rows, Tone.MUTED)), columns=COLUMNS, rows=features)
    reports = sorted(
        (one for one in view.snapshot.drift.value or () if one.features),
        key=lambda one: (not one.detected, one is not report, one.model),
    )
    title = Cell((Span(f"{formats.clean(report.model)}", Tone.ACCENT), Span(rows, Tone.MUTED)))
    heading = Row(f"features/{report.model}", {}, ("name", title), heading=True)
    models = tuple(_model(one) for one in reports)
    return PanelView("", _verdicts(reports), columns=COLUMNS, rows=(*models, heading, *features))


def _verdicts(reports: Sequence[DriftReport]) -> Line:
    drifted = sum(one.detected for one in reports)
    if drifted:
        return (Span(f"✗ {drifted} of {len(reports)} models drifted", Tone.BAD),)
    return (Span(f"● no drift in {len(reports)} models", Tone.OK),)


def _model(report: DriftReport) -> Row:
    """One model's data by the feature that moved most."""
    worst = max(report.features, key=lambda one: one.psi)
    state = "drifted" if report.detected else max((one.state for one in report.features), key=list(STATES).index)
    glyph, tone = STATES[state]
    cells = {
        "name": Cell((Span(f"{glyph} ", tone), Span(formats.clean(report.model), Tone.STRONG))),
        "psi": cell(f"{worst.psi:.3f}"),
        "bar": Cell((Span("", tone),), fill=fill(worst), mark=THRESHOLD),
        "state": cell(f"{len(report.drifted)} drifted" if report.detected else state, tone),
    }
    return Row(f"model/{report.model}", cells)


def fill(feature: FeatureDrift) -> float:
    """How full a feature's bar is: 0.5 at its limit, which comes from outside and may be none."""
    return THRESHOLD * feature.psi / feature.limit if feature.limit > 0 else 1.0


def verdict(report: DriftReport) -> Span:
    """Whether the data drifted."""
    found = len(report.drifted)
    return Span(f"✗ {found} drifted", Tone.BAD) if found else Span("● no drift", Tone.OK)


@lru_cache(maxsize=KEPT)
def _feature(of: Same[FeatureDrift], model: str) -> Row:
    feature = of.value
    glyph, tone = STATES[feature.state]
    name_tone = Tone.STRONG if feature.state == "drifted" else Tone.PLAIN
    cells = {
        "name": Cell((Span(f"{glyph} ", tone), Span(formats.clean(feature.name), name_tone))),
        "psi": cell(f"{feature.psi:.3f}"),
        "bar": Cell((Span("", tone),), fill=fill(feature), mark=THRESHOLD),
        "state": cell(feature.state, tone),
    }
    return Row(f"feature/{model}/{feature.name}", cells)


def by_urgency(alerts: Sequence[Alert]) -> list[Alert]:
    """What fires first, then what is critical."""
    return sorted(
        alerts, key=lambda a: (a.state != "firing", a.severity != "critical", a.name, sorted(a.labels.items()))
    )


def alert_key(alert: Alert) -> str:
    """The same for the same alert in every snapshot."""
    return f"alert/{alert.name}/" + ",".join(f"{k}={v}" for k, v in sorted(alert.labels.items()))


def _alert(alert: Alert, view: View) -> Row:
    firing = alert.state == "firing"
    tone = Tone.BAD if firing else Tone.WARN
    cells = {"name": cell(f"{'▲' if firing else '△'} {formats.clean(alert.name)}", tone)}
    said = f"{alert.state} {formats.age(view.epoch - alert.active_at)} · {formats.clean(alert.summary)}"
    return Row(alert_key(alert), cells, ("psi", Cell((Span(said, Tone.PLAIN),))), pinned=True)


def detail(key: str, view: View) -> Detail | None:
    if key.startswith("alert/"):
        alert = next((a for a in view.snapshot.alerts.value or () if alert_key(a) == key), None)
        return _alert_detail(alert, view) if alert else None
    report = report_of(model_of_row(key), view)
    if report is None:
        return None
    lines: list[Line] = [
        field_line("verdict", verdict(report)),
        field_line("rows", Span(f"{report.rows:,}")),
        field_line("checked", Span(formats.moment(report.checked_at or None, view.now))),
        field_line("current data", text(report.current_hash)),
        field_line("baseline data", text(report.baseline_hash)),
        *heading(f"Features by PSI (moderate above {MODERATE}, drifted above {report.limit:g})"),
    ]
    for feature in report.features:
        glyph, tone = STATES[feature.state]
        name = pad((Span(formats.clean(feature.name)),), 58)
        track = bar(fill(feature), 24, tone, THRESHOLD)
        lines.append((Span(f"{glyph} ", tone), Span(f"{feature.psi:7.3f}  "), *track, Span("  "), *name))
    title = f"Drift · {formats.clean(report.model)}" if view.several else "Drift"
    return Detail(title, tuple(lines), report.current_hash, _page(view))


def model_of_row(key: str) -> str:
    """The model that a row of drift is about."""
    return key.split("/", 2)[1] if key.count("/") else ""


def feature_of_row(key: str) -> str:
    """The feature that a row is about; empty where it is about a model."""
    return key.split("/", 2)[2] if key.startswith("feature/") else ""


def _page(view: View) -> str:
    """The dashboard; without one, what Prometheus knows of the drift."""
    prometheus = view.service_url("prometheus")
    graph = f"{prometheus}/graph?g0.expr=synthetic_data_feature_psi&g0.tab=0" if prometheus else ""
    return browsable(view.service_url("grafana") or graph)


def _alert_detail(alert: Alert, view: View) -> Detail:
    base = view.service_url("prometheus")
    url = f"{base}/alerts" if base else ""
    return Detail(f"Alert · {formats.clean(alert.name)}", copy=f"{alert.name}: {alert.summary}", url=url)
