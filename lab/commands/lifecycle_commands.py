"""The lab as a whole, and its services: started, shown, stopped, removed, and what would keep it from starting."""

import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lab.commands import printing
from lab.commands.command import Option, Voice

if TYPE_CHECKING:
    from lab.base.catalogue import Service
    from lab.config import LabConfig
    from lab.observe.snapshot import ServiceState
    from lab.operations.bring_up import UpResult
    from lab.operations.doctor.finding import Finding

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_HEALTH = {
    "up": "[green]● up[/]",
    "starting": "[yellow]◌ starting[/]",
    "degraded": "[yellow]◐ degraded[/]",
    "down": "[red]✖ down[/]",
    "absent": "[dim]– absent[/]",
}
_VERDICTS = {"ok": "[green]● ok[/]", "warn": "[yellow]▲ warn[/]", "fail": "[red]✖ fail[/]"}
_ONE_OR_ALL = Option("one service; all of them without it", "SERVICE", bare=True)


def up(voice: Voice) -> "tuple[LabConfig, UpResult]":
    """Starts every service. Raises LabError."""
    from lab import wiring
    from lab.operations import lifecycle

    # Before settings are written down: a port offset that doesn't fit must not stay.
    config = wiring.load_config()
    lifecycle.refuse_unfit_host(config, wiring.binaries(config))
    config, done = wiring.first_config()
    if done:
        voice.say(done)
    return config, lifecycle.up(config, wiring.runtime(config), voice.report)


def restart(voice: Voice, service: Annotated[str, _ONE_OR_ALL] = "") -> "tuple[LabConfig, UpResult]":
    """Stops and starts a service, or all. Raises LabError."""
    from lab import wiring
    from lab.operations import lifecycle

    config = wiring.load_config()
    lifecycle.refuse_unfit_restart(config, wiring.binaries(), service)
    return config, lifecycle.restart(config, wiring.runtime(config), service, voice.report)


def print_up(made: "tuple[LabConfig, UpResult]") -> None:
    """What `up` and `restart` end with."""
    config, result = made
    print_services(result.services, None if result.already else dict(result.ready_after))
    if result.already:
        printing.say(f"{config.name} is up already: nothing to do; next: mlops-lab")
    else:
        printing.say(f"{config.name} is up after {result.seconds:.1f} s; next: invoke demo-run, mlops-lab")


def down(voice: Voice) -> None:
    """Stops every service. Raises LabError."""
    from lab import wiring
    from lab.operations import lifecycle

    config = wiring.config_to_end()
    stopped = lifecycle.down(config, wiring.runtime(config), voice.say)
    voice.say("the lab is down; its data stays; next: invoke up" if stopped else "the lab was down already")


def nuke(
    voice: Voice,
    yes: Annotated[bool, Option("don't ask")] = False,
    keep_audit: Annotated[str, Option("write the audit trail to this file first (JSON Lines)")] = "",
    dry_run: Annotated[bool, Option("only say what would go")] = False,
) -> int:
    """Removes everything that this lab made, after asking; 1 when the answer is no. Raises LabError."""
    from lab import wiring
    from lab.operations import lifecycle

    config = wiring.config_to_end()
    runtime = wiring.runtime(config)
    doomed = lifecycle.doomed(config, runtime)
    if dry_run or not doomed:
        voice.say("\n".join(["would remove:", *doomed]) if doomed else "nothing of this lab is here")
        return 0
    if not yes and not printing.confirm("\n".join(["This removes:", *doomed]), config.name):
        sys.stderr.write("nothing was removed\n")
        return 1
    if keep_audit:
        kept = lifecycle.export_audit(wiring.own_lab(config), Path(keep_audit))
        voice.say(f"kept {kept} audit entries in {keep_audit}")
    lifecycle.nuke(config, runtime, voice.say)
    voice.say("the lab is gone; next: invoke up makes a new one")
    return 0


def status(_: Voice) -> "Sequence[ServiceState]":
    """The state of every service. Raises LabError."""
    from lab import wiring
    from lab.base import interruption
    from lab.operations import bring_up

    config = wiring.load_config()
    return interruption.run(bring_up.status(config, wiring.runtime(config)))


def not_all_up(states: "Sequence[ServiceState]") -> int:
    """1 when a service that must be up isn't."""
    from lab.operations import bring_up

    return int(not bring_up.all_up(states))


def print_services(states: "Sequence[ServiceState]", ready_after: dict[str, float] | None = None) -> None:
    """A table of services."""
    table = printing.new_table("service", "state", "address", "probe", "uptime", "memory")
    for state in states:
        probe = "" if state.latency_s is None else f"{state.latency_s * 1000:.0f} ms"
        if ready_after and state.name in ready_after:
            probe = f"after {ready_after[state.name]:.1f} s"
        memory = "" if not state.memory_bytes else f"{state.memory_bytes / 2**20:.0f} MB"
        health = "[dim]■ stopped[/]" if state.stopped else _HEALTH[state.health]
        table.add_row(state.name, health, state.url, probe, printing.duration(state.uptime_s), memory)
    printing.show(table)
    for state in states:
        if why := _why(state):
            printing.say(f"{state.name}: {why}")
    if ready_after is None and (ailing := [one for one in states if one.health not in {"up", "absent"}]):
        every = all(one.health == "down" for one in ailing) and not any(one.health == "up" for one in states)
        printing.say("next: invoke up" if every else f"next: invoke logs {ailing[0].name}, or invoke doctor")


def _why(state: "ServiceState") -> str:
    if state.health == "absent":
        return "not installed; `invoke doctor` says more"
    if state.health == "up":
        return ""
    # Some reasons are sentences, others are shown in a cell.
    said = f"{state.reason}." if state.reason and state.remedy and not state.reason.endswith(".") else state.reason
    return " ".join(part for part in (said, state.remedy) if part)


def logs(
    _: Voice,
    service: Annotated[str, _ONE_OR_ALL] = "",
    follow: Annotated[bool, Option("go on showing new lines until Ctrl-C")] = False,
    since: Annotated[str, Option("only lines newer than 30s, 10m, 2h, 1d or a time")] = "",
    lines: Annotated[str, Option("how many of the last lines to show: 50 of one service, 10 of each of all")] = "",
) -> None:
    """Prints log lines as they come. Raises LabError."""
    from lab import wiring
    from lab.operations import lifecycle

    runtime = wiring.runtime(wiring.load_config())
    count = lifecycle.line_count(lines) if lines else 50 if service else 10
    _print_logs(lifecycle.log_lines(runtime, service, since, count))
    if follow:
        # Ctrl-C is how following ends.
        with suppress(KeyboardInterrupt):
            _print_logs(lifecycle.follow_logs(runtime, service))


def _print_logs(lines: "Iterable[tuple[Service, str]]") -> None:
    """Log lines behind their service's name."""
    for service, line in lines:
        sys.stdout.write(f"{service:<18} {_ANSI.sub('', line)}\n")


def open_page(
    voice: Voice, service: Annotated[str, Option("dagster, mlflow, prometheus, grafana or alertmanager", bare=True)]
) -> None:
    """Opens a service's page in the browser. Raises LabError."""
    import webbrowser

    from lab import wiring
    from lab.operations import lifecycle

    config = wiring.load_config()
    url = lifecycle.page(config, wiring.runtime(config), service)
    voice.say(url if webbrowser.open(url) else f"no browser here; open {url}")
    if hint := lifecycle.login_hint(config, url):
        voice.say(hint)


def execute(
    _: Voice, service: Annotated[str, Option("where to run it; the command follows behind --", bare=True)]
) -> int:
    """Runs a command where a service runs, and returns its exit code. Raises LabError."""
    from lab import wiring
    from lab.operations import lifecycle

    # Invoke hands on what stands behind -- as one text, in which a quoted word can't be told from several.
    argv = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return lifecycle.execute(wiring.runtime(wiring.load_config()), service, argv, sys.stdin.isatty())


def doctor(_: Voice) -> "Sequence[Finding]":
    """What would keep the lab from starting. Raises LabError."""
    from lab import wiring
    from lab.operations.doctor import doctor as examination

    config = wiring.load_config()
    return examination.examine(config, wiring.binaries(config))


def ill(findings: "Sequence[Finding]") -> int:
    """1 when something would keep the lab from starting."""
    return int(any(finding.verdict == "fail" for finding in findings))


def print_findings(findings: "Sequence[Finding]") -> None:
    """What the doctor found."""
    table = printing.new_table("looked at", "finding", "detail", "remedy")
    for finding in findings:
        detail, remedy = printing.escape(finding.detail), printing.escape(finding.remedy)
        table.add_row(finding.name, _VERDICTS[finding.verdict], detail, remedy)
    printing.show(table)
    failed = ", ".join(dict.fromkeys(one.name for one in findings if one.verdict == "fail"))
    printing.say(
        f"next: mend {failed}, then type invoke doctor again" if failed else "next: invoke up, or invoke status"
    )
