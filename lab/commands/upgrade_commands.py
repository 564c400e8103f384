"""A lab's data become what newer code needs, or stay what they were."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab.commands import printing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.operations.upgrade import PutBack, Upgraded


def upgrade(
    voice: Voice,
    output: Annotated[str, Option("file for the backup; without it one here, named by lab and time")] = "",
    put_back: Annotated[bool, Option("only put back what an interrupted upgrade changed")] = False,
) -> "Upgraded | PutBack":
    """Upgrades the lab, or only puts back. Raises LabError."""
    from lab import wiring
    from lab.operations import backup, lifecycle, upgrade_steps
    from lab.operations.restore_guard import refuse_half_restored
    from lab.operations.upgrade import PutBack, Upgrade
    from lab.operations.upgrade_mark import UpgradeMark, alone

    config = wiring.load_config()
    lifecycle.refuse_unfit_restart(config, wiring.binaries(), "")
    refuse_half_restored(config)
    target = Path(output).expanduser().absolute() if output else backup.default_target(config)
    runtime, tools = wiring.runtime(config), wiring.binaries().postgres_folder()
    with alone(config):
        steps = upgrade_steps.LabSteps(config, runtime, tools, target, voice.report)
        one = Upgrade(config.name, target, steps, UpgradeMark(config), voice.report)
        return PutBack(config.name, one.put_back_interrupted()) if put_back else one.run()


def print_upgraded(made: "Upgraded | PutBack") -> None:
    """What was done, and the way back."""
    from lab.operations.upgrade import PutBack

    if isinstance(made, PutBack):
        down = "the databases are as before the upgrade, and the lab is down"
        printing.say(down if made.put_back else "there is nothing to put back")
        return
    before = made.before or "a format that wasn't written down"
    printing.say(f"{made.lab} is up after {made.seconds:.1f} s: {before} → {made.now}")
    printing.say(f"{made.entries} audit entries and {made.versions} model versions verified")
    for note in made.notes:
        printing.say(f"note: {note}")
    printing.say(f"backup: {made.backup}  SHA-256 {made.sha256}")
    printing.say(
        f"the way back: `invoke nuke`, `git checkout {made.earlier or 'COMMIT'}`, `./run restore {made.backup}`"
    )
