"""A page as blocks, drawn as Markdown and as HTML that needs nothing from outside itself."""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border: 1px solid #c9d1d9; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
th { background: #f0f3f6; }
img { max-width: 100%; }
.warning { border-left: 4px solid #b42318; padding: .2rem 1rem; background: #fef3f2; }
"""
_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    text: str
    warning: bool = False


@dataclass(frozen=True)
class Grid:
    """A table; the first row is its header."""

    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """`path` is where the file lies beside the page; HTML holds the picture itself."""

    path: str
    title: str
    body: bytes


Block = Heading | Paragraph | Grid | Picture


def markdown(blocks: Iterable[Block]) -> str:
    """The page as Markdown; text from outside can't become markup."""
    return "\n\n".join(map(_markdown, blocks)) + "\n"


def page(title: str, blocks: Iterable[Block]) -> str:
    """The page as HTML, without scripts."""
    # Should a browser ever find a script in here, this forbids it to run.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
    body = "\n".join(map(_html, blocks))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{head}<title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_plain(text)}"
        case Paragraph(text, warning):
            return ("> **Warning:** " if warning else "") + _plain(text)
        case Picture(path, title, _):
            return f"![{_plain(title)}]({path})"
        case Grid(rows):
            lines = ["| " + " | ".join(map(_plain, row)) + " |" for row in rows]
            return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _plain(text: str) -> str:
    escaped = " ".join(text.split())
    for char in "\\`*_[]|<>#":
        escaped = escaped.replace(char, f"\\{char}")
    return escaped


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{html.escape(text)}</h{level}>"
        case Paragraph(text, warning):
            return f"<p{' class=warning' if warning else ''}>{html.escape(text)}</p>"
        case Picture(path, title, body):
            kind = _TYPES[path.rpartition(".")[2]]
            data = base64.b64encode(body).decode()
            return f'<p><img alt="{html.escape(title)}" src="data:{kind};base64,{data}"></p>'
        case Grid(rows):
            head, *rest = [
                "<tr>" + "".join(f"<{cell}>{html.escape(text)}</{cell}>" for text in row) + "</tr>"
                for cell, row in zip(["th", *["td"] * len(rows)], rows, strict=False)
            ]
            return f"<table>\n{head}\n" + "\n".join(rest) + "\n</table>"
