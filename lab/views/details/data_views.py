"""One data set, known by its hash: what it is in this lab, which versions were trained on it, which entries name it."""

from collections.abc import Iterator, Sequence

from lab.base.dataset import dataset_key
from lab.base.model_versions import ModelVersion
from lab.governance.ledger import Entry
from lab.observe.snapshot import Snapshot
from lab.views import formats
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, cell
from lab.views.document import Detail, field_line, text
from lab.views.models_panel import aliases, approval, version_key
from lab.views.view import View, ledger_mark

VERSION_COLUMNS = (
    Column("version", "version", 1, 10, 40),
    Column("approval", "approval", 1, 18),
    Column("run", "run", 2, 8),
    Column("entry", "entry", 3, 6, right=True),
    Column("owner", "owner", 4, 12, 30),
    Column("age", "age", 2, 4, right=True),
)
ENTRY_COLUMNS = (
    Column("seq", "#", 1, 4, right=True),
    Column("time", "time", 2, 8, 12),
    Column("action", "action", 1, 18, 30),
    Column("status", "status", 1, 11),
    Column("who", "by", 3, 12, 30),
    Column("run", "run", 2, 8),
)


def detail(key: str, view: View) -> Detail | None:
    """A data set that something in the snapshot names."""
    known = tuple(_roles(key, view.snapshot)) or versions_on(key, view) or entries_on(key, view)
    return Detail(f"Data · {formats.short(key, 12)}", copy=key) if known else None


def _roles(digest: str, snapshot: Snapshot) -> Iterator[str]:
    for report in snapshot.drift.value or ():
        model = f" of {formats.clean(report.model)}" if report.model else ""
        if report.baseline_hash == digest:
            yield f"baseline{model}"
        if report.current_hash == digest:
            yield f"current data{model}, {report.rows:,} rows, {'drifted' if report.detected else 'no drift'}"


def subject_spans(digest: str, view: View) -> tuple[Span, ...]:
    """What stands under the header."""
    roles = tuple(_roles(digest, view.snapshot))
    return (
        Span(f"Data {formats.short(digest, 12)}", Tone.STRONG),
        Span("; ".join(roles), Tone.WARN if any(role.endswith(" drifted") for role in roles) else Tone.MUTED),
        Span("" if roles else "neither current nor a baseline", Tone.MUTED),
    )


def versions_on(digest: str, view: View) -> tuple[ModelVersion, ...]:
    """The listed versions that were trained on it."""
    return tuple(one for one in view.snapshot.models.value or () if one.tags.get("data_hash") == digest)


def versions(found: Sequence[ModelVersion], view: View) -> PanelView:
    """Versions that were trained on the data."""
    rows = tuple(
        Row(
            version_key(one),
            {
                "version": Cell(
                    (
                        Span(f"{formats.clean(one.name)} v{formats.clean(one.version)}", Tone.STRONG),
                        *aliases(one),
                    )
                ),
                "approval": Cell((approval(one.tags.get("approval_state", "")),)),
                "run": cell(formats.short(one.tags.get("dagster_run_id", "")), Tone.MUTED),
                "entry": cell(_numbered(one.tags.get("audit_seq", "")), Tone.MUTED),
                "owner": cell(formats.clean(one.tags.get("owner", "")), Tone.MUTED),
                "age": cell(formats.age(view.epoch - one.created_at), Tone.MUTED),
            },
        )
        for one in found
    )
    return PanelView(
        "Versions",
        (Span(f"{len(rows)} version{'' if len(rows) == 1 else 's'}", Tone.MUTED),),
        columns=VERSION_COLUMNS,
        rows=rows,
    )


def _numbered(seq: str) -> str:
    return f"#{formats.clean(seq)}" if seq else formats.NOTHING


def data_hashes(entry: Entry) -> tuple[str, ...]:
    """The data sets that an entry names, the one that was trained on first."""
    names = ("data_hash", "current_hash", "baseline_hash", "drift_baseline_hash")
    found = (entry.details.get(name) for name in names)
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str) and len(one) == 64))


def entries_on(digest: str, view: View) -> tuple[Entry, ...]:
    """The listed entries that name it."""
    audit = view.snapshot.audit.value
    return tuple(entry for entry in audit.entries if digest in data_hashes(entry)) if audit else ()


def entries(digest: str, view: View) -> PanelView:
    """The newest audit entries that name the data."""
    found = entries_on(digest, view)
    audit = view.snapshot.audit.value
    rows = tuple(_entry(one, view) for one in found)
    looked = len(audit.entries) if audit else 0
    return PanelView("Entries", (Span(f"among the newest {looked}", Tone.MUTED),), columns=ENTRY_COLUMNS, rows=rows)


def _entry(entry: Entry, view: View) -> Row:
    glyph, tone = ledger_mark(entry, view)
    cells = {
        "seq": cell(entry.seq, Tone.MUTED),
        "time": cell(formats.brief_moment(formats.parse_time(entry.time), view.now), Tone.MUTED),
        "action": cell(formats.clean(entry.action)),
        "status": cell(f"{glyph} {entry.status}", tone),
        "who": cell(formats.clean(entry.owner), Tone.MUTED),
        "run": cell(formats.short(entry.run_id), Tone.MUTED),
    }
    return Row(str(entry.seq), cells)


def about(digest: str, view: View) -> PanelView:
    """The hash, and what the data is in this lab."""
    roles = tuple(_roles(digest, view.snapshot)) or ("neither current nor a baseline",)
    lines: list[Line] = [field_line("SHA-256", text(digest))]
    lines += [field_line("it is" if not number else "", text(role)) for number, role in enumerate(roles)]
    lines.append(field_line("stored as", text(f"{dataset_key(digest)} in the data bucket")))
    return PanelView("About", lines=tuple(lines))
