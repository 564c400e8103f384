"""The console command as a user meets it: exit codes, messages, no tracebacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import cli

ROOT = Path(cli.__file__).parents[1]


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """The environment of a lab that was never started, on ports of its own."""
    own = {
        "LAB_NAME": "nowhere",
        "LAB_HOME": str(tmp_path / "home"),
        "LAB_ENV_FILE": str(tmp_path / ".env"),
        "PORT_OFFSET": "39000",
        "RUNTIME": "native",
    }
    return {k: v for k, v in os.environ.items() if k not in {"ENVIRONMENT", "RUN_ROLE"}} | own


def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab.cli", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_once_on_a_lab_that_is_not_up_prints_what_it_knows_and_what_to_type(nowhere: dict[str, str]) -> None:
    found = run("--once", env=nowhere)
    assert found.returncode == 1
    assert "The lab isn't up." in found.stdout
    assert "✗ PostgreSQL" in found.stdout
    assert found.stderr == "error: The lab nowhere isn't up.\n  → Type `invoke up`.\n"


def test_once_json_is_one_document_also_when_the_lab_is_not_up(nowhere: dict[str, str]) -> None:
    found = run("--once", "--json", env=nowhere)
    assert found.returncode == 1
    document = json.loads(found.stdout)
    assert document["schema"] == 1
    assert document["lab"]["name"] == "nowhere"
    assert document["overall"] == "down"


def test_a_setting_that_is_wrong_is_explained(nowhere: dict[str, str]) -> None:
    found = run("--once", env=nowhere | {"ENVIRONMENT": "production"})
    assert found.returncode == 1
    first, second = found.stderr.splitlines()
    assert first.startswith("error: ENVIRONMENT")
    assert "'production'" in first
    assert second == "  → Use one of: dev, staging, prod."
    assert found.stdout == ""


def test_the_screen_needs_a_terminal(nowhere: dict[str, str]) -> None:
    found = run(env=nowhere)
    assert found.returncode == 1
    assert found.stderr.startswith("error: The screen needs a terminal.")


@pytest.mark.parametrize("arguments", [["--once"], ["--once", "--json"]], ids=["text", "json"])
def test_a_closed_pipe_is_no_traceback(nowhere: dict[str, str], arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        found = subprocess.run(
            [sys.executable, "-m", "lab.cli", *arguments],
            cwd=ROOT,
            env=nowhere,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert found.returncode == cli.PIPE_CLOSED
    assert found.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [["--json"], ["--refresh", "0"], ["--refresh", "soon"], ["--refresh", "nan"], ["--nonsense"], ["--on"], ["word"]],
    ids=" ".join,
)
def test_wrong_usage_exits_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: mlops-lab" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("mlops-lab ")


def test_an_interrupt_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_once", interrupted)
    assert cli.main(["--once"]) == cli.INTERRUPTED


def test_the_screen_imports_nothing_heavy_before_it_paints() -> None:
    code = "import sys, lab.cli, lab.tui.app; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(found.stdout.split())
    heavy = {"httpx", "boto3", "botocore", "pydantic", "mlflow", "dagster", "pandas", "sklearn", "docker", "psycopg2"}
    assert loaded & heavy == set()
    assert not [name for name in loaded if name.startswith(("lab.clients", "lab.ops", "lab.runtime", "lab.wiring"))]
