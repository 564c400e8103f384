"""What the Invoke tasks print: tables and live progress on a terminal, plain lines without one."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.base.catalogue import Service
from lab.base.progress import Progress, Report
from lab.base.runs import Run, RunStatus
from lab.commands.ending import lose_reader
from lab.config import LabConfig
from lab.observe.snapshot import Health, ServiceState

if TYPE_CHECKING:
    from lab.operations.bring_up import UpResult
    from lab.operations.demo_run import DemoRun
    from lab.operations.doctor import Finding
    from lab.operations.seed import Seeded


class _Unbreakable(Console):
    """Goes on without a reader: `invoke up | head` must not leave the lab half up."""

    def on_broken_pipe(self) -> None:
        lose_reader()


# Without a terminal nothing should be folded: the reader is a file or a program.
_OUT = _Unbreakable(highlight=False, width=None if sys.stdout.isatty() else 200)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_MARKS = {
    Health.UP: "[green]● up[/]",
    Health.STARTING: "[yellow]◌ starting[/]",
    Health.DEGRADED: "[yellow]◐ degraded[/]",
    Health.DOWN: "[red]✖ down[/]",
    Health.ABSENT: "[dim]– absent[/]",
}


def say(text: str) -> None:
    """One message, as it stands."""
    _OUT.print(text, markup=False)


def show(drawn: Table) -> None:
    """A table, as it stands."""
    _OUT.print(drawn)


def confirm(text: str, name: str) -> bool:
    """Asks for the lab's name to be typed; without a terminal the answer is no."""
    say(text)
    if not sys.stdin.isatty():
        say("no terminal to ask on: give --yes")
        return False
    return input(f"Type {name} to go on: ").strip() == name


@contextmanager
def board(title: str, quiet: bool = False) -> Iterator[Report]:
    """A place for progress: a line for each change, and on a terminal what is still going on below."""
    if quiet:
        yield lambda _: None
    elif not _OUT.is_terminal:
        yield lambda progress: say(_plain(progress))
    else:
        with _OUT.status(f"{title} …") as spinner:
            going: dict[str, str] = {}

            def report(progress: Progress) -> None:
                if progress.state in {"starting", "in_progress"}:
                    going[progress.subject] = progress.state
                else:
                    going.pop(progress.subject, None)
                    _OUT.print(_coloured(progress))
                spinner.update(f"{title} {escape(', '.join(going))} …")

            yield report


def _plain(progress: Progress) -> str:
    seconds = "" if progress.seconds is None else f"{progress.seconds:6.1f} s"
    return f"{progress.subject:<24} {progress.state:<12} {seconds:>8}  {progress.detail}".rstrip()


def _coloured(progress: Progress) -> str:
    colour = {"up": "green", "success": "green", "failure": "red", "seeded": "green"}.get(progress.state, "cyan")
    text = escape(_plain(progress))
    state = escape(progress.state)
    return text.replace(state, f"[{colour}]{state}[/]", 1)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(jsonable(value), indent=2, ensure_ascii=False) + "\n")


def jsonable(value: Any) -> Any:
    """Dataclasses as objects, tuples as lists, everything else as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        extra = {"succeeded": value.succeeded} if hasattr(value, "succeeded") else {}
        return extra | jsonable(asdict(value))
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    return [jsonable(item) for item in value] if isinstance(value, (list, tuple)) else value


def print_services(states: Sequence[ServiceState], ready_after: dict[str, float] | None = None) -> None:
    """A table of services."""
    table = new_table("service", "state", "address", "probe", "uptime", "memory", "why not up")
    for state in states:
        probe = "" if state.latency_s is None else f"{state.latency_s * 1000:.0f} ms"
        if ready_after and state.name in ready_after:
            probe = f"after {ready_after[state.name]:.1f} s"
        memory = "" if not state.memory_bytes else f"{state.memory_bytes / 2**20:.0f} MB"
        why = "" if state.health is Health.UP else escape(_why(state))
        table.add_row(state.name, _MARKS[state.health], state.url, probe, duration(state.uptime_s), memory, why)
    _OUT.print(table)


def _why(state: ServiceState) -> str:
    if state.health is Health.ABSENT:
        return "not installed; `invoke doctor` says more"
    return " ".join(part for part in (state.reason, state.remedy) if part)


def print_up(config: LabConfig, result: "UpResult") -> None:
    """What `up` and `restart` end with."""
    print_services(result.services, dict(result.ready_after) if not result.already else None)
    if result.already:
        say(f"{config.name} is up already: nothing to do")
    else:
        say(f"{config.name} is up after {result.seconds:.1f} s; next: invoke demo-run, mlops-lab")


def print_run(result: "DemoRun") -> None:
    """The summary of a training run."""
    run = result.run
    mark = f"[{'green]●' if run.status is RunStatus.SUCCESS else 'red]✖'} {run.status.lower()}[/]"
    _OUT.print(f"\nrun [bold]{run.run_id}[/]  {mark}  {duration(run.seconds)}")
    if result.reason:
        _OUT.print(f"[red]{escape(result.reason)}[/]")
    for what in result.unread:
        _OUT.print(f"[red]couldn't be read: {escape(what)}[/]")
    if run.status is RunStatus.SUCCESS and not result.version and not result.unread:
        _OUT.print("[red]it registered no version[/]")
    _OUT.print(_steps(run))
    if result.version:
        _OUT.print(f"\nmodel [bold]{result.version.name} version {result.version.version}[/]")
        _OUT.print(_pairs({name: f"{value:.6g}" for name, value in sorted(result.version.metrics.items())}, "metric"))
        _OUT.print(_pairs(dict(sorted(result.version.tags.items())), "tag"))
    _print_entries(result)
    _OUT.print(_pairs(result.links, "link"))


def _steps(run: Run) -> Table:
    table = new_table("step", "state", "seconds")
    for step in run.steps:
        colour = {"SUCCESS": "green", "FAILURE": "red"}.get(step.status, "yellow")
        seconds = "" if step.seconds is None else f"{step.seconds:.2f}"
        table.add_row(step.name, f"[{colour}]{step.status.lower()}[/]", seconds)
    return table


def _print_entries(result: "DemoRun") -> None:
    table = new_table("audit", "action", "status", "owner", "role", "environment", "hash")
    for entry in result.entries:
        row = (str(entry.seq), entry.action, entry.status, entry.owner, entry.role, entry.environment, entry.hash[:12])
        table.add_row(*map(escape, row))
    _OUT.print(table)
    for fault in result.faults:
        _OUT.print(f"[red]audit trail: {escape(fault)}[/]")


def print_seeded(result: "Seeded") -> None:
    """What is current now, and how far from the baseline."""
    say(f"baseline {result.baseline.sha256[:12]}  {result.baseline.rows} rows from {result.baseline.source}")
    say(f"current  {result.current.sha256[:12]}  {result.current.rows} rows from {result.current.source}")
    table = new_table("feature", "PSI", "state")
    for feature in result.report.features[:8]:
        colour = {"drifted": "red", "moderate": "yellow"}.get(feature.state, "green")
        table.add_row(feature.name, f"{feature.psi:.3f}", f"[{colour}]{feature.state}[/]")
    _OUT.print(table)
    say("drift detected" if result.report.detected else "no drift")


def print_findings(findings: Iterable["Finding"]) -> None:
    """What the doctor found."""
    table = new_table("looked at", "finding", "detail", "remedy")
    marks = {"ok": "[green]● ok[/]", "warn": "[yellow]▲ warn[/]", "fail": "[red]✖ fail[/]"}
    for finding in findings:
        table.add_row(finding.name, marks[finding.verdict], escape(finding.detail), escape(finding.remedy))
    _OUT.print(table)


def print_logs(lines: Iterable[tuple[Service, str]]) -> None:
    """Log lines behind their service's name."""
    for service, line in lines:
        sys.stdout.write(f"{service:<18} {_ANSI.sub('', line)}\n")


def duration(seconds: float | None) -> str:
    """`1.2 s`, `3 min`, `2.5 h`, `4 d`; empty for None."""
    if seconds is None:
        return ""
    for limit, unit, size in ((60, "s", 1), (3600, "min", 60), (86400, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86400:.1f} d"


def _pairs(pairs: dict[str, str], title: str) -> Table:
    table = new_table(title, "value")
    for name, value in pairs.items():
        table.add_row(escape(name), escape(value))
    return table


def new_table(*columns: str) -> Table:
    """An empty table in the lab's style."""
    table = Table(box=None, pad_edge=False, header_style="dim", collapse_padding=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
