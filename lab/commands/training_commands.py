"""Training under governance, and the data that it trains on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab.base.errors import UsageError
from lab.commands import printing
from lab.commands.approval_commands import signing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from rich.table import Table

    from lab.base.runs import Run
    from lab.operations.demo_run import DemoRun
    from lab.operations.seed import Seeded

_STATES = {"drifted": "red", "moderate": "yellow"}
_STEPS = {"SUCCESS": "green", "FAILURE": "red"}


def demo_run(voice: Voice, data: Annotated[str, Option("CSV file to train on instead of DATA_PATH")] = "") -> "DemoRun":
    """Trains, evaluates and registers a model. Raises LabError."""
    from lab import wiring
    from lab.base import interruption
    from lab.operations.demo_run import DemoRunner

    config = wiring.own_lab(wiring.config_to_run())
    return interruption.run(DemoRunner(config, voice.report).run(Path(data) if data else None))


def print_run(result: "DemoRun") -> None:
    """The summary of a training run."""
    run, succeeded = result.run, result.run.status == "SUCCESS"
    mark = f"[{'green]●' if succeeded else 'red]✖'} {run.status.lower()}[/]"
    printing.show(f"\nrun [bold]{run.run_id}[/]  {mark}  {printing.duration(run.seconds)}")
    if result.reason:
        printing.show(f"[red]{printing.escape(result.reason)}[/]")
    for what in result.unread:
        printing.show(f"[red]couldn't be read: {printing.escape(what)}[/]")
    if succeeded and not result.version and not result.unread:
        printing.show("[red]it registered no version[/]")
    printing.show(_steps(run))
    if result.version:
        printing.show(f"\nmodel [bold]{result.version.name} version {result.version.version}[/]")
        metrics = {name: f"{value:.6g}" for name, value in sorted(result.version.metrics.items())}
        printing.show(printing.pairs(metrics, "metric"))
        printing.show(printing.pairs(dict(sorted(result.version.tags.items())), "tag"))
    _print_entries(result)
    printing.show(printing.pairs(result.links, "link"))


def _steps(run: "Run") -> "Table":
    table = printing.new_table("step", "state", "seconds")
    for step in run.steps:
        seconds = "" if step.seconds is None else f"{step.seconds:.2f}"
        table.add_row(step.name, f"[{_STEPS.get(step.status, 'yellow')}]{step.status.lower()}[/]", seconds)
    return table


def _print_entries(result: "DemoRun") -> None:
    table = printing.new_table("audit", "action", "status", "owner", "role", "environment", "hash")
    for entry in result.entries:
        row = (str(entry.seq), entry.action, entry.status, entry.owner, entry.role, entry.environment, entry.hash[:12])
        table.add_row(*map(printing.escape, row))
    printing.show(table)
    for fault in result.faults:
        printing.show(f"[red]audit trail: {printing.escape(fault)}[/]")


def seed(
    voice: Voice,
    drift: Annotated[bool, Option("plant a drift: the same population in worse times")] = False,
    reset: Annotated[bool, Option("take a planted drift back")] = False,
    key: Annotated[str, Option("SSH key that signs for a new baseline, where the policy asks for that")] = "",
    reason: Annotated[str, Option("why this baseline, for the audit trail")] = "",
) -> "Seeded":
    """Records data set and baseline, or plants or takes back a drift. Raises LabError."""
    from lab import wiring
    from lab.operations.seed import Seeder

    if drift and reset:
        raise UsageError("--drift and --reset exclude each other.", "Give one of them.")
    seeder = Seeder(wiring.own_lab())
    if drift or reset:
        return seeder.plant_drift() if drift else seeder.reset()
    return seeder.seed(signing(voice, key), reason)


def print_seeded(result: "Seeded") -> None:
    """What is current now, and how far from the baseline."""
    for name, data in (("baseline", result.baseline), ("current ", result.current)):
        printing.say(f"{name} {data.sha256[:12]}  {data.rows} rows from {data.source}")
    table = printing.new_table("feature", "PSI", "state")
    for feature in result.report.features[:8]:
        table.add_row(feature.name, f"{feature.psi:.3f}", f"[{_STATES.get(feature.state, 'green')}]{feature.state}[/]")
    printing.show(table)
    printing.say("drift detected" if result.report.detected else "no drift")
