"""Breaking a line at its words, so that prose and long values can be read in a narrow window. Pure."""

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

from lab.views.cells import Line, Span, width_of

# A label and its value, which go on below, must not look like two of them.
_HANGING = 2


def wrap(line: Line, width: int) -> tuple[Line, ...]:
    """`line` as lines of at most `width` cells; what follows the first is indented as it is, or a little more."""
    if width <= 0 or width_of(line) <= width:
        return (line,)
    indent = _indent(line, width) + (_HANGING if len(line) > 1 else 0)
    found: list[Line] = []
    current: list[Span] = []
    room = width
    for word in _words(line):
        size = cell_len(word.text)
        if size > room and current:
            found.append(tuple(current))
            current, room = ([Span(" " * indent)] if indent else []), width - indent
            word = Span(word.text.lstrip(" "), word.tone)
            size = cell_len(word.text)
        for piece in chop_cells(word.text, room) if size > room else [word.text]:
            if cell_len(piece) > room:
                found.append(tuple(current))
                current, room = ([Span(" " * indent)] if indent else []), width - indent
            current.append(Span(piece, word.tone))
            room -= cell_len(piece)
    return (*found, tuple(current))


def _indent(line: Line, width: int) -> int:
    """Cells of blank in front; none where they would leave too little room."""
    text = "".join(span.text for span in line)
    indent = len(text) - len(text.lstrip(" "))
    return indent if indent * 2 < width else 0


def _words(line: Line) -> Iterator[Span]:
    """The spans cut behind each blank, blanks with the word before them."""
    for span in line:
        rest = span.text
        while rest:
            stripped = rest.lstrip(" ")
            end = stripped.find(" ")
            cut = len(rest) if end < 0 else len(rest) - len(stripped) + end
            # The blanks between two words belong to the second one, which loses them at the start of a line.
            yield Span(rest[:cut], span.tone)
            rest = rest[cut:]
