"""One snapshot as text."""

import io

import pytest
from rich.console import Console

from lab.commands.once import MOST_ROWS, PIPED_WIDTH, print_snapshot
from tests.screen import snapshots
from tests.views.panels import panel


def printed(state: str, **options: object) -> str:
    out = io.StringIO()
    console = Console(file=out, highlight=False, **options)  # type: ignore[arg-type]
    print_snapshot(snapshots.ALL[state], snapshots.CLOCK, console)
    return out.getvalue()


@pytest.mark.parametrize("state", snapshots.ALL)
def test_holds_every_part_without_colour_in_a_pipe(state: str) -> None:
    text = printed(state)
    assert "\x1b" not in text
    for title in ("SERVICES", "RUNS", "MODELS", "AUDIT", "DRIFT & ALERTS"):
        assert f"\n{title}" in text
    assert max(map(len, text.splitlines())) <= PIPED_WIDTH


def test_fits_the_terminal_and_has_colour_there() -> None:
    text = printed("drifted", force_terminal=True, width=100, color_system="standard", _environ={})
    assert "\x1b[" in text
    assert (
        max(len(line) for line in printed("drifted", force_terminal=True, width=100, color_system=None).splitlines())
        <= 100
    )


def test_long_tables_say_how_much_is_left() -> None:
    # A line for each run stands above its entries.
    left = len(panel("audit", snapshots.HEALTHY).rows) - MOST_ROWS
    assert f"… and {left} more: --json has them all" in printed("healthy")


def test_shows_brackets_as_they_are() -> None:
    assert "isn't up" in printed("down")
    assert "connection refused" in printed("failed")
