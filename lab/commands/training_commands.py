"""Training under governance, and the data that it trains on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab.base.errors import LabError, UsageError
from lab.commands import printing
from lab.commands.approval_commands import MODEL, signing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from rich.table import Table

    from lab.base.runs import Run
    from lab.operations.cancel_run import Cancelled
    from lab.operations.demo_run import DemoRun
    from lab.operations.model_list import ModelList, ModelState
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


def train(
    voice: Voice,
    name: Annotated[str, Option("registered name or folder of the model", "NAME", bare=True)],
    data: Annotated[str, Option("file to train on instead of the model's own data")] = "",
) -> "DemoRun":
    """Trains, evaluates and registers one model. Raises LabError."""
    from lab import wiring
    from lab.base import interruption
    from lab.models.model_folder import the_model
    from lab.operations.demo_run import DemoRunner, readable
    from lab.operations.model_environments import prepare
    from lab.operations.seed import Seeder

    config = wiring.config_to_run()
    # Wrong usage is wrong in a lab that is down, too.
    model = the_model(config.pipelines, name)
    path = readable(Path(data)) if data else None
    config = wiring.own_lab(config)
    prepare(config, model, voice.say)
    seeder = Seeder(config, model)
    if seeder.baseline() is None:
        # Without one its drift would be unknown, and that alone blocks every version.
        baseline = seeder.seed(signing(voice, ""), f"first training of {name}").baseline
        voice.say(f"baseline of {name}: {baseline.rows} rows, SHA-256 {baseline.sha256[:12]}")
    return interruption.run(DemoRunner(config, voice.report).run(path, model=name, trigger="train"))


def models(_: Voice) -> "ModelList":
    """Every model of the lab. Raises LabError."""
    from lab import wiring
    from lab.base import interruption
    from lab.operations.model_list import list_models

    config = wiring.load_config()
    try:
        wiring.own_lab(config)
    except LabError as err:
        # The folders are this project's all the same.
        return interruption.run(list_models(config, unread=err.message))
    return interruption.run(list_models(config))


def unsound(found: "ModelList") -> int:
    """1 when a model can't be trained."""
    return int(not found.sound)


def print_models(found: "ModelList") -> None:
    """A line for each, and what is wrong with those that can't be trained."""
    if not found.models:
        printing.say("no model yet; make one: invoke new-model NAME --data FILE --target COLUMN")
        return
    table = printing.new_table(
        "model", "folder", "task", "versions", "newest", "staging", "champion", "schedule", "packages"
    )
    for one in found.models:
        table.add_row(*map(printing.escape, _model_cells(one)))
    printing.show(table)
    for one in found.models:
        name = printing.escape(one.name or one.folder)
        if one.problem:
            printing.show(f"[red]{name}: {printing.escape(one.problem)}[/]")
        elif one.failed_run:
            why = printing.escape(one.failure.partition("\n")[0] or "see its events")
            printing.show(f"[red]{name}: run {one.failed_run[:8]}, its newest, failed: {why}[/]")
        elif one.removed:
            printing.show(f"{name}: its folder is gone; its versions stay governed")
    for what, why in {"versions are": found.unread, "failed runs are": found.runs_unread}.items():
        if why:
            printing.show(f"[yellow]{what} unknown: {printing.escape(why)}[/]")
    printing.say(f"next: {_next(found)}")


def _next(found: "ModelList") -> str:
    """What to type for the first model that needs something, the gravest first."""
    there = [one for one in found.models if not one.removed]
    if broken := next((one for one in there if one.problem), None):
        return f"mend {broken.folder}, then type invoke models"
    if found.unread:
        return "invoke up"
    if failed := next((one for one in there if one.failed_run), None):
        return f"mend what the reason names, then type invoke train {failed.name}"
    for one in there:
        given = f'--model {one.name} --version {one.newest} --reason "…"'
        if one.approval.startswith("pending"):
            return f"somebody else: invoke approve {given}"
        if one.newest and one.newest != {"approved_staging": one.staging, "approved_prod": one.champion}.get(
            one.approval, one.newest
        ):
            return f"invoke promote {given}"
        if not one.versions:
            return f"invoke train {one.name}"
    return "invoke new-model NAME --data FILE --target COLUMN makes another one"


def _model_cells(one: "ModelState") -> tuple[str, ...]:
    state = "" if not one.newest else f"{one.newest}: {one.approval.replace('_', ' ') or 'no state'}"
    count = "?" if one.versions is None else str(one.versions)
    name = f"{one.name} (default)" if one.default else one.name
    packages = one.environment or "the lab's"
    head = (name, one.folder or "–", one.task or "–", count, state)
    return (*head, one.staging, one.champion, one.schedule or "–", packages)


def cancel(
    voice: Voice, run: Annotated[str, Option("id of the run, or enough of its beginning", "RUN", bare=True)]
) -> "Cancelled":
    """Stops a run that goes on. Raises LabError."""
    from lab import wiring
    from lab.base import interruption
    from lab.operations.cancel_run import RunCanceller

    return interruption.run(RunCanceller(wiring.own_lab(), voice.report).cancel(run))


def print_cancelled(made: "Cancelled") -> None:
    """How the run ended, and where that is on record."""
    printing.say(f"run {made.run.run_id} is {made.run.status.lower()}; audit entry {made.entry.seq} says who asked")
    printing.say("next: invoke demo-run, or mlops-lab to see what it left")


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
    printing.say(f"next: {_after(result)}")


def _after(result: "DemoRun") -> str:
    """What to type when the run has ended."""
    if result.run.status == "CANCELED":
        return "run it again when it may go on; the audit trail in mlops-lab says who asked for the stop"
    if not result.version:
        return "mend what the reason above names, then run it again; mlops-lab shows the run's events"
    name, number = result.version.name, result.version.version
    return f'somebody else: invoke approve --model {name} --version {number} --reason "…"; mlops-lab shows the gates'


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
    model: Annotated[str, MODEL] = "",
) -> "Seeded":
    """Records data set and baseline, or plants or takes back a drift. Raises LabError."""
    from lab import wiring
    from lab.models.model_folder import the_model
    from lab.operations.seed import Seeder, ask_monitor

    if drift and reset:
        raise UsageError("--drift and --reset exclude each other.", "Give one of them.")
    config = wiring.own_lab()
    seeder = Seeder(config, the_model(config.pipelines, model))
    planted = drift or reset
    made = (seeder.plant_drift() if drift else seeder.reset()) if planted else seeder.seed(signing(voice, key), reason)
    ask_monitor(config)
    return made


def print_seeded(result: "Seeded") -> None:
    """What is current now, and how far from the baseline."""
    for name, data in (("baseline", result.baseline), ("current ", result.current)):
        printing.say(f"{name} {data.sha256[:12]}  {data.rows} rows from {data.source}")
    table = printing.new_table("feature", "PSI", "state")
    for feature in result.report.features[:8]:
        table.add_row(feature.name, f"{feature.psi:.3f}", f"[{_STATES.get(feature.state, 'green')}]{feature.state}[/]")
    printing.show(table)
    if result.report.detected:
        name = f" --model {result.report.model}" if result.report.model else ""
        printing.say(
            f"drift detected: promotion is blocked; next: mlops-lab, and invoke seed --reset{name} takes it back"
        )
    else:
        printing.say("no drift; next: invoke demo-run")
