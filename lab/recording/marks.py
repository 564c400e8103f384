"""What happened between two snapshots that a person looking back wants to find."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lab.base.catalogue import TAKEN_DOWN, Service
from lab.base.runs import Run, RunStatus
from lab.observe.snapshot import Health, ServiceState, Snapshot
from lab.views import formats
from lab.views.cells import Tone
from lab.views.view import being_started, taken_down

MOST_TEXT = 80
# The better first.
RANK = (Tone.MUTED, Tone.ACCENT, Tone.OK, Tone.WARN, Tone.BAD)
_HEALTH = {Health.UP: Tone.OK, Health.DOWN: Tone.BAD, Health.ABSENT: Tone.MUTED}
_ENDED = {RunStatus.SUCCESS: Tone.OK, RunStatus.FAILURE: Tone.BAD, RunStatus.CANCELED: Tone.WARN}


@dataclass(frozen=True)
class Mark:
    """A moment (epoch seconds) at which something changed, how bad it is, and what it was."""

    at: float
    tone: Tone
    text: str


def changes(before: Snapshot, after: Snapshot) -> tuple[Mark, ...]:
    """The marks that `after` sets; a source without an earlier answer sets none."""
    found = (*_services(before, after), *_runs(before, after), *_models(before, after), *_trail(before, after))
    found = (*found, *_drift(before, after), *_alerts(before, after))
    return tuple(Mark(after.taken_at, tone, formats.clean(text)[:MOST_TEXT]) for tone, text in found)


_Found = Iterable[tuple[Tone, str]]


def news(before: Snapshot, after: Snapshot) -> tuple[tuple[Tone, str], ...]:
    """What a person who looks elsewhere wants to be told: a service that went or came back, a run's end, an alert."""
    if being_started(before) or being_started(after):
        # Each of its steps is on the screen.
        return ((Tone.OK, "the lab is up"),) if after.overall is Health.UP else ()
    # A service that only starts, or answers with less than all it should, is on the screen.
    gone = ((tone, text) for tone, text in _services(before, after) if text.endswith((" up", " down", " stopped")))
    taken = {f"{one.title} stopped" for one in after.services.value or () if one.reason.startswith(TAKEN_DOWN)}
    gone = (one for one in gone if one[1] not in taken)
    # One line for all of it, once nothing runs any more.
    whole = [(Tone.MUTED, f"the lab was {said}")] if (said := taken_down(after)) and not taken_down(before) else []
    ended = ((tone, text) for tone, text in _runs(before, after) if not text.endswith(" began"))
    # What only might have become an alert was never told.
    # Prometheus, just started again, knows of none yet.
    knows = _is_up(Service.PROMETHEUS, after)
    alerts = (one for one in _alerts(_firing(before), _firing(after)) if knows or not one[1].endswith(" over"))
    return tuple((tone, formats.clean(text)) for tone, text in (*gone, *whole, *ended, *alerts))


def _is_up(service: Service, snapshot: Snapshot) -> bool:
    return any(one.name == service and one.health is Health.UP for one in snapshot.services.value or ())


def _firing(snapshot: Snapshot) -> Snapshot:
    firing = snapshot.alerts.map(lambda alerts: tuple(one for one in alerts if one.state == "firing"))
    return replace(snapshot, alerts=firing)


def _services(before: Snapshot, after: Snapshot) -> _Found:
    if before.services.value is None or before.services.value is after.services.value:
        return
    old = {state.name: _settled(state) for state in before.services.value}
    for state in after.services.value or ():
        if old.get(state.name, state.health) is not _settled(state):
            # What somebody stopped is no failure.
            tone = Tone.MUTED if state.stopped else _HEALTH.get(state.health, Tone.WARN)
            yield tone, f"{state.title} {'stopped' if state.stopped else state.health}"


def _settled(state: ServiceState) -> Health:
    """One late answer is no news."""
    return Health.UP if state.overdue else state.health


def _runs(before: Snapshot, after: Snapshot) -> _Found:
    was, now = before.runs.value, after.runs.value
    if was is None or now is None or was is now:
        return
    old = {run.run_id: run.status for run in was.runs}
    newest = max((run.created_at or 0.0 for run in was.runs), default=0.0)
    for run in reversed(now.runs):
        known = old.get(run.run_id)
        # An older run that comes into view, because others went, is no news.
        if known is None and (run.created_at or 0.0) < newest:
            continue
        if run.status.finished and known is not run.status:
            yield _ENDED[run.status], f"{_run(run)} {run.status.lower()}"
        elif known is None:
            yield Tone.ACCENT, f"{_run(run)} began"


def _run(run: Run) -> str:
    return f"run {formats.short(run.run_id)}"


def _models(before: Snapshot, after: Snapshot) -> _Found:
    if before.models.value is None or before.models.value is after.models.value:
        return
    old = {(v.name, v.version, v.run_id): v for v in before.models.value}
    newest = max((v.created_at for v in before.models.value), default=0.0)
    for version in after.models.value or ():
        was = old.get((version.name, version.version, version.run_id))
        title = f"{version.name} v{version.version}"
        if was is None:
            if version.created_at >= newest:
                yield Tone.ACCENT, f"{title} registered"
            continue
        state = version.tags.get("approval_state", "")
        if state != was.tags.get("approval_state", ""):
            yield Tone.BAD if state == "rejected" else Tone.OK, f"{title} {state or 'has no approval state'}"
        for alias in sorted(set(version.aliases) - set(was.aliases)):
            yield Tone.OK, f"{title} is @{alias}"


def _trail(before: Snapshot, after: Snapshot) -> _Found:
    was, now = before.audit.value, after.audit.value
    if was is not None and now is not None and was.intact != now.intact:
        yield (Tone.OK, "audit trail intact") if now.intact else (Tone.BAD, "audit trail broken")


def _drift(before: Snapshot, after: Snapshot) -> _Found:
    if before.drift.value is None or before.drift.value is after.drift.value:
        return
    old = {report.model: report.detected for report in before.drift.value}
    for report in after.drift.value or ():
        if old.get(report.model, report.detected) != report.detected:
            data = f"data of {report.model}" if len(old) > 1 else "data"
            yield (Tone.BAD, f"{data} drifted") if report.detected else (Tone.OK, f"{data} stable")


def _alerts(before: Snapshot, after: Snapshot) -> _Found:
    if before.alerts.value is None or after.alerts.value is None or before.alerts.value == after.alerts.value:
        return
    old = {(a.name, tuple(sorted(a.labels.items()))): a.state for a in before.alerts.value}
    new = {(a.name, tuple(sorted(a.labels.items()))): a.state for a in after.alerts.value}
    for key, state in new.items():
        if old.get(key) != state:
            yield Tone.BAD if state == "firing" else Tone.WARN, f"alert {key[0]} {state}"
    for key in old:
        if key not in new:
            yield Tone.OK, f"alert {key[0]} over"
