"""Everything that a lab knows in one file, and a lab made of one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab.commands import printing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.operations.backup import Backup
    from lab.operations.restore import Restored


def back_up(
    voice: Voice, output: Annotated[str, Option("file to write; without it one here, named by lab and time")] = ""
) -> "Backup":
    """Writes a backup. Raises LabError."""
    from lab import wiring
    from lab.operations import backup
    from lab.operations.upgrade_mark import refuse_half_upgraded

    config = wiring.own_lab()
    refuse_half_upgraded(config)
    target = Path(output).expanduser().absolute() if output else backup.default_target(config)
    return backup.back_up(
        config, wiring.runtime(config).name, wiring.binaries().postgres_folder(), target, voice.report
    )


def restore(voice: Voice, file: Annotated[str, Option("what `invoke backup` wrote", bare=True)]) -> "Restored":
    """Makes a lab that is empty what a backup holds. Raises LabError."""
    from lab import wiring
    from lab.base.progress import Progress
    from lab.operations import lifecycle, restore

    path = Path(file).expanduser().absolute()
    lifecycle.refuse_unfit_host(wiring.load_config(), wiring.binaries())
    # First, so that a file that is no backup leaves no settings behind.
    manifest = restore.examine(wiring.load_config(), path, voice.report)
    config, done = wiring.first_config()
    if done:
        voice.report(Progress("lab", "preparing", done))
    runtime, tools = wiring.runtime(config), wiring.binaries().postgres_folder()
    return restore.restore(config, runtime, tools, path, manifest, voice.report)


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
    printing.say(f"next, in a lab that is empty: invoke restore {made.file}")


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
        printing.say(
            f"the audit trail is intact: head {done.head.seq}, {done.heads} published heads compared; next: mlops-lab"
        )
