"""Moments as text."""

from datetime import UTC, datetime


def utc_text() -> str:
    """Now, UTC in ISO 8601 with microseconds, as audit entries carry it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
