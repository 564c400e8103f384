"""The views of one model version: metrics, tags, lineage, gates, decisions, files."""

from typing import TYPE_CHECKING

from lab.base.model_versions import GovernanceTags, ModelVersion
from lab.governance.ledger import Entry
from lab.models.metrics import MORE_IS_BETTER
from lab.views import formats
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, cell, pad
from lab.views.document import NAME, field_line, heading, text
from lab.views.models_panel import aliases, approval, change
from lab.views.view import View, is_uncounted, ledger_mark
from lab.views.waiting import waits_for

if TYPE_CHECKING:
    from lab.governance.cases.approve import Outcome
    from lab.observe.details.version_source import Decisions, VersionDetail

METRIC_COLUMNS = (
    Column("name", "metric", 1, 12, 24),
    Column("value", "value", 1, 9, right=True),
    Column("bar", "", 2, 12, 40, grow=True),
    Column("champion", "champion", 1, 9, right=True),
    Column("change", "difference", 1, 12, right=True),
)
GATE_COLUMNS = (
    Column("name", "gate", 1, 11, 14),
    Column("state", "state", 1, 8),
    Column("detail", "compared", 1, 20),
)
DECISION_COLUMNS = (
    Column("seq", "#", 1, 4, right=True),
    Column("time", "time", 2, 8, 12),
    Column("status", "what", 1, 12),
    Column("who", "by", 1, 16, 30),
    Column("role", "role", 3, 11, 14),
    Column("signed", "signed", 4, 6, 16),
    Column("reason", "reason", 2, 8),
)
FILE_COLUMNS = (
    Column("path", "file", 1, 20, 60),
    Column("size", "size", 1, 6, right=True),
    Column("kind", "", 2, 20),
)
_PICTURES = (".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp")
_LINEAGE = (
    ("data", "data_hash"),
    ("baseline", "drift_baseline_hash"),
    ("drift", "drift_state"),
    ("code", "code_version"),
    ("Dagster run", "dagster_run_id"),
    ("audit entry", "audit_seq"),
    ("audit hash", "audit_hash"),
    ("audited at", "audit_timestamp"),
    ("newest decision", "decision_seq"),
    ("approved by", "approved_by"),
    ("approved at", "approved_at"),
)


def subject_spans(key: str, version: ModelVersion | None) -> tuple[Span, ...]:
    """What stands under the header."""
    if version is None:
        return (Span(formats.clean(key.replace("/", " v")), Tone.STRONG),)
    reason = version.tags.get("deployment_blocked_reason", "")
    names = " ".join(span.text.strip() for span in aliases(version))
    return (
        Span(f"{formats.clean(version.name)} v{formats.clean(version.version)}", Tone.STRONG),
        Span(names, Tone.ACCENT),
        approval(version.tags.get("approval_state", "")),
        Span(f"blocked: {formats.clean(reason)}" if reason else "", Tone.WARN),
        Span(formats.clean(version.tags.get("owner", "")), Tone.MUTED),
    )


def metrics(version: ModelVersion, champion: ModelVersion | None, decisive: str) -> PanelView:
    """Every metric, against the champion's; `decisive` is the one that decides."""
    theirs = champion.metrics if champion else {}
    rows = tuple(_metric(name, value, theirs.get(name)) for name, value in sorted(version.metrics.items()))
    if champion is None:
        said = Span("no champion yet", Tone.MUTED)
    elif champion.version == version.version:
        said = Span("is the champion", Tone.OK)
    else:
        said = Span(f"champion v{formats.clean(champion.version)} ", Tone.MUTED)
    status = (
        (said, change(version, champion, decisive)) if champion and champion.version != version.version else (said,)
    )
    return PanelView("Metrics", status, columns=METRIC_COLUMNS, rows=rows)


def _metric(name: str, value: float, theirs: float | None) -> Row:
    known = MORE_IS_BETTER.get(name)
    better = None if theirs is None or known is None or value == theirs else (value > theirs) is known
    tone = Tone.PLAIN if better is None else Tone.OK if better else Tone.WARN
    said = formats.NOTHING
    if theirs is not None:
        difference = value - theirs
        said = "=" if not difference else f"{'▲' if difference > 0 else '▼'} {difference:+.4f}"
    cells = {
        "name": cell(formats.clean(name)),
        "value": cell(f"{value:.6g}"),
        "bar": _bar(name, value, tone if better is not None else Tone.ACCENT),
        "champion": cell(formats.NOTHING if theirs is None else f"{theirs:.6g}", Tone.MUTED),
        "change": cell(said, tone if theirs is not None else Tone.MUTED),
    }
    return Row(name, cells)


def _bar(name: str, value: float, tone: Tone) -> Cell:
    """Of a metric that is at best 1, and of its interval; a full bar of an error would look like praise."""
    known = [one for one in MORE_IS_BETTER if name in {one, f"{one}_low", f"{one}_high"}]
    if not any(MORE_IS_BETTER[one] for one in known):
        return Cell()
    return Cell((Span("", tone),), fill=min(abs(value), 1.0))


def tags(version: ModelVersion) -> PanelView:
    """The governance tags, those missing among them, then the others."""
    lines: list[Line] = list(heading("Governance tags"))[1:]
    for name in GovernanceTags.names():
        value = version.tags.get(name, "")
        lines.append((*_name(name), text(value) if value else Span("▲ missing", Tone.WARN)))
    others = sorted(set(version.tags) - set(GovernanceTags.names()))
    lines += heading("Other tags") if others else ()
    lines += [(*_name(name), text(version.tags[name])) for name in others]
    missing = len(version.missing_tags)
    said = Span(f"▲ {missing} missing", Tone.WARN) if missing else Span("✓ complete", Tone.OK)
    return PanelView("Tags", (said,), lines=tuple(lines))


def _name(name: str) -> Line:
    return pad((Span(formats.clean(name), Tone.MUTED),), NAME)


def lineage(detail: "VersionDetail", view: View) -> PanelView:
    """From what, by what and when the version was made."""
    version = detail.version
    lines: list[Line] = [field_line(label, text(version.tags.get(name, ""))) for label, name in _LINEAGE]
    lines += [
        field_line("MLflow run", text(version.run_id)),
        field_line("created", Span(formats.moment(version.created_at, view.now))),
        field_line("waits for", waits_for(version, view)),
    ]
    if detail.run:
        lines += heading("Parameters of the training")
        lines += [(*_name(name), text(value)) for name, value in sorted(detail.run.params.items())]
    return PanelView("Lineage", lines=tuple(lines))


def gates(outcome: "Outcome") -> PanelView:
    """Each gate before the next action, open or closed, with what it compared."""
    rows = tuple(
        Row(
            gate.name,
            {
                "name": cell(gate.name),
                "state": cell("✓ open" if gate.passed else "✗ closed", Tone.OK if gate.passed else Tone.BAD),
                "detail": cell(formats.clean(gate.detail), Tone.PLAIN if gate.passed else Tone.STRONG),
            },
        )
        for gate in outcome.gates
    )
    closed = sum(not gate.passed for gate in outcome.gates)
    said = Span(f"✗ {closed} closed", Tone.BAD) if closed else Span("✓ all open", Tone.OK)
    return PanelView("", (Span(f"{outcome.action}: ", Tone.MUTED), said), columns=GATE_COLUMNS, rows=rows)


def gate_lines(outcome: "Outcome", key: str) -> tuple[Line, ...]:
    """One gate with all that it compared."""
    gate = next((one for one in outcome.gates if one.name == key), None)
    if gate is None:
        return ()
    what: tuple[Line, ...] = ((Span(formats.clean(gate.detail)),),)
    return (*what, (Span(f"→ {formats.clean(gate.remedy)}", Tone.MUTED),)) if gate.remedy else what


def decisions(found: "Decisions", view: View) -> PanelView:
    """Who registered, approved, promoted, rejected or was refused."""
    where = ", ".join(f"#{first} to #{last}" for first, last in found.searched)
    rows = tuple(_decision(entry, view) for entry in found.entries)
    status = (Span(f"searched {where}" if where else "", Tone.MUTED),)
    return PanelView("", status, columns=DECISION_COLUMNS, rows=rows)


def _decision(entry: Entry, view: View) -> Row:
    glyph, tone = ledger_mark(entry, view)
    signed = bool(entry.details.get("signer")) and not is_uncounted(entry, view)
    what = str(entry.status) if entry.status.value not in {"success", "requested"} else entry.action
    cells = {
        "seq": cell(entry.seq, Tone.MUTED),
        "time": cell(formats.moment(formats.parse_time(entry.time), view.now), Tone.MUTED),
        "status": cell(f"{glyph} {formats.clean(what)}", tone),
        "who": cell(formats.clean(entry.owner)),
        "role": cell(formats.clean(entry.role), Tone.MUTED),
        "signed": cell("✓ yes" if signed else "no", Tone.OK if signed else Tone.MUTED),
        "reason": cell(formats.clean(_reason(entry))),
    }
    return Row(str(entry.seq), cells)


def _reason(entry: Entry) -> str:
    closed = entry.details.get("gates")
    said = str(entry.details.get("reason", ""))
    if isinstance(closed, dict) and closed:
        return f"{said} (closed: {', '.join(map(str, closed))})"
    return said


def files(detail: "VersionDetail") -> PanelView:
    """What the run logged: pictures open in a browser."""
    found = detail.run.files if detail.run else ()
    rows = tuple(
        Row(
            one.path,
            {
                "path": cell(formats.clean(one.path)),
                "size": cell(formats.size(one.size), Tone.MUTED),
                "kind": cell("⏎ opens in the browser" if is_picture(one.path) else "", Tone.MUTED),
            },
        )
        for one in sorted(found, key=lambda one: (not is_picture(one.path), one.path))
    )
    return PanelView("", (Span(f"{len(rows)} files", Tone.MUTED),), columns=FILE_COLUMNS, rows=rows)


def is_picture(path: str) -> bool:
    """Whether a browser shows the file as a picture."""
    return path.lower().endswith(_PICTURES)


def file_url(detail: "VersionDetail", path: str, view: View) -> str:
    """The file's page in MLflow, empty when MLflow's address isn't known."""
    base = view.service_url("mlflow")
    if not base or detail.run is None:
        return ""
    return f"{base}/#/experiments/{detail.run.experiment}/runs/{detail.version.run_id}/artifacts/{path}"
