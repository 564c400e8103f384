"""The services panel."""

from collections.abc import Iterable
from dataclasses import replace

from lab.base.catalogue import BEING_STARTED, NEVER_STARTED, landing
from lab.observe.snapshot import Health, ServiceState
from lab.views import formats
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, cell
from lab.views.document import Detail, browsable, field_line, heading, text
from lab.views.view import View, health_mark, health_tone, marked, page_url, source_panel, standing_of

TREND = 8
# The least differences that fill a trend's height: cores, bytes.
CPU_FLOOR, MEMORY_FLOOR = 0.1, 32 << 20
COLUMNS = (
    Column("name", "service", 1, 23, 26),
    Column("state", "state", 2, 6),
    Column("cpu", "cpu", 3, 4, right=True),
    Column("cpu trend", "", 5, TREND, TREND),
    Column("memory", "mem", 4, 5, right=True),
    Column("memory trend", "", 9, TREND, TREND),
    Column("uptime", "up", 6, 4, right=True),
    Column("restarts", "↻", 7, 3, right=True),
    Column("latency", "probe", 10, 5, right=True),
    Column("url", "url", 8, 22, 30),
)
# Where something is amiss, why is worth more than the end of a name.
WITH_REASONS = (replace(COLUMNS[0], least=15), replace(COLUMNS[1], least=8), *COLUMNS[2:])


def panel(view: View) -> PanelView:
    """The services by their deep probes."""
    return source_panel("Services", view.snapshot.services, view, "No service is known.", lambda v: _services(v, view))


def _services(states: tuple[ServiceState, ...], view: View) -> PanelView:
    # Imported with the first answer: before the first paint that would cost time.
    from lab.views.details.dependency_views import down_because, for_want_of

    there = [s for s in states if s.health is not Health.ABSENT]
    up = sum(s.health is Health.UP for s in there)
    memory, spent = sum(s.memory_bytes or 0 for s in states), [s.cpu for s in states if s.cpu is not None]
    quiet = view.taken_down or view.never_started
    tone = Tone.OK if up == len(there) else Tone.MUTED if quiet else Tone.WARN
    status: Line = (Span(f"{up}/{len(there)} up", tone),)
    unwell = {Health.DOWN, Health.DEGRADED, Health.STARTING}
    because = {} if view.never_started else down_because(states)
    # A cause matters more than what follows from it, and a failure more than what somebody stopped.
    reasons = sorted(
        (s for s in states if s.health in unwell and s.reason), key=lambda s: (s.name in because, s.stopped)
    )
    troubled = next(iter(reasons), None)
    if troubled and not (view.lab_down or view.being_started):
        title, reason = formats.clean(troubled.title), formats.clean(troubled.reason)
        said = reason if reason.startswith(title) else f"{title}: {reason}"
        status = (*status, Span(f" · {said}", Tone.MUTED))
    elif memory:
        used = f" · {formats.cores(sum(spent))} cpu" if spent else ""
        status = (*status, Span(f"{used} · {formats.size(memory)}", Tone.MUTED))
    rows = tuple(_service(s, for_want_of(s.name, because), view) for s in states)
    columns = WITH_REASONS if any(s.health in unwell for s in states) else COLUMNS
    return PanelView("", status, columns=columns, rows=rows)


def _service(state: ServiceState, cause: str, view: View) -> Row:
    mark, word, tone = standing_of(state)
    quiet = Tone.MUTED if state.health is Health.ABSENT else Tone.PLAIN
    used = view.history.usage_of(state.name) if state.measured_at is not None else ()
    cells = {
        "name": Cell((mark, Span(f" {formats.clean(state.title)}", quiet))),
        "state": cell(word, tone),
        "cpu": Cell((Span(formats.cores(state.cpu)),), order=state.cpu),
        "cpu trend": cell(formats.sparkline([u.cpu for u in used if u.cpu is not None], TREND, CPU_FLOOR), Tone.MUTED),
        "memory": Cell((Span(formats.size(state.memory_bytes), Tone.MUTED),), order=state.memory_bytes),
        "memory trend": cell(
            formats.sparkline([u.memory for u in used if u.memory is not None], TREND, MEMORY_FLOOR), Tone.MUTED
        ),
        "uptime": cell(formats.age(state.uptime_s), Tone.MUTED),
        "restarts": _restarts(state.restarts),
        "latency": cell(formats.latency(state.latency_s), Tone.MUTED),
        "url": cell(formats.clean(state.url), Tone.MUTED),
    }
    spill = None
    said = cause or state.reason or state.remedy
    # Of a lab that was never started the state says it.
    if state.health is not Health.UP and said and said != NEVER_STARTED:
        # What waits for its turn is starting, and needn't say both where there is hardly room for one.
        before = "" if said == BEING_STARTED else f"{word} "
        spill = ("state", Cell((Span(before, tone), Span(_brief(said, state), quiet))))
    return Row(state.name, cells, spill)


def _brief(said: str, state: ServiceState) -> str:
    """A reason beside the service's name and state, which needn't say either again."""
    reason, name = formats.clean(said), formats.clean(state.title)
    brief = reason.removeprefix(f"{name} ")
    return brief.removeprefix(f"is {state.health}: ") or reason


def _restarts(count: int | None) -> Cell:
    if not count:
        return cell(formats.NOTHING if count is None else "0", Tone.MUTED)
    return cell(count, Tone.WARN)


def detail(key: str, view: View) -> Detail | None:
    state = next((s for s in view.snapshot.services.value or () if s.name == key), None)
    if state is None:
        return None
    lines = (*_service_fields(state), *_probes(key, view))
    page = browsable(landing(state.name, page_url(state)))
    return Detail(f"Service · {formats.clean(state.title)}", lines, state.url or state.name, page)


def _service_fields(state: ServiceState) -> Iterable[Line]:
    mark, word, tone = standing_of(state)
    yield field_line("state", mark, Span(f" {word}", tone))
    if state.reason:
        yield field_line("reason", text(state.reason))
    if state.remedy:
        yield field_line("remedy", *marked(formats.clean(state.remedy)))
    yield field_line("url", text(state.url))
    yield field_line("latency", Span(formats.latency(state.latency_s)))
    yield field_line("uptime", Span(formats.duration(state.uptime_s)))
    yield field_line("restarts", text(formats.NOTHING if state.restarts is None else state.restarts))
    yield field_line("cpu", Span(formats.cores(state.cpu) + (" of a core" if state.cpu is not None else "")))
    yield field_line("memory", Span(formats.size(state.memory_bytes)))
    yield field_line("process", text(formats.NOTHING if state.pid is None else state.pid))
    if state.container_health:
        yield field_line("container", text(f"{state.container_health} by its own check"))
    if state.image_age_s is not None:
        yield field_line("image", Span(f"made {formats.duration(state.image_age_s)} ago"))
    yield field_line("needed", Span("no: optional" if state.optional else "yes"))


def _probes(name: str, view: View) -> Iterable[Line]:
    probes = view.history.of(name)
    if not probes:
        return
    yield from heading(f"Probes since this screen opened ({len(probes)})")
    known = sorted(p.latency_s for p in probes if p.latency_s is not None)
    yield (Span(formats.sparkline([p.latency_s for p in probes], min(60, len(probes))), Tone.ACCENT),)
    if known:
        middle = known[len(known) // 2]
        figures = " · ".join(
            f"{word} {formats.latency(value)}"
            for word, value in (("least", known[0]), ("median", middle), ("most", known[-1]))
        )
        yield (Span(figures, Tone.MUTED),)
    yield ()
    for probe in reversed(probes[-40:]):
        yield (
            Span(f"{formats.moment(probe.at, view.now)}  ", Tone.MUTED),
            health_mark(probe.health),
            Span(f" {probe.health:<9}", health_tone(probe.health)),
            Span(f"{formats.latency(probe.latency_s):>8}  "),
            Span(formats.clean(probe.reason), Tone.MUTED),
        )
