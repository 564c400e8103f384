"""The views of one audit entry: what was checked, its JSON, its exact bytes."""

from typing import TYPE_CHECKING

from lab.governance.ledger import Entry
from lab.views import formats
from lab.views.audit_panel import entry_json, without_proof
from lab.views.cells import Line, PanelView, Span, Tone
from lab.views.document import field_line, heading, text
from lab.views.view import View, is_uncounted, ledger_mark

if TYPE_CHECKING:
    from lab.observe.details.entry_source import EntryDetail, Neighbour, Proof


def subject_spans(seq: int, entry: Entry | None, view: View) -> tuple[Span, ...]:
    """What stands under the header."""
    if entry is None:
        return (Span(f"Audit entry #{seq}", Tone.STRONG),)
    glyph, tone = ledger_mark(entry, view)
    return (
        Span(f"Audit entry #{seq}", Tone.STRONG),
        Span(f"{glyph} {entry.status}", tone),
        Span(formats.clean(entry.action)),
        Span(formats.clean(entry.time), Tone.MUTED),
        Span(formats.clean(entry.owner), Tone.MUTED),
    )


def entry(detail: "EntryDetail", view: View) -> PanelView:
    """The checks, the neighbours, then the JSON."""
    lines: list[Line] = [_proof(proof) for proof in detail.proofs]
    lines += without_proof(detail.entry, view) if detail.entry else ()
    lines.append(field_line("before", *_neighbour(detail.before, view)))
    lines.append(field_line("after", *_neighbour(detail.after, view)))
    lines += heading("Entry")
    lines += document(entry_json(detail.entry) if detail.entry else detail.body.decode(errors="replace"))
    return PanelView("Entry", (_verdict(detail, view),), lines=tuple(lines))


def _verdict(detail: "EntryDetail", view: View) -> Span:
    bad = [proof.name for proof in detail.proofs if proof.holds is False]
    if not bad and detail.entry and is_uncounted(detail.entry, view):
        glyph, tone = ledger_mark(detail.entry, view)
        return Span(f"{glyph} without proof", tone)
    return Span(f"✗ {', '.join(bad)}", Tone.BAD) if bad else Span("✓ verified", Tone.OK)


def _proof(proof: "Proof") -> Line:
    glyph, tone = {True: ("✓", Tone.OK), False: ("✗", Tone.BAD), None: ("○", Tone.MUTED)}[proof.holds]
    return field_line(proof.name, Span(f"{glyph} ", tone), Span(formats.clean(proof.detail), tone))


def _neighbour(beside: "Neighbour", view: View) -> tuple[Span, ...]:
    if beside.entry is None:
        return (Span("none" if not beside.problem else f"#{beside.seq} {formats.clean(beside.problem)}", Tone.MUTED),)
    glyph, tone = ledger_mark(beside.entry, view)
    return (
        Span(f"#{beside.seq} ", Tone.STRONG),
        Span(f"{glyph} ", tone),
        Span(f"{formats.clean(beside.entry.action)} {beside.entry.status} "),
        Span(formats.short(beside.entry.hash, 12), Tone.MUTED),
    )


def canonical(detail: "EntryDetail") -> PanelView:
    """The exact text, and how to check it by hand."""
    lines: list[Line] = [
        field_line("object", text(detail.key)),
        field_line("bytes", Span(f"{len(detail.body):,}")),
        *heading("Canonical JSON (RFC 8785), as stored"),
        (Span(formats.clean(detail.body.decode(errors="replace"))),),
        *heading("The hash is the SHA-256 of this text without its field hash"),
    ]
    if detail.entry:
        lines.append(field_line("recomputed", text(detail.entry.digest())))
        lines.append(field_line("hash", text(detail.entry.hash)))
    return PanelView("Canonical", lines=tuple(lines))


def document(body: str) -> list[Line]:
    """Indented JSON with its names apart from its values."""
    lines: list[Line] = []
    for line in body.splitlines():
        indent = line[: len(line) - len(line.lstrip(" "))]
        rest = line.strip()
        name, colon, value = rest.partition(": ")
        if colon and name.startswith('"') and name.endswith('"'):
            lines.append((Span(f"{indent}{formats.clean(name)}: ", Tone.ACCENT), Span(formats.clean(value))))
        else:
            lines.append((Span(indent + formats.clean(rest)),))
    return lines


def as_json(known: Entry | None) -> str:
    """What the snapshot has of it."""
    return entry_json(known) if known else ""


def copied(detail: "EntryDetail") -> str:
    """What goes to the clipboard."""
    return entry_json(detail.entry) if detail.entry else detail.body.decode(errors="replace")
