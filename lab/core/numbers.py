"""Whole numbers out of text that comes from outside."""

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
