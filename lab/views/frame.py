"""Header and banner."""

from collections.abc import Sequence

from lab.base.catalogue import BEING_STARTED, NEVER_STARTED
from lab.observe.snapshot import REMOTE, Health, ServiceState, SliceState, Snapshot
from lab.views import formats
from lab.views.by_model import narrowed
from lab.views.cells import Line, Span, Tone, clip, width_of
from lab.views.needs import needs, worst
from lab.views.view import STOPPED, View, health_mark, health_tone, marked

_BETWEEN = Span(" · ", Tone.MUTED)
_Part = tuple[int, Line]


def title_line(view: View, width: int) -> Line:
    """The header in `width` cells: parts of greater rank go first when there is no room."""
    left, right = _left(view), _right(view)
    ranks = sorted({rank for rank, _ in (*left, *right)}, reverse=True)
    for limit in ranks:
        ours, theirs = _join(left, limit), _join(right, limit)
        gap = width - width_of(ours) - width_of(theirs)
        if gap >= 2:
            return (*ours, Span(" " * gap), *theirs)
    return clip(_join(left, 1), width)


def _join(parts: Sequence[_Part], limit: int) -> Line:
    spans: list[Span] = []
    for rank, line in parts:
        if rank <= limit:
            spans += [_BETWEEN, *line] if spans else line
    return tuple(spans)


def standing(view: View) -> tuple[Span, str, Tone]:
    """How the lab is: a shape, words, and their tone."""
    health = view.snapshot.overall
    known = view.snapshot.services.value or ()
    waiting = view.snapshot.services.state is SliceState.WAITING
    word = "connecting" if waiting else "not up" if view.lab_down else str(health)
    mark, tone = health_mark(health), health_tone(health)
    if view.taken_down:
        return Span(*STOPPED), "taken down", STOPPED[1]
    if view.never_started:
        return Span("○", Tone.MUTED), NEVER_STARTED, Tone.MUTED
    stopped = sum(one.stopped for one in known)
    if stopped and not view.lab_down and _only_stopped(known):
        mark, tone = Span(*STOPPED), STOPPED[1]
        word = f"up, {stopped} stopped"
    if health is Health.UP and (found := needs(narrowed(view))):
        # Everything runs, and still something waits for a person: that isn't green.
        mark, tone = Span("▲", worst(found)), worst(found)
        word = f"up, {len(found)} need{'s' if len(found) == 1 else ''} you"
    return mark, word, tone


def _left(view: View) -> tuple[_Part, ...]:
    lab = view.snapshot.lab
    mark, word, tone = standing(view)
    parts: tuple[_Part, ...] = (
        (1, (Span(formats.clean(lab.name) or "mlops-lab", Tone.STRONG),)),
        (1, (mark, Span(f" {word}", tone))),
        (1, (Span(f"only {formats.clean(view.model)}", Tone.ACCENT),) if view.model else ()),
        (3, (Span(formats.clean(lab.environment), Tone.ACCENT),)),
        (4, (Span(formats.clean(lab.role)),)),
        (6, (Span(formats.clean(lab.owner), Tone.MUTED),)),
        (7, (Span(formats.clean(lab.runtime), Tone.MUTED),)),
        (5, (Span("read-only", Tone.WARN),) if view.readonly else ()),
        (2, (Span("● recording", Tone.BAD),) if view.recording else ()),
    )
    return tuple((rank, line) for rank, line in parts if any(span.text for span in line))


def _only_stopped(services: Sequence[ServiceState]) -> bool:
    """Whether nothing is amiss but what a person stopped, and that Prometheus misses it."""
    # Imported with the first answer: before the first paint that would cost time.
    from lab.views.details.dependency_views import down_because

    because = down_because(services)
    return all(
        one.stopped
        or one.optional
        or one.overdue
        or one.health is Health.UP
        or (one.health is Health.DEGRADED and one.name in because)
        for one in services
    )


def _right(view: View) -> tuple[_Part, ...]:
    taken = newest(view.snapshot)
    old = None if taken is None else max(0.0, view.epoch - taken)
    late = old is not None and old > 3 * view.interval_s + 2
    age = Span(f"▲ data {formats.age(old)} old", Tone.WARN) if late else Span(f"data {formats.age(old)}", Tone.MUTED)
    return ((2, (age,)), (3, (Span(view.now.strftime("%H:%M:%S"), Tone.PLAIN),)))


def newest(snapshot: Snapshot) -> float | None:
    """When any source last answered (epoch seconds)."""
    parts = (snapshot.services, snapshot.runs, snapshot.models, snapshot.audit, snapshot.drift, snapshot.alerts)
    return max((part.fetched_at for part in parts if part.fetched_at is not None), default=None)


def banner(view: View, screen: bool = True) -> Line:
    """One line under the header when something needs a person; empty otherwise. Without a `screen` it is only said."""
    if view.trouble:
        return (Span("✗ ", Tone.BAD), *marked(formats.clean(view.trouble)))
    if view.being_started:
        return (Span("◐ The lab is being started: ", Tone.STRONG), *marked(_how_far(view)))
    if view.lab_down:
        return (Span(_what_is_down(view), Tone.STRONG), *marked(_how_to_start(view, screen)))
    return ()


def _how_far(view: View) -> str:
    """How many services are up; before the first begins, why that takes its time."""
    there = [one for one in view.snapshot.services.value or () if one.health is not Health.ABSENT]
    up = sum(one.health is Health.UP for one in there)
    if all(one.reason == BEING_STARTED for one in there):
        return f"what its services need is being prepared; {up} of {len(there)} are up."
    return f"{up} of {len(there)} services are up."


def _what_is_down(view: View) -> str:
    if view.never_started:
        return f"○ The lab {formats.clean(view.snapshot.lab.name)} was never started. "
    by = formats.clean(view.taken_down)
    return f"{STOPPED[0]} {by[:1].upper()}{by[1:]}. " if by else "○ The lab isn't up. "


def _how_to_start(view: View, screen: bool) -> str:
    lab = view.snapshot.lab
    hint, joint = "Type `invoke up`", ""
    if lab.runtime == REMOTE:
        hint = f"Start it on {formats.clean(lab.name)}, and see that its ports reach here"
    elif screen and not view.readonly:
        joint = f", or `{view.key('palette', ':')}` here"
    return f"{hint}{joint}; this screen connects by itself." if screen else f"{hint}."
