"""Text panels: Markdown by Rich, HTML without its tags."""

import io
import re
from html import unescape

from lab.dashboards.drawing.ink import Ink, Line, Lines, block, words

_TAG = re.compile(r"<[^<>]{0,500}>")
_SKIPPED = re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL | re.IGNORECASE)


def draw_text(text: str, html: bool, width: int, height: int) -> Lines:
    """The text in a panel's room, cut at its end."""
    plain = unescape(_TAG.sub(" ", _SKIPPED.sub(" ", text)))
    if html:
        lines: list[Line] = [(Ink(line),) for line in words(re.sub(r"\n\s*\n+", "\n\n", plain.strip()), width)]
    else:
        lines = _markdown(plain, width)
    if len(lines) > height:
        lines = [*lines[: height - 1], (Ink("… more: zoom in", "muted"),)]
    return block(lines, width, height)


def _markdown(text: str, width: int) -> list[Line]:
    # Takes its time to import, and few dashboards have text.
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=width, color_system=None, file=io.StringIO(), legacy_windows=False)
    # Terminal links could lead anywhere; the address stands there as text.
    drawn = console.render_lines(Markdown(text, hyperlinks=False), pad=False)
    return [tuple(Ink(piece.text, _look(piece.style)) for piece in line if piece.text) for line in drawn]


def _look(style: object) -> str:
    return "strong" if getattr(style, "bold", False) else ""
