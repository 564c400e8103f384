"""Backup and restore on the command line: one call of a use case each, its outcome, an exit code."""

from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.progress import Progress
from lab.commands import printing

if TYPE_CHECKING:
    from lab.operations.backup import Backup
    from lab.operations.restore import Restored

WRONG = 1


def back_up(output: str = "", json: bool = False) -> None:
    """Writes a backup and says what is in it. Raises LabError."""
    from lab import wiring
    from lab.operations import backup

    config = wiring.own_lab()
    target = Path(output).expanduser().absolute() if output else backup.default_target(config)
    tools = wiring.binaries().postgres_folder()
    with printing.board("Backing up", quiet=json) as report:
        made = backup.back_up(config, wiring.runtime(config).name, tools, target, report)
    printing.print_json(made) if json else print_backup(made)


def bring_back(file: str, json: bool = False) -> int:
    """Restores a backup and says what is there again; 1 when its trail isn't intact. Raises LabError."""
    from lab import wiring
    from lab.operations import lifecycle, restore

    path = Path(file).expanduser().absolute()
    lifecycle.refuse_unfit_host(wiring.load_config(), wiring.binaries())
    with printing.board("Restoring", quiet=json) as report:
        # First, so that a file that is no backup leaves no settings behind.
        manifest = restore.examine(wiring.load_config(), path, report)
        config, done = wiring.first_config()
        if done:
            report(Progress("lab", "preparing", done))
        runtime, tools = wiring.runtime(config), wiring.binaries().postgres_folder()
        restored = restore.restore(config, runtime, tools, path, manifest, report)
    printing.print_json(restored) if json else print_restored(restored)
    return 0 if restored.succeeded else WRONG


def print_backup(made: "Backup") -> None:
    """Where the backup is, and what it holds."""
    counts = made.counts
    printing.say(f"{made.file}  {made.bytes / 1e6:.1f} MB after {made.seconds:.1f} s")
    printing.say(f"SHA-256 {made.sha256}")
    printing.say(
        f"{counts.runs} runs, {counts.versions} model versions, {made.objects} objects, {counts.entries} audit entries"
    )
    printing.say(f"head of the audit trail: {made.head.seq} {made.head.hash}")
    for fault in made.faults:
        printing.say(f"the audit trail isn't intact: {fault}")
    printing.say("secrets are not in it: a restored lab has those of its own .env")


def print_restored(done: "Restored") -> None:
    """What is there again."""
    counts = done.counts
    printing.say(f"{done.lab} is up after {done.seconds:.1f} s with what {done.from_lab} held at {done.made_at}")
    printing.say(
        f"{counts.runs} runs, {counts.versions} model versions, {done.objects} objects, {counts.entries} audit entries"
    )
    for note in done.notes:
        printing.say(f"note: {note}")
    for fault in done.faults:
        printing.say(f"the audit trail isn't intact: {fault}")
    if done.succeeded:
        printing.say(f"the audit trail is intact: head {done.head.seq}, {done.heads} published heads compared")
