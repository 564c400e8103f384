"""What a person may type to name a moment of a recording."""

import re
from datetime import datetime, timedelta, tzinfo

from lab.recording.recorder import parse_duration
from lab.screen.replay.player import Player

HINT = "14:30 · 14:30:05 · 11-23 14:30 · 2026-11-23 14:30 · +10m · -2h · 50%"
_FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%m-%d %H:%M:%S",
    "%m-%d %H:%M",
    "%m-%d",
    "%H:%M:%S",
    "%H:%M",
)


def parse_moment(text: str, player: Player) -> float:
    """Epoch seconds of what was typed, seen from where `player` stands. Raises ValueError with a hint."""
    here, start, end = player.now, player.recording.start, player.recording.end
    typed = re.sub(r"\s+", " ", text.strip()).replace("T", " ")
    if found := re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", typed):
        return start + (end - start) * min(float(found[1]), 100.0) / 100
    if typed[:1] in {"+", "-"}:
        return here.timestamp() + (1 if typed[0] == "+" else -1) * parse_duration(typed[1:])
    for form in _FORMS:
        # With its year in front, February 29 is a day in the years that have one.
        full, spelled = (form, typed) if "%Y" in form else (f"%Y {form}", f"{here.year} {typed}")
        try:
            found_time = datetime.strptime(spelled, full)
        except ValueError:
            continue
        if "%d" in form:
            return _epoch(found_time, player.zone)
        # A time of day is the one of the day in view, or of the nearest day that was recorded.
        today = datetime.combine(here.date(), found_time.time())
        days = [_epoch(today + timedelta(days=offset), player.zone) for offset in (0, -1, 1)]
        return next((moment for moment in days if start <= moment <= end), days[0])
    raise ValueError(f"{text!r} is no moment; say {HINT}")


def _epoch(local: datetime, zone: tzinfo | None) -> float:
    return (local.replace(tzinfo=zone) if zone else local.astimezone()).timestamp()
