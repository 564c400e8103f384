"""What `build` and `bundle` print."""

from lab import wiring
from lab.base.errors import UsageError
from lab.commands import printing
from lab.operations import lab_images, lifecycle


def build(airgap: bool, bundle: str, pin: bool, fresh: bool) -> None:
    """Prepares what the runtime needs. Raises LabError."""
    if sum((airgap, bool(bundle), pin)) > 1:
        raise UsageError("--airgap, --bundle and --pin exclude each other.", "Give one of them.")
    config = wiring.load_config()
    if not (airgap or bundle or pin or lab_images.wanted(config)):
        if fresh:
            raise UsageError("--fresh is for images, and this lab runs without.", "Leave it out.")
        lifecycle.build(wiring.binaries(), printing.say)
        return
    with printing.board("Building") as report:
        if bundle:
            loaded = lab_images.load(config, bundle, report)
        elif pin:
            lab_images.pin(config, report)
        else:
            lab_images.build(config, report, airgap, fresh)
    if bundle:
        printing.say(f"loaded {len(loaded.images)} images from {loaded.file}, SHA-256 {loaded.sha256}")
    printing.say("next: invoke up" if not pin else "next: look at `git diff stack/images.env`, then invoke build")


def bundle(output: str, force: bool) -> None:
    """Writes the images into a file. Raises LabError."""
    with printing.board("Saving") as report:
        saved = lab_images.save(wiring.load_config(), output, force, report)
    printing.say(f"{saved.file}: {saved.bytes / 1e6:.0f} MB, {len(saved.images)} images, in {saved.seconds:.0f} s")
    printing.say(f"SHA-256 {saved.sha256}\nnext, on the other machine: invoke build --bundle {saved.file}")
