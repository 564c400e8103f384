"""What a name may be, how what isn't one is shown, and when two names are one person's.

Names come from settings, runs, command lines and keys: whoever launches a run in Dagster can claim any text.
Numbers that come as text are read here, too.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

LONGEST_NAME = 200
# What takes no room on a screen though Unicode calls it printable: selectors, joiners, fillers, an empty braille cell.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# What MLflow, S3, Prometheus, a file system and Dagster take alike.
_MODEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
MODEL_RULE = "a letter, then letters, digits, _ and -, at most 100 in all"
_RULE = "printable characters without blanks at its ends, in composed form (NFC)"
ALLOWED = f"a name of 1-{LONGEST_NAME} {_RULE}"


def name_problem(name: str) -> str:
    """Why this is no name, to follow its field; empty when it is one."""
    return text_problem(name, LONGEST_NAME)


def is_model_name(name: str) -> bool:
    """Whether a model may be registered under this name."""
    return _MODEL.fullmatch(name) is not None


def text_problem(text: str, longest: int) -> str:
    """Why this can't be kept, shown and compared as it stands; empty when it can. `longest` is in characters."""
    if not text.strip():
        return "is empty"
    if len(text) > longest:
        return f"has {len(text)} characters, and {longest} are the most"
    if text != text.strip():
        return "has blanks at its ends"
    if odd := next((char for char in text if not _is_seen(char)), ""):
        return f"holds the character U+{ord(odd):04X}, which can't be shown"
    if not unicodedata.is_normalized("NFC", text):
        return "isn't in composed form (NFC)"
    return ""


def shown(claim: str) -> str:
    """A claim as an entry, a tag or a message may hold it: a name as it stands, anything else escaped and bounded."""
    if not name_problem(claim):
        return claim
    # Decomposed letters look like composed ones, so they are escaped, too.
    pieces = (ascii(char)[1:-1] if char == "\\" or _is_odd(char) else char for char in claim[:LONGEST_NAME])
    text = "".join(pieces)
    return text if max(len(text), len(claim)) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def _is_seen(char: str) -> bool:
    """Neither a control, format, surrogate, private-use or unassigned character, nor any blank but the space."""
    return char.isprintable() and not _UNSEEN.match(char)


def _is_odd(char: str) -> bool:
    return not _is_seen(char) or bool(unicodedata.combining(char))


def storable(text: str) -> str:
    """`text` with what no UTF-8 file, database or answer can hold made visible: lone surrogates and NUL."""
    return re.sub("[\x00\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def all_storable(value: Any) -> Any:
    """As `storable`, of every text and name in a JSON value."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, (list, tuple)):
        return [all_storable(item) for item in value]
    if isinstance(value, Mapping):
        return {storable(str(name)): all_storable(item) for name, item in value.items()}
    return value


def same_person(one: str, other: str) -> bool:
    """Whether two names are spellings of one: in other letters, widths or forms, or of the same domain."""
    return person(one) == person(other)


def person(name: str) -> str:
    """The form by which people are compared, never shown or stored: NFKC, case-folded, without what can't be seen."""
    text = name
    # More than once, because what is folded or left out can bring together letters that compose or fold again.
    for _ in range(3):
        text = _folded(text)
    local, at, domain = text.rpartition("@")
    return f"{local}{at}{'.'.join(map(_label, domain.rstrip('.').split('.')))}" if at else text


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # A Turkish I folds to an i with a dot above, or to one without any.
    text = text.replace("\u0131", "i").replace("i\u0307", "i")
    return " ".join("".join(char for char in text if char.isspace() or _is_seen(char)).split())


def _label(label: str) -> str:
    """A part of a domain as people read it: `xn--bcher-kva` is `bücher`."""
    if not label.startswith("xn--"):
        return label
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        return label


# As many digits as an entry of the audit trail can have.
GREATEST = 10**12 - 1


def whole_number(text: str, greatest: int = GREATEST) -> int | None:
    """The number that `text` writes in ASCII digits; None for anything else, and for one beyond `greatest`.

    Digits are counted first, because Python refuses to convert thousands of them.
    """
    if not (text.isascii() and text.isdigit()) or len(text.lstrip("0")) > len(str(greatest)):
        return None
    found = int(text.lstrip("0") or "0")
    return found if found <= greatest else None


def in_order(text: str) -> tuple[int, str]:
    """Sorts numbers by value, and what is no number before them."""
    found = whole_number(text)
    return (0, text) if found is None else (found, "")
