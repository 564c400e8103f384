"""The script that starts Grafana, with a recorded command line in place of Grafana's own."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stack.toolbox import ROOT

START = ROOT / "stack" / "grafana" / "start.sh"
AWKWARD = 'it\'s $HOME `x` "quoted" \\n * --help'


@dataclass(frozen=True)
class Started:
    """What was said, and what each call of Grafana's programs got: arguments, then standard input."""

    server: str
    reset: str
    errors: str


Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a program that notes down what it gets; `database` says whether it has run before."""

    def started(database: bool, name: str = "grafana", fails: bool = False, **environ: str) -> Started:
        data, server, reset = tmp_path / "data", tmp_path / "server", tmp_path / "reset"
        data.mkdir(exist_ok=True)
        if database:
            (data / "grafana.db").write_bytes(b"SQLite format 3")
        tool = tmp_path / ("grafana-cli" if name == "grafana-server" else name)
        for program in {tmp_path / name, tool}:
            program.write_text(
                f"""#!/bin/sh
case " $* " in
*" admin "*) printf '%s\\n' "$@" > {reset}; cat >> {reset}; {"echo no such table >&2; exit 1" if fails else ":"} ;;
*) printf '%s\\n' "$@" > {server} ;;
esac
"""
            )
            program.chmod(0o755)
        argv = ["sh", str(START), str(tmp_path / name), "/share/grafana", str(tmp_path / name), "server", "--x=1 2"]
        done = subprocess.run(
            argv,
            env={"PATH": os.environ["PATH"], "GF_PATHS_DATA": str(data), **environ},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return Started(server.read_text(), reset.read_text() if reset.exists() else "", done.stderr)

    return started


@pytest.mark.parametrize("password", ["plain", AWKWARD])
def test_a_password_that_was_changed_reaches_a_database_that_is_there(start: Start, password: str) -> None:
    found = start(database=True, GF_SECURITY_ADMIN_PASSWORD=password)

    *argv, given = found.reset.splitlines()
    assert argv == ["cli", "--homepath", "/share/grafana", "admin", "reset-admin-password", "--password-from-stdin"]
    assert given == password
    assert password not in " ".join(argv) + found.errors
    assert found.server == "server\n--x=1 2\n"


def test_in_a_container_it_comes_from_the_secrets_file_and_with_the_images_configuration(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(AWKWARD)
    environ = {"GF_SECURITY_ADMIN_PASSWORD__FILE": str(tmp_path / "secret"), "GF_PATHS_CONFIG": "/etc/g.ini"}
    found = start(database=True, **environ)

    assert found.reset.splitlines()[1:5] == ["--homepath", "/share/grafana", "--config", "/etc/g.ini"]
    assert found.reset.splitlines()[-1] == AWKWARD


def test_a_new_grafana_is_left_to_take_the_password_itself(start: Start) -> None:
    found = start(database=False, GF_SECURITY_ADMIN_PASSWORD="first")

    assert found.reset == ""
    assert found.server.startswith("server")


def test_one_whose_password_cannot_be_set_starts_all_the_same_and_says_so(start: Start) -> None:
    found = start(database=True, fails=True, GF_SECURITY_ADMIN_PASSWORD="x")

    assert found.server.startswith("server")
    assert "no such table" in found.errors
    assert "couldn't be set anew" in found.errors


def test_an_older_grafana_has_a_command_line_of_its_own(start: Start) -> None:
    found = start(database=True, name="grafana-server", GF_SECURITY_ADMIN_PASSWORD="x")

    assert found.reset.splitlines()[:2] == ["--homepath", "/share/grafana"]
