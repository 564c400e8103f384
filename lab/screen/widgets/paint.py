"""From tones to Textual's styled text: the only place that knows how a meaning looks."""

from collections.abc import Sequence

from textual.content import Content

from lab.views.cells import Line, Tone

STYLES: dict[Tone, str] = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.MUTED: "$foreground-muted",
    Tone.ACCENT: "$accent",
    Tone.OK: "$success",
    Tone.WARN: "$warning",
    Tone.BAD: "bold $error",
}


def content(line: Line) -> Content:
    """One line; its text is never read as markup."""
    return Content.assemble(*((span.text, STYLES[span.tone]) for span in line))


def paragraphs(lines: Sequence[Line]) -> Content:
    """Several lines."""
    return Content("\n").join(content(line) for line in lines)
