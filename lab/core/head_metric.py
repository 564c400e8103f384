"""The trail's head as metrics: a SHA-256 in numbers that a 64-bit float holds exactly."""

from collections.abc import Mapping

ENTRIES, HASH = "governance_ledger_entries", "governance_ledger_head_hash"
# 13 hexadecimal digits are 52 bits; five such parts hold a SHA-256.
DIGITS, PARTS = 13, 5
_LENGTH = 64


def to_parts(digest: str) -> dict[str, float]:
    """The value of each part, by the label's text; zeros for an empty digest."""
    return {str(i): float(int(digest[i * DIGITS : (i + 1) * DIGITS] or "0", 16)) for i in range(PARTS)}


def from_parts(parts: Mapping[str, float]) -> str:
    """The digest again; empty when parts are missing or all are zero."""
    if set(parts) != {str(i) for i in range(PARTS)} or not any(parts.values()):
        return ""
    widths = [min(DIGITS, _LENGTH - i * DIGITS) for i in range(PARTS)]
    return "".join(f"{int(parts[str(i)]):0{width}x}" for i, width in enumerate(widths))
