"""A lab's life as its user commands it: up, restart, logs, pages, export, and its end."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from lab.base import interruption
from lab.base.catalogue import BY_NAME, Service, ServiceSpec, find, landing
from lab.base.errors import Interrupted, LabError, PolicyDenied, ServiceUnavailable, UsageError
from lab.base.log_lines import since
from lab.base.progress import Progress, Report
from lab.config import LabConfig
from lab.envfile import is_own
from lab.governance.cases.audit import deliver, export_file
from lab.governance.cases.trail import ledger
from lab.models.model_folder import models_in
from lab.operations import bring_up
from lab.operations.doctor.doctor import examine
from lab.operations.doctor.doctor_ports import ports
from lab.operations.doctor.finding import Finding, Verdict
from lab.operations.own_lab import refuse_another, settle
from lab.operations.restore_guard import refuse_half_restored
from lab.operations.runs_in_progress import say_what_ends
from lab.operations.seed import Seeder
from lab.operations.starter import Provision
from lab.operations.upgrade_mark import refuse_half_upgraded
from lab.runtime import stored_format
from lab.runtime.binaries import NotInstalled, Resolver
from lab.runtime.lab_marker import recorded_runtime, refuse_other_runtime
from lab.runtime.runtime import Note, Runtime
from lab.services.provision import provision_postgres, provision_store
from lab.services.s3 import AuditStore

T = TypeVar("T")
_POLL_SECONDS = 0.1
_ALL_LINES = 100_000
_SHOWN_NAMES = 5
# An engine may have images to fetch first.
_UP_DEADLINES_S = {"compose": 600.0}


def up(config: LabConfig, runtime: Runtime, report: Report) -> bring_up.UpResult:
    """Starts every service, and gives a new lab its databases, buckets and data. Raises LabError."""
    refuse_half_restored(config)
    refuse_half_upgraded(config)
    stored_format.refuse_other(config)
    made = _up(config, runtime, report)
    stored_format.write(config)
    return made


def _up(config: LabConfig, runtime: Runtime, report: Report) -> bring_up.UpResult:
    return interruption.run(bring_up.up(config, runtime, provision(config, runtime), report, start_deadline_s(runtime)))


def start_deadline_s(runtime: Runtime) -> float:
    """How long the services of a lab may take to be healthy, in seconds."""
    return _UP_DEADLINES_S.get(runtime.name, bring_up.UP_DEADLINE_S)


def provision(config: LabConfig, runtime: Runtime) -> Provision:
    """What each service must hold before those that need it start."""

    def object_store(deadline_s: float) -> list[str]:
        end = time.monotonic() + deadline_s

        def left_s() -> float:
            return max(1.0, end - time.monotonic())

        _patiently(lambda: refuse_another(config), left_s())
        inside = runtime.provision(left_s())
        made = [f"made bucket {name}" for name in provision_store(config, left_s())] if inside is None else [*inside]
        _patiently(lambda: settle(config), left_s())
        return [*made, *_baselines(config, left_s()), *_late_entries(config)]

    def postgres(deadline_s: float) -> list[str]:
        if runtime.provision(deadline_s) is not None:
            return []  # done together with the store, which says so
        return [f"made database {name}" for name in provision_postgres(config, deadline_s)]

    return {Service.POSTGRES: postgres, Service.OBJECT_STORE: object_store}


def _baselines(config: LabConfig, deadline_s: float) -> Iterator[str]:
    """Records what is no model's baseline yet; services are useful without one, versions stay blocked for it."""
    models, s3 = models_in(config.pipelines), Seeder.store(config)
    # One writer for all, which knows the trail's head after its first entry.
    trail = ledger(config, AuditStore(s3, config.audit_bucket, config.audit_prefix))
    found = _patiently(lambda: Seeder.unrecorded(config, models.sound, s3), deadline_s)
    for model in found.ready:
        name = model.contract.name
        try:
            baseline = Seeder(config, model, s3=s3, trail=trail).record()
            yield f"seeded {baseline.rows} rows of {name}, SHA-256 {baseline.sha256[:12]}"
        except PolicyDenied as err:
            yield f"{name} has no baseline yet: {err} Then type `invoke seed --model {name}`."
        except ServiceUnavailable:
            raise
        except LabError as err:
            if model.id.default:
                raise
            # What is wrong with one model's data keeps no other one from its work.
            yield f"{name} has no baseline yet: {err}"
    if found.waiting:
        yield _waiting_for_runs([model.contract.name for model in found.waiting])
    for broken in models.broken:
        yield f"{broken.slug} is left out: {broken.problem}"


def _waiting_for_runs(names: Sequence[str]) -> str:
    shown = f"{', '.join(names[:_SHOWN_NAMES])}{', …' if len(names) > _SHOWN_NAMES else ''}"
    return (
        f"no baseline yet for {len(names)} models that load their data themselves ({shown}): their first run brings "
        f"data. Type `invoke train {names[0]}`, then `invoke seed --model {names[0]}`."
    )


def _late_entries(config: LabConfig) -> list[str]:
    """Appends the audit entries that waited for the store; the lab is useful while they go on waiting."""
    try:
        delivered = deliver(config)
    except LabError as err:
        return [f"audit entries still wait in the journal: {err}"]
    return [f"appended {delivered} audit entries that had waited in the journal"] if delivered else []


def _patiently(ask: Callable[[], T], deadline_s: float) -> T:
    """What a store says that has just started: it answers before it finds all its volumes again."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            return ask()
        except ServiceUnavailable:
            if time.monotonic() > end:
                raise
            time.sleep(_POLL_SECONDS)


def refuse_unfit_host(config: LabConfig, binaries: Resolver) -> None:
    """Examines the host. Raises LabError as `refuse` does, and when the lab has another runtime than is asked for."""
    refuse_other_runtime(config)
    refuse(examine(config, binaries, whole=False))


def refuse_unfit_restart(config: LabConfig, binaries: Resolver, name: str) -> None:
    """Raises LabError for a lab that was never started, or whose ports somebody else has; UsageError for no service."""
    if name:
        service_named(name)
    if not recorded_runtime(config.home):
        raise LabError(f"The lab {config.name} at {config.home} was never started.", "Type `invoke up`.")
    refuse(ports(config, binaries))


def refuse(findings: tuple[Finding, ...]) -> None:
    """Raises LabError naming everything that keeps the lab from starting."""
    failed = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    if failed:
        message = "\n".join(f"{finding.name}: {finding.detail}\n  → {finding.remedy}" for finding in failed)
        raise LabError(f"The lab can't start here.\n{message}")


def restart(config: LabConfig, runtime: Runtime, name: str, report: Report) -> bring_up.UpResult:
    """Stops one service, or all, and starts it anew; runs that need it end, which is said. Raises LabError."""
    refuse_unready(config)
    chosen = service_named(name).name if name else None
    say_what_ends(config, runtime, [chosen] if chosen else list(Service), report)
    if not chosen:
        runtime.down(lambda text: report(Progress("lab", "stopping", text)))
        return _up(config, runtime, report)
    doing = bring_up.restart(config, runtime, chosen, provision(config, runtime), report, start_deadline_s(runtime))
    try:
        return interruption.run(doing)
    except KeyboardInterrupt:
        raise Interrupted(
            f"restart was interrupted: {name} starts again, and nobody waits for it.", "Type `invoke status`."
        ) from None


def refuse_unready(config: LabConfig) -> None:
    """Raises LabError for a lab whose services can't be started as it is."""
    refuse_half_restored(config)
    refuse_half_upgraded(config)
    stored_format.refuse_other(config)
    if not config.secrets.complete:
        raise LabError(f"A password or secret has no value in {config.env_file}.", "Type `invoke up`, which makes one.")


def down(config: LabConfig, runtime: Runtime, note: Note) -> bool:
    """Stops every service, and says which runs end with them; False when nothing ran. Raises LabError."""
    say_what_ends(config, runtime, list(Service), lambda progress: note(progress.detail))
    return runtime.down(note, config.actor.owner)


def line_count(text: str) -> int:
    """The number behind `--lines`; Invoke's own reading of it would end in a traceback. Raises UsageError."""
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--lines {text!r} is no whole number.", "Give 1 or more.") from None


def log_lines(runtime: Runtime, name: str, start: str, lines: int) -> Iterator[tuple[Service, str]]:
    """The last `lines` lines of one service's log, or of all; only what is newer than `start` when that is given."""
    if lines < 1:
        raise UsageError(f"--lines {lines} is too few.", "Give 1 or more.")
    services = [service_named(name).name] if name else list(runtime.services())
    begin = since(start, datetime.now(UTC)) if start else None
    for service in services:
        for line in runtime.tail(service, lines if begin is None else _ALL_LINES, begin):
            yield service, line


def follow_logs(runtime: Runtime, name: str) -> Iterator[tuple[Service, str]]:
    """New lines as they come."""
    return runtime.follow([service_named(name).name] if name else list(runtime.services()))


def execute(runtime: Runtime, name: str, argv: Sequence[str], terminal: bool) -> int:
    """Runs a command where a service runs, and returns its exit code. Raises UsageError without one."""
    if not argv:
        raise UsageError("No command was given.", "Put it behind --, as in `invoke exec mlflow -- env`.")
    with interruption.passed_on():
        code = runtime.execute(service_named(name).name, argv, terminal)
    # A negative one is the signal that ended the command.
    return 128 - code if code < 0 else code


def page(config: LabConfig, runtime: Runtime, name: str) -> str:
    """The address of a service's page. Raises UsageError for one without, LabError for one that doesn't run."""
    spec = service_named(name)
    if not spec.browsable:
        pages = ", ".join(one.name for one in BY_NAME.values() if one.browsable)
        raise UsageError(f"{spec.name} has no page.", f"There are: {pages}.")
    fact = runtime.facts()[spec.name]
    if fact.state in {"absent", "stopped"}:
        raise LabError(f"{spec.title} isn't running: {fact.reason}.", fact.remedy)
    return landing(spec.name, config.url(spec.name))


def login_hint(config: LabConfig, url: str) -> str:
    """How to log in at a page that asks for it; empty for the others."""
    passwords = {Service.ALERTMANAGER: "ALERTMANAGER_PASSWORD", Service.GRAFANA: "GRAFANA_ADMIN_PASSWORD"}
    found = [variable for service, variable in passwords.items() if config.url(service) == url]
    return f"log in as admin with {found[0]} of {config.env_file}" if found else ""


def doomed(config: LabConfig, runtime: Runtime) -> list[str]:
    """What `nuke` would remove."""
    settings = [config.env_file] if is_own(config.env_file) else []
    return [*runtime.doomed(), *(str(path) for path in (config.home, *settings) if path.exists())]


def nuke(config: LabConfig, runtime: Runtime, note: Note) -> None:
    """Ends and removes the lab, its settings last, so that a failure can be repeated."""
    runtime.nuke(note)
    if is_own(config.env_file):
        config.env_file.unlink()
        note(f"removed {config.env_file}")
    elif config.env_file.exists():
        note(f"kept {config.env_file}, which the lab didn't make")


def export_audit(config: LabConfig, target: Path) -> int:
    """Writes the whole audit trail to `target`, as `mlops-lab audit export` does, and returns the number of entries.

    Raises LabError.
    """
    if target.resolve().is_relative_to(config.home.resolve()):
        raise LabError(f"Can't write {target}: it lies in the lab's home, and would go with it.", "Give another file.")
    return export_file(config, target)


def build(binaries: Resolver, note: Note) -> None:
    """Fetches the native servers' binaries and compiles the Python packages that the lab starts."""
    from lab.runtime.native.bytecode import compile_packages

    note(f"prometheus: {binaries.prometheus(note)}")
    for service in (Service.ALERTMANAGER, Service.GRAFANA):
        found = binaries.optional(service, note)
        note(f"{service}: {found.reason}" if isinstance(found, NotInstalled) else f"{service}: {found.path}")
    note(f"compiled {compile_packages()} packages")


def service_named(name: str) -> ServiceSpec:
    """The service that a person means. Raises UsageError."""
    try:
        return find(name)
    except KeyError as err:
        said, _, known = err.args[0].partition(". ")
        raise UsageError(f"{said}.", known) from None
