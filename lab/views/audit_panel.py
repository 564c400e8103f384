"""The audit panel: the newest entries, the chain's state, steps without an end."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import lru_cache

from lab.governance.ledger import AuditView, Entry, Status
from lab.views import formats
from lab.views.by_model import model_of_entry, models_of_runs
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, cell
from lab.views.document import Detail, field_line, heading, text
from lab.views.same import KEPT, Same
from lab.views.view import (
    UNCOUNTED,
    View,
    is_overtaken,
    is_probe,
    is_uncounted,
    ledger_mark,
    marked,
    source_panel,
    was_stopped,
)
from lab.views.waiting import PROBE

COLUMNS = (
    Column("seq", "#", 1, 3, right=True),
    Column("time", "time", 2, 8),
    Column("action", "action", 1, 18, 26),
    Column("status", "status", 1, 11),
    Column("role", "role", 3, 11, 14),
    Column("environment", "env", 5, 7),
    Column("run", "run", 4, 8),
    Column("owner", "owner", 6, 10, 28),
    Column("hash", "hash", 7, 8, 12),
)
MODEL = Column("model", "model", 5, 10, 20)
EMPTY = "No audit entry yet.\nEvery governed step writes one: `invoke demo-run`."


def panel(view: View) -> PanelView:
    """The newest entries and whether the chain holds."""
    empty = f"No entry of {view.model} among the newest." if view.model else EMPTY
    return source_panel("Audit", view.snapshot.audit, view, empty, lambda value: _audit(value, view))


def _audit(value: AuditView, view: View) -> PanelView:
    columns = (*COLUMNS[:4], MODEL, *COLUMNS[4:]) if view.several else COLUMNS
    return PanelView("", (chain(value),), columns=columns, rows=tuple(_rows(value, view)), lines=_lines(value, view))


BASELINES = "baselines"
_TITLES = {PROBE: "verification", BASELINES: BASELINES}
# What people decided and what was refused: a run's steps are under the run.
FIRST = frozenset({Status.APPROVED, Status.REJECTED, Status.PROMOTED, Status.ARCHIVED, Status.REFUSED, Status.BLOCKED})


def _rows(value: AuditView, view: View) -> Iterator[Row]:
    """Decisions, refusals and whatever belongs to no run; then each run, newest first, over its entries.

    The baselines are one group: every model has some from its first minute on, and nobody looks for them first.
    """
    # Not needed before there are entries: the first paint has none.
    from lab.governance.rules.policy import Action

    shot = view.snapshot
    of_run = models_of_runs(shot) if view.several else {}
    probes = (
        {run.run_id for run in shot.runs.value.runs if PROBE in {run.trigger, run.owner}} if shot.runs.value else ()
    )
    tried = {(v.name, v.version) for v in shot.models.value or () if v.tags.get("owner") == PROBE}
    groups: dict[str, list[Entry]] = {}
    for entry in value.entries:
        if entry.seq in value.uncounted and not is_probe(entry, view):
            yield _entry(entry, view, of_run)
        elif (
            entry.owner == PROBE
            or entry.run_id in probes
            or is_probe(entry, view)
            or (tried and (model_of_entry(entry, shot, of_run), entry.model_version) in tried)
        ):
            groups.setdefault(PROBE, []).append(entry)
        elif entry.status not in FIRST and (
            name := entry.run_id or (BASELINES if entry.action == Action.BASELINE else "")
        ):
            groups.setdefault(name, []).append(entry)
        else:
            yield _entry(entry, view, of_run)
    for name, entries in groups.items():
        yield _fold(name, entries, view, of_run)
        yield from (_entry(entry, view, of_run) for entry in entries)


def _fold(name: str, entries: Sequence[Entry], view: View, of_run: dict[str, str]) -> Row:
    """One line for a group: its newest entry, how many there are, and how it stands."""
    newest = entries[0]
    row = _entry(newest, view, of_run)
    title = f"▸ {_TITLES.get(name) or f'run {formats.short(name)}'}"
    glyph, tone = ledger_mark(newest, view)
    word = str(newest.status)
    if bad := next((entry for entry in entries if entry.status is Status.FAILURE), None):
        (glyph, tone), word = ledger_mark(bad, view), "canceled" if was_stopped(bad, view) else str(bad.status)
    if name == PROBE:
        glyph, word, tone = "○", "tried", Tone.MUTED
    cells = {
        **row.cells,
        "action": Cell((Span(title, Tone.STRONG), Span(f" ({len(entries)})", Tone.MUTED))),
        "status": Cell((Span(f"{glyph} {word}", tone),)),
    }
    return Row(f"run/{name}", cells, heading=True, folds=True)


def chain(value: AuditView) -> Span:
    """The chain's state in a few words."""
    if not value.intact:
        return Span(f"✗ chain broken: {len(value.faults)} faults", Tone.BAD)
    return Span(f"✓ chain intact to #{value.length}" if value.length else "no entries", Tone.OK)


def _lines(value: AuditView, view: View) -> tuple[Line, ...]:
    """What needs attention: faults first, then what proves nothing, then steps that have no end and don't run."""
    lines: list[Line] = [
        (Span("✗ ", Tone.BAD), Span(f"#{fault.seq} {formats.clean(fault.problem)}", Tone.BAD))
        for fault in value.faults[:2]
    ]
    if uncounted := [e for e in value.entries if e.seq in value.uncounted and not is_probe(e, view)]:
        glyph, tone = UNCOUNTED
        names = ", ".join(f"#{entry.seq} {entry.status}" for entry in uncounted[:3])
        lines.append((Span(f"{glyph} {len(uncounted)} without proof: ", tone), Span(names)))
    abandoned = [entry for entry in value.unfinished if not is_running(entry, view)]
    if abandoned:
        names = ", ".join(f"{formats.clean(e.action)} (#{e.seq})" for e in abandoned[:3])
        lines.append((Span(f"▲ {len(abandoned)} unfinished: ", Tone.WARN), Span(names)))
    return tuple(lines)


def is_running(entry: Entry, view: View) -> bool:
    """Whether the run that an unfinished entry belongs to still runs."""
    runs = view.snapshot.runs.value
    return runs is not None and any(run.run_id == entry.run_id and not run.status.finished for run in runs.runs)


def _entry(entry: Entry, view: View, of_run: dict[str, str]) -> Row:
    today = view.now.replace(hour=0, minute=0, second=0, microsecond=0)
    model = model_of_entry(entry, view.snapshot, of_run) if view.several else None
    return _row(Same(entry), ledger_mark(entry, view), today, model)


@lru_cache(maxsize=KEPT)
def _row(of: Same[Entry], mark: tuple[str, Tone], today: datetime, model: str | None) -> Row:
    entry, (glyph, tone) = of.value, mark
    cells = {
        "seq": cell(entry.seq, Tone.MUTED),
        "time": replace(
            cell(formats.brief_moment(formats.parse_time(entry.time), today), Tone.MUTED), order=float(entry.seq)
        ),
        "action": cell(formats.clean(entry.action)),
        "status": Cell((Span(f"{glyph} {entry.status}", tone),)),
        "role": cell(formats.clean(entry.role)),
        "environment": cell(formats.clean(entry.environment), Tone.ACCENT),
        "run": cell(formats.short(entry.run_id), Tone.MUTED),
        "owner": cell(formats.clean(entry.owner), Tone.MUTED),
        "hash": cell(formats.short(entry.hash, 12), Tone.MUTED),
    }
    if model is not None:
        cells["model"] = cell(formats.clean(model))
    return Row(str(entry.seq), cells)


def entry_json(entry: Entry) -> str:
    """An entry as indented JSON, readable even when the entry isn't canonical."""
    return json.dumps(asdict(entry), indent=2, ensure_ascii=False, sort_keys=True, default=str)


def detail(key: str, view: View) -> Detail | None:
    audit = view.snapshot.audit.value
    kind, _, name = key.partition("/")
    if kind == "run" and audit and any(e.run_id == name or e.owner == name for e in audit.entries):
        return Detail(f"Audit entries · {formats.clean(name)}", copy=name)
    entry = next((e for e in audit.entries if str(e.seq) == key), None) if audit else None
    if entry is None or audit is None:
        return None
    body = entry_json(entry)
    lines = [*_entry_fields(entry, audit, view), *heading("Entry")]
    lines += [(Span(_keep_indent(line)),) for line in body.splitlines()]
    return Detail(f"Audit entry · #{entry.seq}", tuple(lines), body)


def _entry_fields(entry: Entry, audit: AuditView, view: View) -> Iterable[Line]:
    glyph, tone = ledger_mark(entry, view)
    yield field_line("status", Span(f"{glyph} {entry.status}", tone))
    yield from without_proof(entry, view)
    yield field_line("action", text(entry.action))
    yield field_line("time", text(entry.time))
    yield field_line("hash", text(entry.hash))
    yield field_line("previous hash", text(entry.previous_hash))
    good = _digest_holds(entry)
    yield field_line("content", Span("✓ matches its hash", Tone.OK) if good else Span("✗ was modified", Tone.BAD))
    if any(e.seq == entry.seq for e in audit.unfinished):
        busy = is_running(entry, view)
        yield field_line("end", Span("◐ running" if busy else "▲ no end", Tone.ACCENT if busy else Tone.WARN))


def without_proof(entry: Entry, view: View) -> Iterable[Line]:
    """What is said of an entry that doesn't count; nothing of any other."""
    if is_uncounted(entry, view):
        glyph, tone = ledger_mark(entry, view)
        says = "wrote it to try that" if is_probe(entry, view) else "says why"
        why = marked(f"it proves nothing and no gate takes it; `invoke verify-governance` {says}")
        if is_overtaken(entry, view):
            why = marked("another decision was written first; that is no fault")
        yield field_line("counts", Span(f"{glyph} no: ", tone), *why)


def _digest_holds(entry: Entry) -> bool:
    try:
        return entry.digest() == entry.hash
    except Exception:  # whatever the content is, it isn't what was sealed
        return False


def _keep_indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" "))) + formats.clean(line)
