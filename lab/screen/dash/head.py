"""The line over a dashboard: its title, its time, its variables, how old it is and whether something failed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from lab.dashboards.looking import Looked
from lab.dashboards.times import written
from lab.screen.dash.dash_loop import DashLoop
from lab.views.formats import age

Part = tuple[str, str]
_LONGEST = 40


def head_of(
    loop: DashLoop, looked: Looked | None, wanted: Mapping[str, int], now: datetime, trouble: str
) -> Sequence[Part]:
    """Pieces of text with Textual's styles; what matters most comes first, as the end may be cut off."""
    title: Part = (f" {loop.wish.board.title} ", "bold")
    if trouble:
        return [title, (f" ✗ {trouble}", "bold $error")]
    parts = [title, (f" {loop.wish.times.shown} ", "$accent")]
    if looked is None:
        return [*parts, (" waiting for Prometheus", "$foreground-muted")]
    failed = sum(bool(data.troubles) for key in wanted if (data := looked.data.get(key)))
    if failed:
        parts.append((f" ✗ {failed} failed ", "bold $error"))
    return [*parts, *_variables(looked), _freshness(loop, looked, wanted, now)]


def _variables(looked: Looked) -> list[Part]:
    parts: list[Part] = []
    for name, one in looked.scope.variables.items():
        if not one.variable.hidden and one.variable.kind not in {"datasource", "constant"}:
            shown = one.shown or ("✗" if one.trouble else "–")
            short = shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
            parts += [
                (f" {one.variable.label or name} ", "$foreground-muted"),
                (f"{short} ", "$error" if one.trouble else ""),
            ]
    return parts


def _freshness(loop: DashLoop, looked: Looked, wanted: Mapping[str, int], now: datetime) -> Part:
    asked = [data.asked_at for key in wanted if (data := looked.data.get(key)) and data.asked_at]
    since = age(now.timestamp() - min(asked)) if asked else "asking"
    since = f"{since} old" if asked and since != "now" else since
    every = "paused" if loop.paused else f"every {written(loop.pause_s)}" if loop.pause_s else "no refresh"
    return f" {since} · {every} ", "$foreground-muted"
