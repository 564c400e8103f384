"""One service: started, and stopped on purpose."""

from typing import TYPE_CHECKING, Annotated

from lab.commands import printing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.operations.bring_up import UpResult
    from lab.operations.one_service import Stopped

_SERVICE = Option("which one, as `invoke status` calls it", "SERVICE", bare=True)


def start(voice: Voice, service: Annotated[str, _SERVICE]) -> "tuple[str, UpResult]":
    """Starts a service that doesn't run. Raises LabError."""
    from lab import wiring
    from lab.operations import lifecycle, one_service

    config = wiring.load_config()
    lifecycle.refuse_unfit_restart(config, wiring.binaries(), service)
    return service, one_service.start(config, wiring.runtime(config), service, voice.report)


def stop(voice: Voice, service: Annotated[str, _SERVICE]) -> "Stopped":
    """Stops a service until somebody starts it again. Raises LabError."""
    from lab import wiring
    from lab.operations import one_service

    config = wiring.load_config()
    return one_service.stop(config, wiring.runtime(config), service, voice.report)


def print_started(made: "tuple[str, UpResult]") -> None:
    """What `start` ends with."""
    name, result = made
    if result.already:
        printing.say(f"{name} runs already: nothing to do; invoke restart {name} starts it anew")
    else:
        printing.say(f"{name} is up after {result.seconds:.1f} s; next: invoke status")


def print_stopped(made: "Stopped") -> None:
    """What `stop` ends with."""
    from lab.operations.one_service import titles

    what = "is stopped already" if made.already else "is stopped"
    without = f"; without it these don't work: {titles(made.hindered)}" if made.hindered else ""
    printing.say(f"{made.service} {what}{without}; next: invoke start {made.service}")
