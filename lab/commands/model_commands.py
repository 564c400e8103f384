"""The folder of a new model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab.commands import printing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.models.proposal.proposing import Proposal


def new_model(
    voice: Voice,
    name: Annotated[str, Option("the model's name, as the registry will know it", "NAME", bare=True)],
    data: Annotated[str, Option("CSV or Parquet file to look at", "FILE", named=True)],
    target: Annotated[str, Option("column that the model predicts", "COLUMN", named=True)],
    task: Annotated[str, Option("binary, multiclass or regression, where the data doesn't tell")] = "",
    dry_run: Annotated[bool, Option("write nothing")] = False,
) -> "Proposal":
    """Proposes a model's folder from a first look at its data. Raises LabError for what a person must decide first."""
    from lab.envfile import ROOT
    from lab.models.proposal.proposing import propose

    return propose(ROOT, name, Path(data).expanduser(), target, task, dry_run, voice.say)


def print_proposal(made: "Proposal") -> None:
    """What was made, what to look at, and what comes next."""
    printing.say(f"{made.name}: {made.task} of {made.target!r}, from {made.features} columns and {made.rows} rows.")
    for change in made.changes:
        printing.say(f"in the copy of the data: {change}")
    if made.looks:
        table = printing.new_table("column", "look at")
        for look in made.looks:
            table.add_row(printing.escape(look.column), printing.escape(look.says))
        printing.show(table)
    if not made.written:
        for name, text in made.files.items():
            printing.say(f"\n--- {made.folder / name}\n{text}")
        printing.say("Nothing was written.")
        return
    printing.say(f"written: {', '.join(str(made.folder / name) for name in made.files)}; data: {made.data}")
    printing.say(f"next: look through model.yaml, then type invoke train {made.name}")
    printing.say(f"its test: .venv/bin/python -m pytest pipelines/{made.folder.name}")
