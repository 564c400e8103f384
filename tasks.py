"""Invoke's tasks: the commands of `lab.commands.table`, and those that work on this project. --list must be quick."""

import atexit
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke import Context, Exit, task
from invoke.tasks import Task

from lab.base.startup import settle
from lab.commands.command import REQUIRED, Command, Parameter
from lab.commands.dispatch.invoke_private import (
    allow_optional_positionals,
    end_wrong_usage_with_2,
    help_of,
    list_without_options,
    missing,
    refused,
)
from lab.commands.table import TASKS

ROOT = Path(__file__).resolve().parent


def _end_without_reader() -> None:
    """What Invoke itself prints, as its list, may have no reader left at the end: that is no crash."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(141)


atexit.register(_end_without_reader)
settle()
allow_optional_positionals()
list_without_options()
end_wrong_usage_with_2()


def _ended(name: str, work: Callable[[], int]) -> None:
    """Turns errors, signals and a closed pipe into a message and an exit code."""
    from lab.commands.dispatch.ending import ended

    if code := ended(name, work):
        raise Exit(code=code)


class _Listed(Task[Any]):
    """The task of a command with its name and text; it is made whole when somebody asks for more."""

    def __init__(self, command: Command[Any]) -> None:
        self._command = command
        self._name, self.aliases, self.is_default = command.name.replace(" ", "-"), (), False
        self.__doc__, self.__name__, self.__module__ = command.help, "body", __name__

    def __getattr__(self, name: str) -> Any:
        if "_command" not in vars(self) or name.startswith("__"):
            raise AttributeError(name)
        for known, value in vars(_task(self._command)).items():
            vars(self).setdefault(known, value)
        return object.__getattribute__(self, name)


def _task(command: Command[Any]) -> Task[Any]:
    """The Invoke task of a command, with the same options."""
    name, parameters = command.name.replace(" ", "-"), command.parameters
    needed = [one for one in parameters if one.default is REQUIRED]
    bare = [one.name for one in parameters if one.option.bare or (one in needed and not one.option.named)]

    def body(_: Context, **options: Any) -> None:
        # Invoke asks for what must be given only where it may stand without its name, too.
        if absent := [one.flag for one in needed if options.get(one.name, "") is None]:
            raise refused(name, missing(name, absent), help_of(name))
        _ended(name, lambda: command.run({key: "" if value is None else value for key, value in options.items()}))

    context = inspect.Parameter("_", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = [_in_signature(one) for one in parameters]
    setattr(body, "__signature__", inspect.Signature([context, *own]))  # noqa: B010 - a function's type has none
    body.__doc__ = command.help
    return Task(
        body,
        name=name,
        positional=bare,
        optional=[one.name for one in parameters if one.option.bare and one not in needed],
        iterable=[one.name for one in parameters if one.kind is list],
        help={one.flag: one.option.help for one in parameters},
    )


def _in_signature(one: Parameter) -> inspect.Parameter:
    # Invoke gives a word without a name only to an option that has no value yet.
    default = None if one.option.bare and one.default is not REQUIRED else one.default
    return inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default)


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
    from tests.parts import UNMARKED

    if only or coverage:
        argv = [sys.executable, "-m", "pytest", *(UNMARKED if quick else ())]
    else:
        argv = [sys.executable, "-m", "tests.parts", *(["--quick"] if quick else [])]
    argv += ["-k", only] if only else []
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
def check(context: Context) -> None:
    """Check style, types, architecture and the lock file."""
    _ended("check", lambda: _check(context))


def _check(context: Context) -> int:
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
            "YAML": "yamllint --strict stack grafana .github .pre-commit-config.yaml",
            "compose file": "check-jsonschema --builtin-schema vendor.compose-spec stack/compose.yaml",
            "workflows": "check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml",
            "workflows' risks": "zizmor --offline --no-progress --persona pedantic .github",
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
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return int(bool(failed))


# Not a Collection of our own: Invoke would copy that.
globals().update({f"_{command.name}": _Listed(command) for command in TASKS})
