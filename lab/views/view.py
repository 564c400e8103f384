"""What all panels share: the view of a moment, and how a source's state becomes a panel's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from lab.base.catalogue import BY_NAME, NEVER_STARTED, TAKEN_DOWN, UNSEEN
from lab.base.runs import RunStatus
from lab.governance.ledger import Entry, Status
from lab.observe.snapshot import NEEDS, Health, ServiceState, Slice, SliceState, Snapshot
from lab.views import formats
from lab.views.cells import Line, PanelState, PanelView, Span, Tone
from lab.views.jobs import Jobs
from lab.views.probe_history import History

T = TypeVar("T")

_HEALTH: dict[Health, tuple[str, Tone]] = {
    Health.UP: ("●", Tone.OK),
    Health.STARTING: ("◐", Tone.WARN),
    Health.DEGRADED: ("▲", Tone.WARN),
    Health.DOWN: ("✗", Tone.BAD),
    Health.ABSENT: ("○", Tone.MUTED),
}
LEDGER_STATUS: dict[Status, tuple[str, Tone]] = {
    Status.STARTED: ("▶", Tone.MUTED),
    Status.SUCCESS: ("✓", Tone.OK),
    Status.FAILURE: ("✗", Tone.BAD),
    Status.BLOCKED: ("⊘", Tone.WARN),
    Status.REQUESTED: ("◐", Tone.WARN),
    Status.APPROVED: ("✓", Tone.OK),
    Status.REJECTED: ("✗", Tone.BAD),
    Status.PROMOTED: ("★", Tone.OK),
    Status.ARCHIVED: ("○", Tone.MUTED),
    Status.REFUSED: ("⊘", Tone.WARN),
}
STOPPED = ("■", Tone.ACCENT)
_CANCELED = ("■", Tone.MUTED)
# What ends a step of a run that is canceled begins so, in the reason that its entry gives.
_INTERRUPTION = "DagsterExecutionInterrupted"
# What claims something and doesn't prove it: nothing acts on it, whatever its status says.
UNCOUNTED = ("∅", Tone.BAD)


@dataclass(frozen=True)
class View:
    """A snapshot, what was seen before it, and the local time at which it is shown."""

    snapshot: Snapshot
    now: datetime
    history: History = field(default_factory=History)
    interval_s: float = 2.0
    readonly: bool = False
    trouble: str = ""
    recording: str = ""
    jobs: Jobs = field(default_factory=Jobs)
    # The one model that the panels are narrowed to; empty for all.
    model: str = ""
    # The keys that a person has set, by name, as they are called on screen.
    keys: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def several(self) -> bool:
        """Whether there is more than one model, so that the screen must say which one is meant."""
        return len(known_models(self.snapshot)) > 1

    @property
    def epoch(self) -> float:
        return self.now.timestamp()

    @property
    def lab_down(self) -> bool:
        """Whether the lab isn't up at all, so that one hint helps more than five errors."""
        return lab_is_down(self.snapshot)

    @property
    def taken_down(self) -> str:
        """Who took the lab down and when, in words; empty where it is up, or down for another reason."""
        return taken_down(self.snapshot)

    @property
    def never_started(self) -> bool:
        """Whether the lab never was up, so that nothing of it can have failed."""
        return self.lab_down and any(one.reason == NEVER_STARTED for one in self.snapshot.services.value or ())

    @property
    def being_started(self) -> bool:
        """Whether a command brings the whole lab up."""
        return being_started(self.snapshot)

    def key(self, name: str, usual: str) -> str:
        """How the key of that name is called now; `usual` where nobody set another."""
        return self.keys.get(name, usual)

    def service_url(self, name: str) -> str:
        """The URL of a service, empty when it is unknown or not installed."""
        return next((page_url(s) for s in self.snapshot.services.value or () if s.name == name), "")


def known_models(snapshot: Snapshot) -> set[str]:
    """Every model that the lab has a folder, a version or a drift report of."""
    found = {one.name for one in snapshot.lab.models}
    found |= {version.name for version in snapshot.models.value or ()}
    return found | {report.model for report in snapshot.drift.value or () if report.model}


def is_uncounted(entry: Entry, view: View) -> bool:
    """Whether an audit entry is known not to count."""
    audit = view.snapshot.audit.value
    return audit is not None and (entry.seq in audit.uncounted or entry.seq in audit.overtaken)


def is_overtaken(entry: Entry, view: View) -> bool:
    """Whether an audit entry is a decision that lost a race."""
    audit = view.snapshot.audit.value
    return audit is not None and entry.seq in audit.overtaken


def is_probe(entry: Entry, view: View) -> bool:
    """Whether a verification wrote the entry to show that it doesn't count."""
    audit = view.snapshot.audit.value
    return audit is not None and entry.seq in audit.probes


def was_stopped(entry: Entry, view: View) -> bool:
    """Whether an audit entry is the end of a step whose run somebody canceled."""
    if entry.status is not Status.FAILURE:
        return False
    runs = view.snapshot.runs.value
    run = next((one for one in runs.runs if one.run_id == entry.run_id), None) if runs else None
    if run is not None:
        return run.status is RunStatus.CANCELED
    return str(entry.details.get("reason", "")).startswith(_INTERRUPTION)


def ledger_mark(entry: Entry, view: View) -> tuple[str, Tone]:
    """Shape and colour of an audit entry's status; the word stands beside it."""
    if not is_uncounted(entry, view):
        return _CANCELED if was_stopped(entry, view) else LEDGER_STATUS[entry.status]
    harmless = is_probe(entry, view) or is_overtaken(entry, view)
    return (UNCOUNTED[0], Tone.MUTED) if harmless else UNCOUNTED


def page_url(state: ServiceState) -> str:
    """Where the service would be found; empty when it isn't installed."""
    return "" if state.health is Health.ABSENT else state.url


def lab_is_down(snapshot: Snapshot) -> bool:
    """Whether no service that the lab needs is up or starting, and nothing else answers either."""
    others = (snapshot.runs, snapshot.models, snapshot.audit, snapshot.drift, snapshot.alerts)
    if snapshot.services.state is SliceState.WAITING or any(part.state is SliceState.OK for part in others):
        return False
    needed = (service.health for service in snapshot.services.value or () if not service.optional)
    return not any(health in {Health.UP, Health.STARTING} for health in needed)


def taken_down(snapshot: Snapshot) -> str:
    """`taken down by ada at 14:03`, where nothing of the lab runs because a person wanted that; else empty."""
    out = [one for one in snapshot.services.value or () if one.health is not Health.ABSENT]
    deliberate = bool(out) and all(one.stopped for one in out) and lab_is_down(snapshot)
    return next((one.reason for one in out if one.reason.startswith(TAKEN_DOWN)), "") if deliberate else ""


def being_started(snapshot: Snapshot) -> bool:
    """Whether a command brings up every service that doesn't fail, and hasn't got to the end."""
    needed = [one for one in snapshot.services.value or () if not one.optional]
    awaited = [one for one in needed if one.awaited]
    return len(awaited) > len(needed) / 2 and any(one.health is Health.STARTING for one in awaited)


def health_mark(health: Health) -> Span:
    """Shape and colour of a state; the word stands beside it."""
    glyph, tone = _HEALTH[health]
    return Span(glyph, tone)


def health_tone(health: Health) -> Tone:
    return _HEALTH[health][1]


def standing_of(state: ServiceState) -> tuple[Span, str, Tone]:
    """Shape, word and colour of a service: one that a person stopped isn't one that failed."""
    if state.stopped:
        return Span(*STOPPED), "stopped", STOPPED[1]
    if state.reason == NEVER_STARTED and state.health is Health.DOWN:
        return Span("○", Tone.MUTED), "not yet", Tone.MUTED
    if state.overdue:
        return health_mark(state.health), "slow", health_tone(state.health)
    return health_mark(state.health), str(state.health), health_tone(state.health)


def source_panel(title: str, part: Slice[T], view: View, empty: str, fill: Callable[[T], PanelView]) -> PanelView:
    """A panel in the state of its source: waiting, failed, stale, empty, or as `fill` makes it."""
    state = part.state
    if part.value is None:
        if state is SliceState.WAITING:
            return PanelView(
                title,
                (Span("waiting", Tone.MUTED),),
                PanelState.WAITING,
                message=note("waiting for the first answer …"),
            )
        return _failed(title, part, view)
    panel = replace(fill(part.value), title=title)
    if not panel.rows and not panel.message:
        panel = replace(panel, message=note(*empty.split("\n")))
    if state is SliceState.STALE:
        if view.taken_down:
            # Nothing is amiss: this is how it was when the lab was taken down.
            then = Span(f"as it was {formats.age(part.age(view.epoch))} ago", Tone.MUTED)
            return replace(panel, state=PanelState.PAST, status=(then,))
        old = Span(f"stale {formats.age(part.age(view.epoch))}", Tone.WARN)
        why = Span(f" · {formats.clean(part.error)}", Tone.MUTED)
        return replace(panel, state=PanelState.STALE, status=(old, why))
    return panel if panel.rows else replace(panel, state=PanelState.EMPTY)


def _failed(title: str, part: Slice[T], view: View) -> PanelView:
    error = part.error
    if waiting := awaited_for(part, view):
        return PanelView(title, (Span("waiting", Tone.MUTED),), PanelState.WAITING, message=note(waiting))
    if view.lab_down:
        message = note("no answer: the lab isn't up")
        return PanelView(title, (Span("not up", Tone.MUTED),), PanelState.WAITING, message=message)
    if UNSEEN in error:
        return PanelView(
            title, (Span("out of sight", Tone.MUTED),), PanelState.WAITING, message=note(formats.clean(error))
        )
    message = ((Span("✗ no answer yet", Tone.BAD),), (Span(formats.clean(error), Tone.PLAIN),))
    return PanelView(title, (Span("failed", Tone.BAD),), PanelState.FAILED, message=message)


def awaited_for(part: Slice[T], view: View) -> str:
    """What the part waits for, where nothing is known to have failed; else empty."""
    services = view.snapshot.services
    if services.state is SliceState.WAITING:
        return formats.clean(part.error)
    needed = next((service for name, service in NEEDS.items() if getattr(view.snapshot, name) is part), None)
    state = next((one for one in services.value or () if one.name == needed), None)
    return f"{BY_NAME[needed].title} is starting …" if needed and state and state.awaited else ""


def note(*lines: str) -> tuple[Line, ...]:
    """Quiet lines; what stands in backquotes is a command and stands out."""
    return tuple(marked(line) for line in lines)


def marked(line: str) -> Line:
    parts = line.split("`")
    return tuple(Span(text, Tone.ACCENT if index % 2 else Tone.MUTED) for index, text in enumerate(parts) if text)
