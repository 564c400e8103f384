"""Who needs whom among the services, and what is down because of what."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from lab.base.catalogue import BY_NAME, Service
from lab.base.dependencies import Node, causes, needed_by, tree
from lab.observe.snapshot import TARGETS_DOWN, Health, ServiceState
from lab.views import formats
from lab.views.cells import Cell, Column, Line, PanelState, PanelView, Row, Span, Tone, cell
from lab.views.view import View, note, standing_of

COLUMNS = (
    Column("name", "service", 1, 24, 44),
    Column("state", "state", 1, 10),
    Column("because", "because", 2, 12, 70),
)
_OUT = {Health.DOWN, Health.DEGRADED, Health.STARTING}


def down_because(states: Iterable[ServiceState]) -> Mapping[str, tuple[Service, ...]]:
    """The services that aren't up for want of another one, which isn't running at all: each with those causes."""
    known = {state.name: state for state in states}
    out = [name for name, state in known.items() if state.health is Health.DOWN and name in BY_NAME]
    found = {name: causes(Service(name), out) for name, state in known.items() if _is_out(state)}
    found = {name: because for name, because in found.items() if because}
    # One that is starting can't be asked either.
    away = [name for name, state in known.items() if state.health in _OUT and name != Service.PROMETHEUS]
    if watched := _watched(known.get(Service.PROMETHEUS), away):
        roots = [cause for name in watched for cause in found.get(name, (Service(name),))]
        found[Service.PROMETHEUS] = tuple(dict.fromkeys(roots))
    return found


def _watched(state: ServiceState | None, out: Collection[str]) -> Sequence[str]:
    """The targets that Prometheus misses, where it misses nothing but services that are out."""
    if state is None or state.health is not Health.DEGRADED or not state.reason.startswith(TARGETS_DOWN):
        return ()
    names = state.reason.removeprefix(TARGETS_DOWN).rstrip(".").split(", ")
    return names if all(name in BY_NAME and name in out for name in names) else ()


def _is_out(state: ServiceState) -> bool:
    """Not up by itself: what a person stopped is down because of that person."""
    return state.health in _OUT and not state.stopped and state.name in BY_NAME


def dependencies(name: str, view: View) -> PanelView:
    """Every service under what it needs; `name` is the one that is looked at."""
    if not view.snapshot.services.value:
        return PanelView("Needs", state=PanelState.WAITING, message=note("waiting for the first answer …"))
    known = {state.name: state for state in view.snapshot.services.value}
    because = down_because(known.values())
    rows = tuple(_row(node, known, because, name) for node in tree() if node.service in known)
    causes_ = {one for found in because.values() for one in found}
    status: Line = (Span("each stands under what it needs", Tone.MUTED),)
    if because:
        names = ", ".join(BY_NAME[one].title for one in BY_NAME if one in causes_)
        status = (Span(f"▲ {len(because)} not up because of {names}", Tone.WARN),)
    return PanelView("Needs", status, columns=COLUMNS, rows=rows)


def _row(node: Node, known: Mapping[str, ServiceState], because: Mapping[str, tuple[Service, ...]], chosen: str) -> Row:
    state = known[node.service]
    mark, word, tone = standing_of(state)
    branch = "".join("   " if ended else "│  " for ended in node.last[:-1])
    branch += ("└─ " if node.last[-1] else "├─ ") if node.last else ""
    title = Span(formats.clean(state.title), Tone.STRONG if state.name == chosen else Tone.PLAIN)
    here = (Span(" ◂", Tone.ACCENT),) if state.name == chosen else ()
    cells = {
        "name": Cell((Span(branch, Tone.MUTED), title, *here)),
        "state": Cell((mark, Span(f" {word}", tone))),
        "because": cell(_because(state, because), Tone.MUTED),
    }
    # One that stands twice has a row for each place.
    return Row(f"{node.service}/{'/'.join(str(int(one)) for one in node.last)}", cells)


def _because(state: ServiceState, because: Mapping[str, tuple[Service, ...]]) -> str:
    return for_want_of(state.name, because) or (formats.clean(state.reason) if state.health is not Health.UP else "")


def for_want_of(name: str, because: Mapping[str, tuple[Service, ...]]) -> str:
    """`needs PostgreSQL`: why a service isn't up, where another one is the cause; else empty."""
    found = because.get(name, ())
    word = "for want of" if name == Service.PROMETHEUS else "needs"
    return f"{word} {', '.join(BY_NAME[one].title for one in found)}" if found else ""


def service_of_row(key: str) -> str:
    """The service of a row of the tree."""
    return key.partition("/")[0]


def stop_lines(name: str, view: View) -> tuple[str, ...]:
    """What else happens when the service is stopped: who can't work without it, and which runs may end."""
    if name not in BY_NAME:
        return ()
    states = {state.name: state for state in view.snapshot.services.value or ()}
    others = [one for one in needed_by(Service(name)) if one in states and states[one].health in {Health.UP, *_OUT}]
    lines = []
    if others:
        lines.append(f"Without it these don't work: {', '.join(BY_NAME[one].title for one in others)}.")
    listed = view.snapshot.runs.value.runs if view.snapshot.runs.value else ()
    running = [formats.short(run.run_id) for run in listed if not run.status.finished]
    if running and Service(name) in _RUNS_NEED:
        lines.append(f"Runs under way: {', '.join(running)}. They end, or fail.")
    return (*lines, "Its alert fires meanwhile.") if Service(name) is not Service.GRAFANA else tuple(lines)


_RUNS_NEED = {Service.DAGSTER_DAEMON, Service.POSTGRES, Service.OBJECT_STORE, Service.MLFLOW}
