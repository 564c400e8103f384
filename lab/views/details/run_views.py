"""The views of one run: steps, events, configuration, what it is, its audit entries."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lab.base.log_lines import Level
from lab.base.runs import Run, RunDetail, RunStatus, Step
from lab.governance.ledger import Entry
from lab.services.dagster_answers import failure_reason
from lab.views import formats
from lab.views.cells import Cell, Column, Line, PanelState, PanelView, Row, Span, Tone, cell, pad
from lab.views.document import NAME, field_line, heading, text
from lab.views.feed import FeedLine
from lab.views.runs_panel import STEP_MARKS, blocked_runs, standing, took
from lab.views.view import View, ledger_mark

if TYPE_CHECKING:
    from lab.observe.details.run_source import RunEntries
    from lab.services.dagster_answers import RunEvent

STEP_COLUMNS = (
    Column("name", "step", 1, 20, 30),
    Column("state", "state", 1, 11),
    Column("took", "took", 1, 6, right=True),
    Column("bar", "share of the run", 2, 16, 60, grow=True),
    Column("from", "from", 3, 8),
    Column("until", "until", 4, 8),
)
ENTRY_COLUMNS = (
    Column("seq", "#", 1, 4, right=True),
    Column("time", "time", 2, 8),
    Column("action", "action", 1, 18, 30),
    Column("status", "status", 1, 11),
    Column("hash", "hash", 3, 12),
    Column("details", "details", 4, 20, 80, grow=True),
)
_HASH = re.compile(r"[0-9a-f]+")
_LONGEST_DETAIL = 24
# Lines of a reason that stand above the steps.
_MOST_LINES = 4
_LEVELS = {
    "DEBUG": Level.DEBUG,
    "WARNING": Level.WARNING,
    "ERROR": Level.ERROR,
    "CRITICAL": Level.ERROR,
}
_TONES = {Level.DEBUG: Tone.MUTED, Level.INFO: Tone.PLAIN, Level.WARNING: Tone.WARN, Level.ERROR: Tone.BAD}
_GOOD = {"STEP_SUCCESS", "RUN_SUCCESS", "PIPELINE_SUCCESS"}


def subject_spans(run: Run, view: View) -> tuple[Span, ...]:
    """What stands under the header."""
    glyph, word, tone = standing(run, blocked_runs(view))
    who = " ".join(filter(None, (run.owner, run.role, run.environment)))
    return (
        Span(f"Run {formats.short(run.run_id)}", Tone.STRONG),
        Span(f"{glyph} {word}", tone),
        Span(formats.duration(took(run, view))),
        Span(formats.clean(run.trigger), Tone.MUTED),
        Span(formats.clean(who), Tone.MUTED),
    )


def unknown_spans(run_id: str, failed: bool) -> Line:
    """What stands under the header of a run that nobody knows."""
    word = Span("▲ not known any more", Tone.WARN) if failed else Span("looking for it …", Tone.MUTED)
    return (Span(f"Run {formats.short(run_id)}", Tone.STRONG), Span(" · ", Tone.MUTED), word)


def steps(run: Run, view: View, events: "Iterable[RunEvent]" = ()) -> PanelView:
    """Every step with its share of the run's time; above them why the run failed, once its events are known."""
    if not run.steps:
        said = "No step began." if run.status.finished else "No step began yet."
        return PanelView("Steps", state=PanelState.EMPTY, message=((Span(said, Tone.MUTED),),))
    whole = took(run, view) or 0.0
    rows = tuple(_step(step, run, whole, view) for step in run.steps)
    done = sum(step.status == "SUCCESS" for step in run.steps)
    status: Line = (Span(f"{done} of {len(run.steps)} done", Tone.MUTED),)
    return PanelView("Steps", status, lines=_reason(run, events), columns=STEP_COLUMNS, rows=rows)


def _reason(run: Run, events: "Iterable[RunEvent]") -> tuple[Line, ...]:
    if run.status is not RunStatus.FAILURE or not (reason := failure_reason(events)):
        return ()
    said = [line for line in reason.splitlines() if line.strip()]
    more = [f"… ⏎ on the step shows the other {len(said) - _MOST_LINES} lines"] if len(said) > _MOST_LINES else []
    return tuple((Span(formats.clean(line), Tone.BAD),) for line in [*said[:_MOST_LINES], *more])


def _step(step: Step, run: Run, whole: float, view: View) -> Row:
    glyph, tone = STEP_MARKS.get(step.status, ("○", Tone.MUTED))
    seconds = step.seconds
    if seconds is None and step.started_at is not None and not run.status.finished:
        seconds = max(0.0, view.epoch - step.started_at)
    cells = {
        "name": Cell((Span(f"{glyph} ", tone), Span(formats.clean(step.name)))),
        "state": cell(formats.clean(step.status).lower().replace("_", " ") or "waiting", tone),
        "took": cell(formats.duration(seconds)),
        "bar": Cell((Span("", tone),), fill=seconds / whole if seconds and whole else 0.0),
        "from": cell(formats.brief_moment(step.started_at, view.now), Tone.MUTED),
        "until": cell(formats.brief_moment(step.ended_at, view.now), Tone.MUTED),
    }
    return Row(step.name, cells)


def event_lines(event: "RunEvent", view: View) -> Iterable[FeedLine]:
    """One event of the log, and under it why something failed."""
    level = _LEVELS.get(event.level.upper(), Level.INFO)
    tone = Tone.OK if event.kind in _GOOD else _TONES[level]
    first = FeedLine(
        level,
        (
            Span(f"{formats.moment(event.at, view.now)} ", Tone.MUTED),
            *pad((Span(formats.clean(event.step or "–"), Tone.ACCENT),), 24),
            *pad((Span(f" {formats.clean(event.kind)}", tone),), 30),
            Span(f" {formats.clean(event.message)}", tone if level >= Level.WARNING else Tone.PLAIN),
        ),
    )
    yield first
    if event.check:
        good = event.check.passed
        said = formats.clean(event.check.description)
        yield FeedLine(
            Level.INFO if good else Level.ERROR,
            (Span(f"    {'✓' if good else '✗'} check {event.check.name}: {said}", Tone.OK if good else Tone.BAD),),
            first.text,
        )
    for line in event.error.splitlines():
        yield FeedLine(Level.ERROR, (Span(f"    {formats.clean(line)}", Tone.BAD),), first.text)


def config(detail: RunDetail) -> PanelView:
    """The configuration that the run was started with."""
    lines = tuple(_yaml(line) for line in detail.config.splitlines())
    return PanelView("Configuration", (Span("YAML", Tone.MUTED),), lines=lines)


def _yaml(line: str) -> Line:
    name, colon, value = line.partition(":")
    indent = " " * (len(line) - len(line.lstrip(" ")))
    if not colon:
        return (Span(indent + formats.clean(line.strip())),)
    return (Span(f"{indent}{formats.clean(name.strip())}:", Tone.ACCENT), Span(formats.clean(value)))


def about(run: Run, detail: RunDetail | None, view: View) -> PanelView:
    """What the run is, and its tags."""
    glyph, word, tone = standing(run, blocked_runs(view))
    lines: list[Line] = [
        field_line("status", Span(f"{glyph} {word}", tone)),
        field_line("run", text(run.run_id)),
        field_line("job", text(run.job)),
        field_line("trigger", text(run.trigger)),
        field_line("repeats run", text(detail.parent if detail else "")),
        field_line("owner", text(run.owner)),
        field_line("role", text(run.role)),
        field_line("environment", text(run.environment)),
        field_line("created", Span(formats.moment(run.created_at, view.now))),
        field_line("started", Span(formats.moment(run.started_at, view.now))),
        field_line("ended", Span(formats.moment(run.ended_at, view.now))),
        field_line("took", Span(formats.duration(took(run, view)))),
    ]
    if detail:
        lines += heading("Tags")
        lines += [
            (*pad((Span(formats.clean(name), Tone.MUTED),), NAME), text(value))
            for name, value in sorted(detail.tags.items())
        ] or [(Span("none", Tone.MUTED),)]
    return PanelView("About", lines=tuple(lines))


def entries(found: "RunEntries", view: View) -> PanelView:
    """The run's entries in the audit trail, oldest first."""
    where = f"among #{found.first} to #{found.last}" if found.last >= found.first else "in an empty trail"
    return _entries(found.entries, where, view)


def entries_listed(run_id: str, view: View) -> PanelView | None:
    """Those among the snapshot's newest, to show until the trail has answered; None without any."""
    audit = view.snapshot.audit.value
    found = [entry for entry in reversed(audit.entries) if entry.run_id == run_id] if audit else []
    return _entries(found, "among the newest; looking for more …", view) if found else None


def _entries(found: Sequence[Entry], where: str, view: View) -> PanelView:
    rows = tuple(_entry(entry, view) for entry in found)
    return PanelView("Audit entries", (Span(where, Tone.MUTED),), columns=ENTRY_COLUMNS, rows=rows)


def _entry(entry: Entry, view: View) -> Row:
    glyph, tone = ledger_mark(entry, view)
    details = ", ".join(f"{name} {_brief(value)}" for name, value in entry.details.items())
    cells = {
        "seq": cell(entry.seq, Tone.MUTED),
        "time": cell(formats.brief_moment(formats.parse_time(entry.time), view.now), Tone.MUTED),
        "action": cell(formats.clean(entry.action)),
        "status": cell(f"{glyph} {entry.status}", tone),
        "hash": cell(formats.short(entry.hash, 12), Tone.MUTED),
        "details": cell(formats.clean(details), Tone.MUTED),
    }
    return Row(str(entry.seq), cells)


def _brief(value: object) -> str:
    """Words in full; of a hash and of what is nested only the beginning, so that what follows can be seen."""
    said = str(value)
    long = len(said) > _LONGEST_DETAIL and (not isinstance(value, str) or _HASH.fullmatch(said))
    return f"{said[:12]}…" if long else said


def is_over(run: Run) -> bool:
    """Whether nothing of the run will change any more."""
    return run.status in {RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED}
