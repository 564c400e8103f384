"""What needs a person, in the order in which to look at it: each belongs to a row of a panel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from lab.base.alerts import Alert
from lab.base.model_versions import ModelVersion
from lab.observe.snapshot import Health, Snapshot
from lab.views import formats
from lab.views.audit_panel import is_running
from lab.views.cells import Line, Span, Tone, clip, width_of
from lab.views.drift_panel import alert_key, by_urgency
from lab.views.same import Same
from lab.views.view import View, is_probe, standing_of
from lab.views.waiting import awaits_approval, deciders, is_yours

# So much of one must be seen, or its number is enough.
_LEAST_PIECE = 18
# Cells of a reason: of two needs on a usual line, the second is seen, too.
_LONGEST_REASON = 48
_GRAVITY = (Tone.ACCENT, Tone.WARN, Tone.BAD)
# The alert that says of one model what the drift panel says.
DRIFT_ALERT = "DataDriftDetected"


@dataclass(frozen=True)
class Need:
    """One thing; `key` is its row in the panel `part`, `said` what it is in a few words."""

    part: str
    key: str
    said: str
    glyph: str
    tone: Tone
    # Whether nobody else will do it.
    yours: bool = False


def needs(view: View) -> tuple[Need, ...]:
    """Everything that needs a person now; nothing of a lab that isn't up, which needs only that."""
    return _needs(Same(view.snapshot))


# Asked at every second, and by several places, of the newest snapshot of each lab. Time changes nothing of it.
@lru_cache(maxsize=16)
def _needs(of: Same[Snapshot]) -> tuple[Need, ...]:
    view = View(of.value, datetime.fromtimestamp(0, UTC))
    if view.lab_down:
        return ()
    found = (_services, _alerts, _trail, _drift, _broken, _versions, _unfinished)
    # What only this person can do stands behind failures, and before what others look after as well.
    return tuple(sorted((need for one in found for need in one(view)), key=lambda n: (n.tone != Tone.BAD, not n.yours)))


def worst(found: tuple[Need, ...]) -> Tone:
    """The gravest tone among them."""
    return max((need.tone for need in found), key=_GRAVITY.index, default=Tone.OK)


def _services(view: View) -> Iterator[Need]:
    """One for each cause: what is down because of another service is counted there."""
    found = [
        one
        for one in view.snapshot.services.value or ()
        if one.health in {Health.DOWN, Health.DEGRADED}
        and not (one.health is Health.DEGRADED and (one.optional or one.overdue))
    ]
    if not found:
        return
    # Imported with the first of them: before the first paint that would cost time.
    from lab.views.details.dependency_views import down_because

    because = down_because(view.snapshot.services.value or ())
    # What somebody stopped is no trouble by itself; what fails for want of it is.
    for service in sorted((one for one in found if one.name not in because), key=lambda one: one.stopped):
        mark, word, tone = standing_of(service)
        # That Prometheus misses it is no effect of its own.
        effects = sum(service.name in because.get(one.name, ()) for one in found if one.health is Health.DOWN)
        more = f" (+{effects} because of it)" if effects else ""
        said = f"{formats.clean(service.title)} {word}{more}"
        tone = max(tone, Tone.WARN if effects else tone, key=_GRAVITY.index)
        yield Need("services", service.name, said, mark.text, tone)


def _alerts(view: View) -> Iterator[Need]:
    """One for each name; not those about what is named already, or a service that is just being brought up."""
    down = {
        one.name
        for one in view.snapshot.services.value or ()
        if (one.health is Health.DOWN and not one.stopped) or (one.awaited and one.health is Health.STARTING)
    }
    drifted = {one.model for one in view.snapshot.drift.value or () if one.detected}
    alike: dict[str, list[Alert]] = {}
    for alert in by_urgency(view.snapshot.alerts.value or ()):
        told = alert.labels.get("service") in down or (
            alert.name == DRIFT_ALERT and alert.labels.get("model") in drifted
        )
        if alert.state == "firing" and not told:
            alike.setdefault(alert.name, []).append(alert)
    for name, alerts in alike.items():
        tone = Tone.BAD if any(one.severity == "critical" for one in alerts) else Tone.WARN
        more = f" (+{len(alerts) - 1})" if len(alerts) > 1 else ""
        yield Need("drift", alert_key(alerts[0]), f"alert {formats.clean(name)}{more}", "▲", tone)


def _trail(view: View) -> Iterator[Need]:
    audit = view.snapshot.audit.value
    if audit is None:
        return
    if audit.faults:
        yield Need("audit", str(audit.faults[0].seq), "audit chain broken", "✗", Tone.BAD)
    forged = [e for e in audit.entries if e.seq in audit.uncounted and not is_probe(e, view)]
    if forged:
        yield Need("audit", str(forged[0].seq), f"#{forged[0].seq} {forged[0].status} without proof", "∅", Tone.BAD)


def _drift(view: View) -> Iterator[Need]:
    many = view.several
    for report in view.snapshot.drift.value or ():
        if report.detected:
            key = f"model/{report.model}" if many else f"feature/{report.model}/{report.drifted[0]}"
            said = f"data of {formats.clean(report.model)} drifted" if many else "data drifted"
            yield Need("drift", key, said, "✗", Tone.WARN)


def _broken(view: View) -> Iterator[Need]:
    """Models that can't be trained, once there is a list with their rows."""
    if view.snapshot.models.value is not None:
        for one in view.snapshot.lab.models:
            if one.problem:
                said = f"{formats.clean(one.name)} can't be trained: {_brief(one.problem)}"
                yield Need("models", f"{one.name}/", said, "✗", Tone.WARN)


def _brief(problem: str) -> str:
    """What is wrong; what to do stands in its row."""
    first = problem.strip().partition("\n")[0].partition(". ")[0].removesuffix(".")
    return "".join(span.text for span in clip((Span(formats.clean(first)),), _LONGEST_REASON))


def _versions(view: View) -> Iterator[Need]:
    """One for each model: its newest version that waits; yours first."""
    waiting: dict[str, list[ModelVersion]] = {}
    for version in view.snapshot.models.value or ():
        if awaits_approval(version):
            waiting.setdefault(version.name, []).append(version)
    lab, many = view.snapshot.lab, view.several
    found = []
    for model, versions in waiting.items():
        first = min(versions, key=lambda one: not is_yours(one, lab))
        yours = is_yours(first, lab)
        name = f"v{formats.clean(first.version)}"
        more = f" (+{len(versions) - 1})" if len(versions) > 1 else ""
        who = deciders(first, lab).partition(",")[0]
        whose = "your approval" if yours else f"approval by {who}" if who else "approval"
        # What is to be done stands before a model's name, which may be long: a narrow line is cut at its end.
        by = f" by {who}" if who and not yours else ""
        asked = f"{'your ' if yours else ''}approval of {formats.clean(model)} {name}{by}{more}"
        said = asked if many else f"{name} awaits {whose}{more}"
        need = Need("models", f"{model}/{first.version}", said, "◐", Tone.WARN if yours else Tone.ACCENT, yours)
        found.append((not yours, need))
    yield from (need for _, need in sorted(found, key=lambda one: one[0]))


def _unfinished(view: View) -> Iterator[Need]:
    audit = view.snapshot.audit.value
    left = [entry for entry in audit.unfinished if not is_running(entry, view)] if audit else []
    if left:
        more = f" (+{len(left) - 1})" if len(left) > 1 else ""
        said = f"{formats.clean(left[0].action)} #{left[0].seq} has no end{more}"
        yield Need("audit", str(left[0].seq), said, "▲", Tone.WARN)


def strip(found: tuple[Need, ...], at: int, width: int, key: str = "!") -> tuple[Line, list[tuple[int, int, int]]]:
    """As many as fit into `width` from number `at` on, which is marked when it isn't negative; the last one is cut.

    With each one's place: first cell, cell after the last, number. `key` goes through them.
    """
    spans: list[Span] = [Span(f"{key} {len(found)} need{'s' if len(found) == 1 else ''} you ", Tone.STRONG)]
    places: list[tuple[int, int, int]] = []
    for turn in range(len(found)):
        number, left = (max(at, 0) + turn) % len(found), len(found) - turn - 1
        piece, begin = _piece(found[number], number == at), width_of(spans)
        after = f"  +{left}" if left else ""
        room = width - begin - len(after)
        if cut := width_of(piece) > room:
            # A part of it says more than a number, where that is more than its beginning.
            if places and room < _LEAST_PIECE:
                return (*spans, Span(f"  +{left + 1}", Tone.MUTED)), places
            piece = clip(piece, room)
        spans += piece
        places.append((begin, width_of(spans), number))
        if cut:
            return (*spans, Span(after, Tone.MUTED)) if after else tuple(spans), places
    return tuple(spans), places


def _piece(need: Need, chosen: bool) -> Line:
    said = Span(need.said, Tone.STRONG if chosen else Tone.PLAIN)
    return Span(f"{' ▸' if chosen else '  '}{need.glyph} ", need.tone), said
