"""One service, started or stopped while the rest of the lab goes on."""

from dataclasses import dataclass

from lab.base import interruption
from lab.base.catalogue import BY_NAME, Service
from lab.base.dependencies import needed_by
from lab.base.errors import Interrupted, LabError
from lab.base.progress import Progress, Report
from lab.config import LabConfig
from lab.operations import bring_up, lifecycle
from lab.operations.runs_in_progress import say_what_ends
from lab.runtime.lab_marker import recorded_runtime
from lab.runtime.runtime import Runtime


@dataclass(frozen=True)
class Stopped:
    """A service that was stopped; `already` when it didn't run, `hindered` are those that can't work without it."""

    service: str
    already: bool
    hindered: tuple[str, ...]


def start(config: LabConfig, runtime: Runtime, name: str, report: Report) -> bring_up.UpResult:
    """Starts one service and waits until it is healthy. Raises LabError."""
    chosen = lifecycle.service_named(name).name
    lifecycle.refuse_unready(config)
    provision, deadline_s = lifecycle.provision(config, runtime), lifecycle.start_deadline_s(runtime)
    try:
        return interruption.run(bring_up.start_one(config, runtime, chosen, provision, report, deadline_s))
    except KeyboardInterrupt:
        raise Interrupted(
            f"start was interrupted: {name} starts, and nobody waits for it.", "Type `invoke status`."
        ) from None


def stop(config: LabConfig, runtime: Runtime, name: str, report: Report) -> Stopped:
    """Stops one service until somebody starts it again; runs that need it end, which is said. Raises LabError."""
    chosen = lifecycle.service_named(name).name
    if not recorded_runtime(config.home):
        raise LabError(f"The lab {config.name} at {config.home} was never started.", "Type `invoke up`.")
    facts = runtime.facts()
    if facts[chosen].state == "absent":
        raise LabError(f"{BY_NAME[chosen].title} isn't installed: {facts[chosen].reason}.", facts[chosen].remedy)
    if all(one.state in {"absent", "stopped"} for one in facts.values()):
        raise LabError("The lab is down: there is nothing to stop.", "Type `invoke up`.")
    hindered = tuple(str(one) for one in needed_by(chosen) if facts[one].state not in {"absent", "stopped"})
    if facts[chosen].deliberate:
        return Stopped(chosen, True, hindered)
    say_what_ends(config, runtime, [chosen], report)
    runtime.halt(chosen, config.actor.owner, lambda text: report(Progress("lab", "stopping", text)))
    return Stopped(chosen, False, hindered)


def titles(services: tuple[str, ...]) -> str:
    """`MLflow, Dagster`."""
    return ", ".join(BY_NAME[Service(one)].title for one in services)
