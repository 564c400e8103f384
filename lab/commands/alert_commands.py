"""Alerts: whether they arrive, and what fired."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from lab.base.errors import UsageError
from lab.commands import printing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.base.monitoring import Firing
    from lab.operations.alert_test import AlertTest

_OUTCOMES = {
    "sent": "[green]● sent[/]",
    "refused": "[red]✖ refused[/]",
    "unreachable": "[red]✖ unreachable[/]",
    "silent": "[red]✖ no answer[/]",
}
_MOST_HOURS = 168


def alert_test(voice: Voice) -> "AlertTest":
    """Sends a test alert to every receiver. Raises LabError."""
    from lab import wiring
    from lab.base import interruption
    from lab.operations.alert_test import alert_test as test

    config = wiring.own_lab()
    voice.say("sending a test alert to every receiver …")
    return interruption.run(test(config, wiring.runtime(config)))


def print_test(result: "AlertTest") -> None:
    """What each receiver answered."""
    table = printing.new_table("receiver", "at", "answer", "status", "detail")
    for one in result.answers:
        status = "" if one.status is None else str(one.status)
        table.add_row(
            one.receiver, printing.escape(one.host), _OUTCOMES[one.outcome], status, printing.escape(one.detail)
        )
    printing.show(table)
    if result.succeeded:
        printing.say("next: look whether it arrived; mlops-lab alerts shows what fired")
    else:
        printing.say("next: mend what is named above, type invoke up, and try again: docs/alerts.md")


def history(_: Voice, hours: Annotated[int, Option("how far to look back, at most 168")] = 24) -> "Sequence[Firing]":
    """What fired lately, and what of it was resolved. Raises LabError."""
    from lab import wiring
    from lab.base import interruption
    from lab.operations.alert_history import alert_history

    if not 1 <= hours <= _MOST_HOURS:
        raise UsageError(f"--hours={hours} is not between 1 and {_MOST_HOURS}, which Prometheus keeps.")
    return interruption.run(alert_history(wiring.own_lab(), hours))


def print_history(found: "Sequence[Firing]") -> None:
    """The alerts, the newest first."""
    if not found:
        printing.say("nothing fired")
        return
    table = printing.new_table("fired at", "resolved at", "alert", "severity", "about")
    for one in found:
        about = ", ".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
        ended = _moment(one.resolved_at) if one.resolved_at else "[red]firing[/]"
        table.add_row(_moment(one.fired_at), ended, one.name, one.severity, printing.escape(about))
    printing.show(table)


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch).astimezone().strftime("%Y-%m-%d %H:%M:%S")
