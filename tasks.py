"""Every command of the lab: parse flags, call one use case, print, exit. Imports stay inside: --list must be quick."""

import atexit
import functools
import inspect
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from invoke import Context, Exit, ParseError, task
from invoke.parser.parser import ParseMachine, Parser
from invoke.program import Program

from lab.base.startup import settle

ROOT = Path(__file__).resolve().parent


def _allow_optional_positionals() -> None:
    """Makes `invoke logs` and `invoke logs mlflow` both right: Invoke knows required positionals only."""
    complete = ParseMachine.complete_context

    def complete_context(machine: Any) -> None:
        for argument in machine.context.missing_positional_args if machine.context else ():
            if argument.optional:
                argument.value = ""
        complete(machine)

    ParseMachine.complete_context = complete_context


def _end_wrong_usage_with_2() -> None:
    """Tells usage that isn't understood, for which Invoke's own exit code is 1, from what can't be done."""
    parse = Parser.parse_argv

    clean_up = Program.parse_cleanup

    def wrong(err: Exception) -> Exit:
        said = re.sub(r"<Argument: ([\w-]+)[^>]*>", r"--\1", str(err))
        return Exit(f"error: {said}\n  → `invoke --list` shows every command, `invoke --help up` one.", 2)

    def parse_argv(parser: Any, argv: list[str]) -> Any:
        try:
            return parse(parser, argv)
        except ParseError as err:
            raise wrong(err) from None

    def parse_cleanup(program: Any) -> None:
        # Where --help and --list look for the names that they were given.
        try:
            clean_up(program)
        except (ParseError, Exit) as err:
            raise wrong(err) if str(err) else err from None

    Parser.parse_argv = parse_argv
    Program.parse_cleanup = parse_cleanup


def _end_without_reader() -> None:
    """What Invoke itself prints, as its list, may have no reader left at the end: that is no crash."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(141)


atexit.register(_end_without_reader)
settle()
_allow_optional_positionals()
_end_wrong_usage_with_2()


def _dashed(function: Callable[..., Any]) -> str:
    return function.__name__.replace("_", "-")


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turns errors, signals, a closed pipe and options that are missing into a message and an exit code."""
    needed = [name for name, one in inspect.signature(function).parameters.items() if one.default is one.empty]

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> None:
        from lab.commands.ending import ended

        # Invoke asks for what must be given only where it may stand without its name, too.
        if absent := [name for name in needed if options.get(name, "") is None]:
            raise Exit(f"error: --{absent[0]} is missing.\n  → `invoke --help {_dashed(function)}` shows all.", 2)

        def work() -> int:
            try:
                function(*arguments, **options)
            except Exit as end:
                if end.message:
                    sys.stderr.write(f"{end.message}\n")
                return int(end.code)
            return 0

        if code := ended(_dashed(function), work):
            raise Exit(code=code)

    return run


@task
@command
def up(_: Context) -> None:
    """Start every service, wait until each is healthy, and seed the data."""
    from lab import wiring
    from lab.commands import printing
    from lab.operations import lifecycle

    # Before settings are written down: a port offset that doesn't fit must not stay.
    config = wiring.load_config()
    lifecycle.refuse_unfit_host(config, wiring.binaries(config))
    config, done = wiring.first_config()
    if done:
        printing.say(done)
    runtime = wiring.runtime(config)
    with printing.board("Starting") as report:
        result = lifecycle.up(config, runtime, report)
    printing.print_up(config, result)


@task(
    help={
        "data": "CSV file to train on instead of DATA_PATH",
        "json": "print one JSON document instead of the summary",
    }
)
@command
def demo_run(_: Context, data: str = "", json: bool = False) -> None:
    """Train, evaluate and register the credit-risk model under governance."""
    from lab import wiring
    from lab.base import interruption
    from lab.commands import printing
    from lab.operations.demo_run import DemoRunner

    config = wiring.own_lab(wiring.config_to_run())
    with printing.board("Running", quiet=json) as report:
        result = interruption.run(DemoRunner(config, report).run(Path(data) if data else None))
    printing.print_json(result) if json else printing.print_run(result)
    if not result.succeeded:
        raise Exit(code=1)


@task(
    help={
        "drift": "plant a drift: the same bank in a downturn",
        "reset": "take a planted drift back",
        "key": "SSH key that signs for a new baseline, where the policy asks for that",
        "reason": "why this baseline, for the audit trail",
        "json": "print one JSON document",
    }
)
@command
def seed(
    _: Context, drift: bool = False, reset: bool = False, key: str = "", reason: str = "", json: bool = False
) -> None:
    """Record the data set, its baseline profile and hash; plant or take back a drift."""
    from lab import wiring
    from lab.base.errors import UsageError
    from lab.commands import printing
    from lab.governance.cases.signing import Signing
    from lab.operations.seed import Seeder

    if drift and reset:
        raise UsageError("--drift and --reset exclude each other.", "Give one of them.")
    seeder = Seeder(wiring.own_lab())
    signing = Signing(Path(key).expanduser().absolute() if key else None)
    result = seeder.plant_drift() if drift else seeder.reset() if reset else seeder.seed(signing, reason)
    printing.print_json(result) if json else printing.print_seeded(result)


@task(help={"json": "print one JSON document"})
@command
def status(_: Context, json: bool = False) -> None:
    """Show every service: health by its deep probe, address, uptime, memory."""
    from lab import wiring
    from lab.base import interruption
    from lab.commands import printing
    from lab.operations import bring_up

    config = wiring.load_config()
    states = interruption.run(bring_up.status(config, wiring.runtime(config)))
    printing.print_json(states) if json else printing.print_services(states)
    if not bring_up.all_up(states):
        raise Exit(code=1)


@task(
    positional=["service"],
    optional=["service"],
    help={
        "service": "one service; all of them without it",
        "follow": "go on showing new lines until Ctrl-C",
        "since": "only lines newer than 30s, 10m, 2h, 1d or a time",
        "lines": "how many of the last lines to show: 50 of one service, 10 of each of all",
    },
)
@command
def logs(_: Context, service: str | None = None, follow: bool = False, since: str = "", lines: str = "") -> None:
    """Show the logs of one service, or of all."""
    from lab import wiring
    from lab.commands import printing
    from lab.operations import lifecycle

    runtime = wiring.runtime(wiring.load_config())
    count = lifecycle.line_count(lines) if lines else 50 if service else 10
    printing.print_logs(lifecycle.log_lines(runtime, service or "", since, count))
    if follow:
        # Ctrl-C is how following ends.
        with suppress(KeyboardInterrupt):
            printing.print_logs(lifecycle.follow_logs(runtime, service or ""))


@task(positional=["service"], help={"service": "dagster, mlflow, prometheus, grafana or alertmanager"})
@command
def open(_: Context, service: str) -> None:  # noqa: A001 - the command's name is what a user types
    """Open a service's page in the browser."""
    import webbrowser

    from lab import wiring
    from lab.commands import printing
    from lab.operations import lifecycle

    config = wiring.load_config()
    url = lifecycle.page(config, wiring.runtime(config), service)
    printing.say(url if webbrowser.open(url) else f"no browser here; open {url}")
    if hint := lifecycle.login_hint(config, url):
        printing.say(hint)


@task
@command
def down(_: Context) -> None:
    """Stop every service, and runs with them; all data stays."""
    from lab import wiring
    from lab.commands import printing
    from lab.operations import lifecycle

    config = wiring.config_to_end()
    stopped = lifecycle.down(config, wiring.runtime(config), printing.say)
    printing.say("the lab is down; its data stays" if stopped else "the lab was down already")


@task(positional=["service"], optional=["service"], help={"service": "one service; all of them without it"})
@command
def restart(_: Context, service: str | None = None) -> None:
    """Stop and start one service and no other, or all; ends a run that needs it."""
    from lab import wiring
    from lab.commands import printing
    from lab.operations import lifecycle

    config = wiring.load_config()
    lifecycle.refuse_unfit_restart(config, wiring.binaries(), service or "")
    with printing.board("Restarting") as report:
        result = lifecycle.restart(config, wiring.runtime(config), service or "", report)
    printing.print_up(config, result)


@task(positional=["service"], help={"service": "where to run it; the command follows behind --"})
@command
def exec(_: Context, service: str) -> None:  # noqa: A001 - the command's name is what a user types
    """Run a command where a service runs: invoke exec mlflow -- env."""
    from lab import wiring
    from lab.operations import lifecycle

    # Invoke hands on what stands behind -- as one text, in which a quoted word can't be told from several.
    argv = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    code = lifecycle.execute(wiring.runtime(wiring.load_config()), service, argv, sys.stdin.isatty())
    if code:
        raise Exit(code=code)


@task(
    help={
        "yes": "don't ask",
        "keep-audit": "write the audit trail to this file first (JSON Lines)",
        "dry-run": "only say what would go",
    }
)
@command
def nuke(_: Context, yes: bool = False, keep_audit: str = "", dry_run: bool = False) -> None:
    """Remove everything that this lab made, and nothing else."""
    from lab import wiring
    from lab.commands import printing
    from lab.operations import lifecycle

    config = wiring.config_to_end()
    runtime = wiring.runtime(config)
    doomed = lifecycle.doomed(config, runtime)
    if dry_run or not doomed:
        printing.say("\n".join(["would remove:", *doomed]) if doomed else "nothing of this lab is here")
        return
    if not yes and not printing.confirm("\n".join(["This removes:", *doomed]), config.name):
        raise Exit("nothing was removed", 1)
    if keep_audit:
        printing.say(
            f"kept {lifecycle.export_audit(wiring.own_lab(config), Path(keep_audit))} audit entries in {keep_audit}"
        )
    lifecycle.nuke(config, runtime, printing.say)
    printing.say("the lab is gone")


@task(help={"output": "file to write; without it one here, named by lab and time", "json": "print one JSON document"})
@command
def backup(_: Context, output: str = "", json: bool = False) -> None:
    """Write everything that the lab knows into one file: databases, buckets, audit trail, identities; no secret."""
    from lab.commands import backup_commands

    backup_commands.back_up(output, json)


@task(positional=["file"], help={"file": "what `invoke backup` wrote", "json": "print one JSON document"})
@command
def restore(_: Context, file: str, json: bool = False) -> None:
    """Check a backup, load it into a lab that is empty, bring that up, and verify the audit trail."""
    from lab.commands import backup_commands

    if code := backup_commands.bring_back(file, json):
        raise Exit(code=code)


@task(help={"json": "print one JSON document"})
@command
def doctor(_: Context, json: bool = False) -> None:
    """Find what would keep the lab from starting, with the remedy of each."""
    from lab import wiring
    from lab.commands import printing
    from lab.operations import doctor as examination

    config = wiring.load_config()
    findings = examination.examine(config, wiring.binaries(config))
    printing.print_json(findings) if json else printing.print_findings(findings)
    if any(finding.verdict is examination.Verdict.FAIL for finding in findings):
        raise Exit(code=1)


@task(
    help={
        "airgap": "make every image from Debian packages and wheels: no registry is asked",
        "bundle": "take the images from a file that `invoke bundle` wrote",
        "pin": "write the digests that official images have now into stack/images.env",
        "fresh": "build anew instead of from what earlier builds left",
    }
)
@command
def build(_: Context, airgap: bool = False, bundle: str = "", pin: bool = False, fresh: bool = False) -> None:
    """Fetch and prepare all that `up` needs, so that it starts quickly and offline; with containers: their images."""
    from lab.commands import image_commands

    image_commands.build(airgap, bundle, pin, fresh)


@task(help={"output": "file to write; without it one here, named by lab and day", "force": "replace the file"})
@command
def bundle(_: Context, output: str = "", force: bool = False) -> None:
    """Save images and wheels of an air-gapped build into one file, which `invoke build --bundle` loads elsewhere."""
    from lab.commands import image_commands

    image_commands.bundle(output, force)


_ACTION_HELP = {
    "version": "number of the model version",
    "reason": "why, in a sentence that the audit trail keeps",
    "key": "SSH key that signs; without it SIGNING_KEY, or the usual one in ~/.ssh",
    "role": "role to act in, where the key's identity holds several",
    "dry-run": "show the gates and change nothing",
    "json": "print one JSON document",
}


def _act(action: str, version: str, reason: str, key: str, role: str, dry_run: bool, json: bool) -> None:
    from lab.commands import approval_commands
    from lab.governance.rules.policy import Action

    if code := approval_commands.act(Action(action), version, reason, key, role, dry_run, json):
        raise Exit(code=code)


@task(help=_ACTION_HELP)
@command
def approve(
    _: Context, version: str, reason: str, key: str = "", role: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Approve a model version for staging, later for prod; never by its owner."""
    _act("approve", version, reason, key, role, dry_run, json)


@task(help=_ACTION_HELP)
@command
def reject(
    _: Context, version: str, reason: str, key: str = "", role: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Reject a model version; it loses its aliases at once, the champion's too."""
    _act("reject", version, reason, key, role, dry_run, json)


@task(help=_ACTION_HELP)
@command
def promote(
    _: Context, version: str, reason: str, key: str = "", role: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Move the alias staging, later champion, to an approved version when every gate is open."""
    _act("promote", version, reason, key, role, dry_run, json)


@task(help=_ACTION_HELP)
@command
def archive(
    _: Context, version: str, reason: str, key: str = "", role: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Put a model version away for good; not the present champion."""
    _act("archive", version, reason, key, role, dry_run, json)


@task(
    positional=["name"],
    iterable=["role"],
    help={
        "name": "who the key belongs to, as alice@example.com",
        "key": "the SSH key's public half, as ~/.ssh/id_ed25519.pub",
        "role": "role that the identity holds; may be given several times",
        "reason": "why, for the audit trail",
        "until": "day from which the key no longer counts, as 20271231",
        "sign-with": "SSH key of an identity that may change identities; without it SIGNING_KEY or the usual one",
        "json": "print one JSON document",
    },
)
@command
def identity_add(
    _: Context,
    name: str,
    key: str,
    role: list[str],
    reason: str = "",
    until: str = "",
    sign_with: str = "",
    json: bool = False,
) -> None:
    """Let an SSH key act as NAME in the roles given; the first identity is taken on trust."""
    from lab.commands import approval_commands

    approval_commands.add_identity(name, key, role, reason, until, sign_with, json)


@task(help={"json": "print one JSON document"})
@command
def identity_list(_: Context, json: bool = False) -> None:
    """Show who may sign, and whether file and audit trail agree."""
    from lab.commands import approval_commands

    if code := approval_commands.list_identities(json):
        raise Exit(code=code)


@task(
    positional=["name"],
    help={
        "name": "whose keys no longer count",
        "reason": "why, for the audit trail",
        "sign-with": "SSH key of an identity that may change identities; without it SIGNING_KEY or the usual one",
        "json": "print one JSON document",
    },
)
@command
def identity_remove(_: Context, name: str, reason: str = "", sign_with: str = "", json: bool = False) -> None:
    """Take the keys of NAME out; what they signed before stays signed."""
    from lab.commands import approval_commands

    approval_commands.remove_identity(name, reason, sign_with, json)


@task(
    help={
        "json": "print one JSON document",
        "junit": "also write the proofs as JUnit XML to this file",
        "only": "only proofs whose name contains this",
    }
)
@command
def verify_governance(_: Context, json: bool = False, junit: str = "", only: str = "") -> None:
    """Prove on the running lab that the guardrails hold."""
    from lab.commands import governance_commands

    if code := governance_commands.verify(json, junit, only):
        raise Exit(code=code)


@task(help={"repair": "make tags, aliases and stages follow the audit trail", "json": "print one JSON document"})
@command
def reconcile(_: Context, repair: bool = False, json: bool = False) -> None:
    """Compare the model registry with the audit trail."""
    from lab.commands import governance_commands

    if code := governance_commands.reconcile(repair, json):
        raise Exit(code=code)


@task(
    help={
        "version": "number of the model version",
        "output": "folder to write into; without it ./evidence",
        "json": "print one JSON document",
    }
)
@command
def evidence(_: Context, version: str, output: str = "", json: bool = False) -> None:
    """Write everything that is on record about a model version: card, metrics, data, approvals, ledger excerpt."""
    from lab.commands import governance_commands

    if code := governance_commands.evidence(version, output, json):
        raise Exit(code=code)


@task(
    positional=[],
    help={"only": "pytest's -k expression", "quick": "only what needs no running lab", "coverage": "report coverage"},
)
def test(
    _: Context,
    only: str = "",
    quick: bool = False,
    coverage: bool = False,
) -> None:
    """Run the tests; they bring up a lab of their own on free ports."""
    whole = not (only or quick or coverage)
    argv = [sys.executable, "-m", "tests.parts" if whole else "pytest"]
    argv += ["-k", only] if only else []
    argv += ["-m", "not lab and not compose and not terraform and not browser"] if quick else []
    argv += ["--cov=lab", "--cov=pipelines", "--cov=exporters"] if coverage else []
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(argv[0], argv)  # noqa: S606 - no shell between the tests and Ctrl-C


@task(help={"every": "all three environments, not dev alone", "only": "only tests whose name matches"})
def tf_test(_: Context, every: bool = False, only: str = "") -> None:
    """Test terraform/: form, logic, then made, planned again and destroyed against an emulated AWS."""
    os.environ["LAB_TERRAFORM_ENVIRONMENTS"] = "dev,staging,prod" if every else "dev"
    argv = [sys.executable, "-m", "pytest", "tests/terraform", "--durations=10", "--durations-min=3"]
    argv += ["-k", only] if only else []
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(argv[0], argv)  # noqa: S606 - no shell between the tests and Ctrl-C


@task
@command
def check(context: Context) -> None:
    """Check style, types, architecture and the lock file."""
    from lab.base import interruption

    with context.cd(str(ROOT)):
        steps = {
            "style": "ruff check .",
            "format": "ruff format --check .",
            "types": "mypy",
            "architecture": "lint-imports",
            "lock file": "uv lock --check",
            "versions": "python -m lab.runtime.images.pinned_versions",
            "Dockerfiles": "hadolint stack/images/*/Dockerfile stack/airgap/*/Dockerfile",
            "YAML": "yamllint --strict stack grafana .pre-commit-config.yaml",
            "compose file": "check-jsonschema --builtin-schema vendor.compose-spec stack/compose.yaml",
        }
        # The environment's own tools first; `run` puts uv into a folder of this project where the machine has none.
        folders = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), str(ROOT / ".uv" / "bin"))
        found = {"PATH": os.pathsep.join(folders)}
        failed = []
        for name, line in steps.items():
            if not context.run(line, warn=True, echo=True, env=found).ok:
                failed.append(name)
            # Invoke hands Ctrl-C on to the tool, and goes on.
            if interruption.exit_code(ended=False):
                raise KeyboardInterrupt
    if failed:
        raise Exit(f"failed: {', '.join(failed)}", 1)
