"""The runs panel."""

from dataclasses import replace
from functools import lru_cache

from lab.base.runs import STEPS, Run, RunStatus, ScheduleState
from lab.governance.ledger import Status
from lab.observe.snapshot import RunsView
from lab.views import formats
from lab.views.by_model import model_of_run
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, cell
from lab.views.document import Detail
from lab.views.same import KEPT, Same
from lab.views.view import View, source_panel
from lab.views.waiting import PROBE

STATUS: dict[RunStatus, tuple[str, str, Tone]] = {
    RunStatus.QUEUED: ("◌", "queued", Tone.MUTED),
    RunStatus.NOT_STARTED: ("◌", "waiting", Tone.MUTED),
    RunStatus.MANAGED: ("◌", "managed", Tone.MUTED),
    RunStatus.STARTING: ("◐", "starting", Tone.ACCENT),
    RunStatus.STARTED: ("▶", "running", Tone.ACCENT),
    RunStatus.SUCCESS: ("✓", "success", Tone.OK),
    RunStatus.FAILURE: ("✗", "failed", Tone.BAD),
    RunStatus.CANCELING: ("■", "stopping", Tone.WARN),
    RunStatus.CANCELED: ("■", "canceled", Tone.MUTED),
}
STEP_MARKS: dict[str, tuple[str, Tone]] = {
    "SUCCESS": ("●", Tone.OK),
    "FAILURE": ("✗", Tone.BAD),
    "IN_PROGRESS": ("◐", Tone.ACCENT),
    "SKIPPED": ("○", Tone.MUTED),
}
COLUMNS = (
    Column("run", "run", 1, 8),
    Column("status", "status", 1, 10),
    Column("steps", "steps", 3, 16, 30),
    Column("took", "took", 2, 5, right=True),
    Column("age", "age", 2, 4, right=True),
    Column("trigger", "trigger", 4, 8, 12),
    Column("role", "role", 5, 11, 14),
    Column("owner", "owner", 6, 16, 26),
    Column("environment", "env", 7, 7),
    Column("job", "job", 8, 20, 24),
)
# Where there are several, whose run it is matters more than how long it took.
OF_MODELS = (
    *COLUMNS[:2],
    Column("model", "model", 2, 8, 20),
    *(replace(one, rank=3) if one.key == "took" else one for one in COLUMNS[2:]),
)
EMPTY = "No run yet.\nStart one with `invoke demo-run`."


def panel(view: View) -> PanelView:
    """The newest runs and the schedule."""
    empty = (
        f"No run of {view.model} among the newest.\nStart one with `invoke train {view.model}`."
        if view.model
        else EMPTY
    )
    return source_panel("Runs", view.snapshot.runs, view, empty, lambda value: _runs(value, view))


def _runs(value: RunsView, view: View) -> PanelView:
    active = sum(not run.status.finished for run in value.runs)
    status: Line = (Span(f"{active} active", Tone.ACCENT), Span(" · ", Tone.MUTED)) if active else ()
    status = (*status, *schedule_line(value.schedule, view))
    blocked = blocked_runs(view)
    # The ended ones of a verification hide nothing that people started.
    listed = sorted(value.runs, key=lambda run: run.status.finished and _is_probe(run))
    rows = tuple(_run(run, blocked, view) for run in listed)
    return PanelView("", status, columns=OF_MODELS if view.several else COLUMNS, rows=rows)


def schedule_line(schedule: ScheduleState | None, view: View) -> Line:
    """Whether the schedule runs, and when next."""
    if schedule is None:
        return ()
    if schedule.status.upper() != "RUNNING":
        return (Span(f"schedule {formats.clean(schedule.status).lower()}", Tone.MUTED),)
    if schedule.next_tick is None:
        return (Span("schedule on", Tone.MUTED),)
    return (Span(f"next in {formats.age(schedule.next_tick - view.epoch)}", Tone.MUTED),)


# Runs in the order in which somebody looks for them.
_RANKS = ("running", "starting", "stopping", "queued", "waiting", "managed", "failed", "aborted", "blocked", "canceled")


def blocked_runs(view: View) -> frozenset[str]:
    """The runs that the policy let not begin, as far as the newest audit entries say so."""
    audit = view.snapshot.audit.value
    return (
        frozenset(entry.run_id for entry in audit.entries if entry.status is Status.BLOCKED) if audit else frozenset()
    )


def standing(run: Run, blocked: frozenset[str]) -> tuple[str, str, Tone]:
    """Shape, word and colour of a run: what was refused, or broken off from outside, did not fail.

    Runs by which `verify-governance` tries the guardrails are quiet, however they end.
    """
    glyph, word, tone = STATUS[run.status]
    if run.status is RunStatus.FAILURE:
        if run.run_id in blocked:
            glyph, word, tone = "⊘", "blocked", Tone.WARN
        elif not any(step.status == "FAILURE" for step in run.steps):
            glyph, word, tone = "■", "aborted", Tone.WARN
    if not _is_probe(run):
        return glyph, word, tone
    # One that was let in has nothing to ingest, on purpose: that it ended so is what was to be shown.
    return ("○", "tried", Tone.MUTED) if word == "failed" else (glyph, word, Tone.MUTED)


def _is_probe(run: Run) -> bool:
    return PROBE in {run.trigger, run.owner}


def _rank(run: Run, word: str) -> float:
    """Where a run stands when runs are sorted by how they stand; a probe comes last."""
    if _is_probe(run):
        return len(_RANKS) + 1.0
    return float(_RANKS.index(word) if word in _RANKS else len(_RANKS))


def _run(run: Run, blocked: frozenset[str], view: View) -> Row:
    began = run.started_at or run.created_at
    age = formats.age(None if began is None else view.epoch - began)
    model = model_of_run(run, view.snapshot) if view.several else None
    return _row(Same(run), run.run_id in blocked, formats.duration(took(run, view)), age, model)


@lru_cache(maxsize=KEPT)
def _row(of: Same[Run], refused: bool, lasted: str, age: str, model: str | None) -> Row:
    run = of.value
    glyph, word, tone = standing(run, frozenset({run.run_id} if refused else ()))
    rank, steps = _rank(run, word), progress(run)
    if tone in {Tone.MUTED, Tone.WARN}:
        steps = tuple(Span(s.text.replace("✗", glyph), tone if s.tone is Tone.BAD else s.tone) for s in steps)
    if run.status is RunStatus.STARTED:
        word = f"step {min(done(run) + 1, total(run))}/{total(run)}"
    cells = {
        "run": cell(formats.short(run.run_id)),
        "status": replace(cell(f"{glyph} {word}", tone), order=rank),
        "steps": Cell(steps),
        "took": cell(lasted),
        "age": cell(age, Tone.MUTED),
        "trigger": cell(formats.clean(run.trigger), Tone.MUTED),
        "role": cell(formats.clean(run.role)),
        "owner": cell(formats.clean(run.owner), Tone.MUTED),
        "environment": cell(formats.clean(run.environment), Tone.MUTED),
        "job": cell(formats.clean(run.job), Tone.MUTED),
    }
    if model is not None:
        cells["model"] = cell(formats.clean(model), Tone.ACCENT)
    return Row(run.run_id, cells)


def took(run: Run, view: View) -> float | None:
    """Wall seconds of a run, so far when it still runs."""
    if run.seconds is None and run.started_at is not None and not run.status.finished:
        return max(0.0, view.epoch - run.started_at)
    return run.seconds


def run_url(run_id: str, view: View) -> str:
    """The run's page in Dagster."""
    base = view.service_url("dagster")
    return f"{base}/runs/{run_id}" if base else ""


def done(run: Run) -> int:
    """Steps that ended well."""
    return sum(step.status == "SUCCESS" for step in run.steps)


def total(run: Run) -> int:
    """Steps the run has: the pipeline's, unless it has steps of its own."""
    known = any(step.name in STEPS for step in run.steps) or not run.steps
    return max(len(STEPS) if known else 0, len(run.steps))


def progress(run: Run) -> Line:
    """A mark per step, and the step that runs or failed."""
    if not run.steps:
        return (Span("○" * total(run), Tone.MUTED),)
    spans = [Span(*STEP_MARKS.get(step.status, ("○", Tone.MUTED))) for step in run.steps]
    spans += [Span("○", Tone.MUTED)] * (total(run) - len(spans))
    for status, tone in (("FAILURE", Tone.BAD), ("IN_PROGRESS", Tone.ACCENT)):
        current = next((step for step in run.steps if step.status == status), None)
        if current:
            return (*spans, Span(f" {formats.clean(current.name)}", tone))
    return tuple(spans)


def detail(key: str, view: View) -> Detail | None:
    value = view.snapshot.runs.value
    run = next((r for r in value.runs if r.run_id == key), None) if value else None
    if run is None:
        return None
    return Detail(f"Run · {formats.short(run.run_id)}", copy=run.run_id, url=run_url(run.run_id, view))
