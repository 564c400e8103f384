"""The views of one alert: its runbook, what it says of itself, the silences."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lab.base.alerts import Alert
from lab.base.monitoring import KnownSilence
from lab.views import formats
from lab.views.cells import Column, Line, PanelView, Row, Span, Tone, cell
from lab.views.document import field_line, heading, text
from lab.views.view import View

if TYPE_CHECKING:
    from lab.observe.details.alert_source import Runbook

SILENCE_COLUMNS = (
    Column("state", "state", 1, 9),
    Column("ends", "ends", 1, 12),
    Column("matchers", "silences", 1, 20, 60),
    Column("author", "by", 3, 12, 30),
    Column("comment", "why", 2, 12),
)
_STATES = {"active": ("‖", Tone.WARN), "pending": ("◐", Tone.MUTED), "expired": ("○", Tone.MUTED)}
# Bold, code, or the text of a link.
_MARKS = re.compile(r"\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`|\[(?P<link>[^\]]+)\]\([^)]*\)")


def subject_spans(alert: Alert | None, key: str, silenced: bool, view: View) -> tuple[Span, ...]:
    """What stands under the header."""
    if alert is None:
        return (Span(f"Alert {formats.clean(key.split('/')[1])}", Tone.STRONG), Span("○ no longer active", Tone.MUTED))
    firing = alert.state == "firing"
    return (
        Span(f"Alert {formats.clean(alert.name)}", Tone.STRONG),
        Span(f"{'▲' if firing else '△'} {formats.clean(alert.state)}", Tone.BAD if firing else Tone.WARN),
        Span("‖ silenced" if silenced else "", Tone.WARN),
        Span(f"for {formats.duration(view.epoch - alert.active_at)}"),
        Span(formats.clean(alert.severity), Tone.MUTED),
        Span(formats.clean(alert.summary), Tone.MUTED),
    )


def runbook(found: "Runbook") -> PanelView:
    """What to think and to type."""
    lines = tuple(_markdown(found.lines))
    return PanelView("", (Span(f"{formats.clean(found.title)} in {found.source}", Tone.MUTED),), lines=lines)


def _markdown(lines: Iterable[str]) -> Iterator[Line]:
    """Paragraphs joined, so that they break where the window ends; code as it is."""
    paragraph: list[str] = []
    fenced = False
    for line in lines:
        if line.startswith("```"):
            fenced = not fenced
        if paragraph and (fenced or not line.strip() or line.startswith(("```", "**", "- ", "#"))):
            yield inline(" ".join(paragraph))
            if line.startswith("**"):
                yield ()
            paragraph = []
        if line.startswith("```"):
            yield ()
        elif fenced:
            yield _code(line)
        elif not line.strip():
            yield ()
        elif line.startswith("#"):
            yield (Span(formats.clean(line.lstrip("# ")), Tone.ACCENT),)
        else:
            paragraph.append(line.strip())
    if paragraph:
        yield inline(" ".join(paragraph))


def _code(line: str) -> Line:
    command, hash_sign, comment = line.partition("  #")
    spans = [Span("  " + formats.clean(command.rstrip()), Tone.ACCENT)]
    gap = " " * (len(command) - len(command.rstrip()))
    return (*spans, Span(f"{gap}  #{formats.clean(comment)}", Tone.MUTED)) if hash_sign else tuple(spans)


def inline(raw: str) -> Line:
    """A paragraph with what stands out in it. Blanks between its parts are kept."""
    spans: list[Span] = []
    place = 0
    for found in _MARKS.finditer(raw):
        spans.append(Span(_plain(raw[place : found.start()])))
        if found["bold"]:
            spans.append(Span(formats.clean(found["bold"]), Tone.STRONG))
        else:
            spans.append(Span(formats.clean(found["code"] or found["link"]), Tone.ACCENT))
        place = found.end()
    spans.append(Span(_plain(raw[place:])))
    return tuple(span for span in spans if span.text)


def _plain(raw: str) -> str:
    # `clean` drops blanks at the ends of a text that isn't ASCII.
    return "".join(formats.clean(char) or " " for char in raw)


def about(alert: Alert, view: View) -> PanelView:
    """State, value, since when, labels."""
    firing = alert.state == "firing"
    lines: list[Line] = [
        field_line(
            "state", Span(f"{'▲' if firing else '△'} {formats.clean(alert.state)}", Tone.BAD if firing else Tone.WARN)
        ),
        field_line("severity", text(alert.severity)),
        field_line("since", Span(formats.moment(alert.active_at, view.now))),
        field_line("for", Span(formats.duration(view.epoch - alert.active_at))),
        field_line("value", text(value(alert.value))),
        field_line("summary", text(alert.summary)),
        field_line("description", text(alert.description)),
        field_line("runbook", text(alert.runbook)),
        *heading("Labels"),
    ]
    lines += [field_line(formats.clean(name), text(said)) for name, said in sorted(alert.labels.items())]
    return PanelView("About", lines=tuple(lines))


def value(raw: str) -> str:
    """A number as people write it: Prometheus says 1e+00."""
    try:
        return f"{float(raw):g}"
    except ValueError:
        return raw


def silences(known: tuple[KnownSilence, ...], view: View) -> PanelView:
    """Every silence that Alertmanager has, those that hold first."""
    rows = tuple(_silence(one, view) for one in known)
    active = sum(one.state == "active" for one in known)
    return PanelView(
        "", (Span(f"{active} active", Tone.WARN if active else Tone.MUTED),), columns=SILENCE_COLUMNS, rows=rows
    )


def _silence(one: KnownSilence, view: View) -> Row:
    glyph, tone = _STATES.get(one.state, ("?", Tone.WARN))
    left = one.ends_at - view.epoch
    ends = f"in {formats.duration(left)}" if one.state == "active" else formats.moment(one.ends_at, view.now)
    cells = {
        "state": cell(f"{glyph} {formats.clean(one.state)}", tone),
        "ends": cell(ends, Tone.PLAIN if one.state == "active" else Tone.MUTED),
        "matchers": cell(formats.clean(" ".join(one.matchers))),
        "author": cell(formats.clean(one.author), Tone.MUTED),
        "comment": cell(formats.clean(one.comment)),
    }
    return Row(one.id, cells)


def is_silenced(alert: Alert | None, known: tuple[KnownSilence, ...]) -> bool:
    """Whether a silence that holds is about exactly this alert's labels or some of them."""
    if alert is None:
        return False
    ours = {f'{name}="{said}"' for name, said in alert.labels.items()}
    return any(one.state == "active" and one.matchers and set(one.matchers) <= ours for one in known)
