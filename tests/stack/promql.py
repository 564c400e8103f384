"""Which metrics an expression reads: enough of PromQL's grammar for the lab's own expressions."""

import re

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_LABELS = re.compile(r"\{[^}]*\}|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\[[^]]*\]")
_NAMES = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\()\b(?!\s*\()")
_WORDS = {"or", "and", "unless", "by", "without", "on", "ignoring", "bool", "offset", "inf", "nan"}


def metrics(expression: str) -> set[str]:
    """Names of the metrics in `expression`."""
    bare = _LABELS.sub(" ", _STRINGS.sub('""', expression))
    return {name for name in _NAMES.findall(bare) if name.lower() not in _WORDS}
