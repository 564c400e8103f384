"""The Invoke tasks as a user types them, on a lab that was never started."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.base.catalogue import Service
from tests.support import forked
from tests.support.lab import INVOKE, ROOT
from tests.support.ports import reserved_offset

TASKS = (
    "build", "check", "demo-run", "doctor", "down", "logs", "nuke", "open", "restart", "seed", "status", "test", "up",
    "verify-governance",
)  # fmt: skip


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a lab of the test's own; nothing of it is made."""
    with reserved_offset() as offset:
        yield {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "LAB_NAME": "nowhere",
            "LAB_HOME": str(tmp_path / "home"),
            "LAB_ENV_FILE": str(tmp_path / "env"),
            "PORT_OFFSET": str(offset),
            "RUNTIME": "native",
        }
    assert not (tmp_path / "home").exists()


def invoke(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run([INVOKE, *arguments], env)


def test_the_list_reads_like_a_manual(nowhere: dict[str, str]) -> None:
    done = invoke(nowhere, "--list")
    # Descriptions are folded: only a name stands in the second column.
    lines = [line for line in done.stdout.splitlines() if line[:2] == "  " and line[2:3].strip()]
    described = {line.split()[0]: line.split()[1:] for line in lines}

    assert done.returncode == 0
    assert set(TASKS) <= set(described)
    assert all(len(words) >= 3 for words in described.values()), described


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "--bogus"], "'--bogus'"),
        (["nosuch"], "'nosuch'"),
        (["--help", "nosuch"], "'nosuch'"),
        (["--list", "nosuch"], "'nosuch'"),
        (["aprove"], "Did you mean approve?"),
        (["--help", "statsu"], "Did you mean status?"),
        (["approve", "--verison", "3", "--reason", "it is right"], "Did you mean --version?"),
        (["approve", "--version", "3", "--reasn", "it is right"], "approve has no option '--reasn'"),
        (["identity-add", "bob", "--kye", "file", "--role", "analyst"], "Did you mean --key?"),
    ],
)
def test_what_is_not_understood_exits_with_2_and_says_what_to_type(
    nowhere: dict[str, str], arguments: list[str], said: str
) -> None:
    done = invoke(nowhere, *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "invoke --list" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_list_loads_nothing_heavy() -> None:
    heavy = [
        "boto3",
        "botocore",
        "dagster",
        "httpx",
        "mlflow",
        "pandas",
        "psutil",
        "psycopg2",
        "pydantic",
        "rich",
        "textual",
    ]
    code = f"import sys, tasks; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", TASKS)
def test_every_task_and_every_option_is_explained(nowhere: dict[str, str], name: str) -> None:
    from invoke import Collection

    task = _collection(Collection)[name]
    explained = {option.replace("-", "_") for option, text in task.help.items() if text}

    assert task.__doc__
    assert task.__doc__.strip().endswith(".")
    assert {argument.name.replace("-", "_") for argument in task.get_arguments()} <= explained


def _collection(kind: type) -> dict[str, object]:
    sys.path.insert(0, str(ROOT))
    try:
        import tasks
    finally:
        sys.path.remove(str(ROOT))
    found = kind.from_module(tasks)  # type: ignore[attr-defined]
    return {name: found[name] for name in found.task_names}


@pytest.mark.parametrize("words", [("train", "--help"), ("--help", "train"), ("train", "-h"), ("train", "X", "--help")])
def test_help_may_stand_before_or_behind_a_task_and_its_words(nowhere: dict[str, str], words: tuple[str, ...]) -> None:
    done = invoke(nowhere, *words)
    assert done.returncode == 0, done.stderr
    assert "Train, evaluate and register one model" in done.stdout


def test_a_file_that_is_not_there_is_told_before_anything_is_done(nowhere: dict[str, str]) -> None:
    done = invoke(nowhere, "train", "CreditRiskModel", "--data", "nope.parquet")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: There is no file ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("identity-add", "bob"), "--key is missing."),
        (("train",), "NAME is missing."),
        (("demo-run", "--data"), "--data needs a value."),
        (("train", "X", "--data"), "--data needs a value."),
        (("restore",), "FILE is missing."),
        (("approve",), "--version and --reason are missing."),
        (("approve", "--version", "1", "--json"), "--reason is missing."),
        (("new-model", "Churn"), "--data and --target are missing."),
    ],
)
def test_what_must_be_given_is_named(nowhere: dict[str, str], words: tuple[str, ...], said: str) -> None:
    done = invoke(nowhere, *words)
    assert done.returncode == 2
    assert done.stderr == f"error: {said}\n  → `invoke --help {words[0]}` shows all.\n"
    assert "Traceback" not in done.stdout
    assert not done.stdout or json.loads(done.stdout)["error"]["message"] == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("seed", "--drift", "--reset"), "--drift and --reset exclude each other"),
        (("build", "--pin", "--fresh"), "With --bundle or --pin nothing is built"),
        (("logs", "mlflw"), "Did you mean mlflow?"),
        (("approve", "--version", "1", "--reason", "good", "--key", "/no/key"), "There is no key /no/key."),
        (("train", "CreditRiskModl"), "Did you mean CreditRiskModel?"),
        (("logs", "--since", "yesterday"), "--since 'yesterday' is no time"),
        (("logs", "--lines", "-1"), "--lines -1 is too few"),
        (("logs", "--lines", "many"), "--lines 'many' is no whole number"),
        (("open", "postgres"), "postgres has no page"),
        (("restart", "nothing"), "'nothing' is no service"),
        (("restart", ""), "restart was given an empty word"),
        (("train", " "), "train was given an empty word"),
        (("identity-add", "bob", "--key=", "--role=analyst"), "FILE.pub is empty"),
        (("new-model", "Loan", "--data=", "--target=y"), "FILE is empty"),
    ],
)
def test_what_cannot_be_understood_exits_with_2_and_says_what_can(
    nowhere: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    done = invoke(nowhere, *arguments)

    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("no-such-task",), ("up", "--faster")])
def test_what_invoke_cannot_parse_is_an_error_without_a_traceback(
    nowhere: dict[str, str], arguments: tuple[str, ...]
) -> None:
    done = invoke(nowhere, *arguments)

    assert done.returncode != 0
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("demo-run",), ("seed",), ("seed", "--drift"), ("verify-governance",)])
def test_a_lab_that_is_down_is_said_to_be_with_what_to_type(
    nowhere: dict[str, str], arguments: tuple[str, ...]
) -> None:
    done = invoke(nowhere, *arguments)

    assert done.returncode == 1
    assert "invoke" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_executed_in_a_lab_that_was_never_started(nowhere: dict[str, str]) -> None:
    done = invoke(nowhere, "exec", "mlflow", "--", "env")

    assert done.returncode == 1
    assert done.stderr == "error: The lab nowhere was never started.\n  → Type `invoke up`.\n"


def test_status_of_a_lab_that_is_down_shows_every_service_and_fails(nowhere: dict[str, str]) -> None:
    done = invoke(nowhere, "status", "--json")
    states = {state["name"]: state["health"] for state in json.loads(done.stdout)}

    assert done.returncode == 1
    assert set(states) == set(Service)
    assert set(states.values()) <= {"down", "absent"}


def test_down_of_a_lab_that_is_down_says_so(nowhere: dict[str, str]) -> None:
    done = invoke(nowhere, "down")

    assert done.returncode == 0
    assert "was down already" in done.stdout


def test_the_doctors_findings_as_json(nowhere: dict[str, str]) -> None:
    done = invoke(nowhere, "doctor", "--json")
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}

    assert done.returncode == 0, done.stdout
    assert found["ports"]["verdict"] == "ok"


def test_nuke_of_nothing_removes_nothing(nowhere: dict[str, str]) -> None:
    done = invoke(nowhere, "nuke", "--yes")

    assert done.returncode == 0
    assert "nothing of this lab is here" in done.stdout


def test_a_wrong_setting_stops_every_task_with_its_name(nowhere: dict[str, str]) -> None:
    for name in ("up", "status", "down", "doctor", "nuke"):
        done = invoke({**nowhere, "PORT_OFFSET": "many"}, name)

        assert done.returncode == 1, name
        assert "PORT_OFFSET='many'" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_list_asks_no_command_for_its_options() -> None:
    code = (
        "import sys; from invoke import Program; sys.argv = ['invoke', '--list']\n"
        "try: Program().run(['invoke', '--list'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.endswith('_commands')], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert "approve" in done.stdout
    assert done.stderr.strip() == "[]"
