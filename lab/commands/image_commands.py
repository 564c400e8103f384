"""What the lab needs before it starts: prepared, and taken to a machine without a registry."""

from typing import TYPE_CHECKING, Annotated

from lab.base.errors import UsageError
from lab.commands import printing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.config import LabConfig


def build(
    voice: Voice,
    airgap: Annotated[bool, Option("make every image from Debian packages and wheels: no registry is asked")] = False,
    bundle: Annotated[str, Option("take the images from a file that `invoke bundle` wrote")] = "",
    pin: Annotated[bool, Option("write the digests that official images have now into stack/images.env")] = False,
    fresh: Annotated[bool, Option("build anew instead of from what earlier builds left")] = False,
) -> None:
    """Prepares what the runtime needs. Raises LabError."""
    from lab import wiring
    from lab.operations import lab_images, lifecycle

    if sum((airgap, bool(bundle), pin)) > 1:
        raise UsageError("--airgap, --bundle and --pin exclude each other.", "Give one of them.")
    if fresh and (bundle or pin):
        raise UsageError("With --bundle or --pin nothing is built.", "Leave out --fresh.")
    config = wiring.load_config()
    if airgap or bundle or pin or lab_images.wanted(config):
        _build_images(voice, config, airgap, bundle, pin, fresh)
    elif fresh:
        raise UsageError("--fresh is for images, and this lab runs without.", "Leave it out.")
    else:
        lifecycle.build(wiring.binaries(), voice.say)


def _build_images(voice: Voice, config: "LabConfig", airgap: bool, bundle: str, pin: bool, fresh: bool) -> None:
    from lab.operations import lab_images

    # Not the table's board: without images processes are forked, which must not find a thread that draws.
    with printing.board("Building") as report:
        if bundle:
            loaded = lab_images.load(config, bundle, report)
        elif pin:
            lab_images.pin(config, report)
        else:
            lab_images.build(config, report, airgap, fresh)
    if bundle:
        voice.say(f"loaded {len(loaded.images)} images from {loaded.file}, SHA-256 {loaded.sha256}")
    voice.say("next: invoke up" if not pin else "next: look at `git diff stack/images.env`, then invoke build")


def bundle(
    voice: Voice,
    output: Annotated[str, Option("file to write; without it one here, named by lab and day")] = "",
    force: Annotated[bool, Option("replace the file")] = False,
) -> None:
    """Writes the images into a file. Raises LabError."""
    from lab import wiring
    from lab.operations import lab_images

    saved = lab_images.save(wiring.load_config(), output, force, voice.report)
    voice.say(f"{saved.file}: {saved.bytes / 1e6:.0f} MB, {len(saved.images)} images, in {saved.seconds:.0f} s")
    voice.say(f"SHA-256 {saved.sha256}\nnext, on the other machine: invoke build --bundle {saved.file}")
