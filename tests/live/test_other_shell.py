"""Commands from another shell find the lab as it is, restart nothing, remove nothing unasked, and end no run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from lab.base.catalogue import Service
from tests.support.lab import INVOKE, LiveLab
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

CORP = {
    **dict.fromkeys(("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE", "PGSERVICE", "PGSSLMODE"), "corp"),
    **dict.fromkeys(("MLFLOW_TRACKING_URI", "DAGSTER_HOME", "REQUESTS_CA_BUNDLE", "NETRC", "GIT_DIR"), "/no/such"),
    "PGHOSTADDR": "192.0.2.1",
    "https_proxy": "http://192.0.2.1:1",
}
SHELLS = {
    "another path": {"PATH": f"/usr/games:{os.environ['PATH']}"},
    "cron": {"PATH": "/usr/bin:/bin", "LANG": "", "TMPDIR": ""},
    "another person": {"HOME": "/tmp", "USER": "else", "TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8", "SSL_CERT_DIR": "/x"},
    "corporate": CORP,
}


@pytest.mark.parametrize("shell", SHELLS)
def test_up_from_any_shell_has_nothing_to_do(live: LiveLab, shell: str) -> None:
    before = live.pids()
    done = live.invoke("up", **SHELLS[shell])
    assert "is up already: nothing to do" in done.stdout, done.stdout
    assert live.pids() == before


def test_a_corporate_shell_sees_a_healthy_lab_and_a_sound_trail(live: LiveLab) -> None:
    live.invoke("status", **CORP)
    done = live.command(str(Path(INVOKE).with_name("mlops-lab")), "audit", "verify", **CORP)
    assert "INTACT" in done.stdout
    assert live.invoke("demo-run", **CORP).returncode == 0


def test_nuke_without_yes_and_without_a_terminal_removes_nothing(live: LiveLab) -> None:
    before = live.pids()

    done = live.invoke("nuke", check=False)

    assert done.returncode == 1
    assert "nothing was removed" in done.stdout + done.stderr
    assert "--yes" in done.stdout
    assert live.pids() == before
    assert live.home.is_dir()
    assert Path(live.environ["LAB_ENV_FILE"]).is_file()


def test_a_dry_run_of_nuke_names_what_would_go(live: LiveLab) -> None:
    done = live.invoke("nuke", "--dry-run")

    assert str(live.home) in done.stdout
    assert live.environ["LAB_ENV_FILE"] in done.stdout
    assert live.home.is_dir()


def test_a_running_lab_is_not_looked_for_on_other_ports(live: LiveLab) -> None:
    offset = live.config.port_offset
    done = live.invoke("status", check=False, PORT_OFFSET=str(offset + 1))
    assert done.returncode == 1
    assert f"PORT_OFFSET={offset}" in done.stderr


def test_restarting_one_service_restarts_no_other(live: LiveLab) -> None:
    before = live.pids()
    live.invoke("restart", "drift-monitor", RUN_MEMORY_LIMIT_MB="9000", DRIFT_MONITOR_INTERVAL_SECONDS="4")
    after = live.pids()
    assert {name for name in before if before[name] != after[name]} == {Service.DRIFT_MONITOR}

    done = live.invoke("up")
    assert "drift-monitor restarts, changed: variable DRIFT_MONITOR_INTERVAL_SECONDS" in done.stdout
    again = live.pids()
    assert {name for name in after if after[name] != again[name]} == {Service.DRIFT_MONITOR}


@contextmanager
def held_run(live: LiveLab) -> Iterator[tuple[str, psutil.Process]]:
    """A run in progress whose process stands still, so that it goes on as long as the test wants."""
    before = set(live.run_ids())
    with live.popen("demo-run") as training:
        eventually(lambda: set(live.run_ids()) - before, 120, "the run")
        run_id = next(iter(set(live.run_ids()) - before))
        process = eventually(lambda: forked(live), 120, "its process")
        # Before that, Dagster gives a run that lost its process five minutes to start.
        eventually(lambda: live.run_status(run_id) == "STARTED", 120, "its state")
        process.suspend()
        assert live.run_status(run_id) == "STARTED"
        try:
            yield run_id, process
        finally:
            with suppress(psutil.NoSuchProcess):
                process.resume()
            training.communicate(timeout=300)


def forked(live: LiveLab) -> psutil.Process | None:
    """The process that executes a run: forked by the prefork server, which the daemon forked."""
    with suppress(psutil.NoSuchProcess):
        servers = psutil.Process(live.pids()[Service.DAGSTER_DAEMON]).children()
        return next((run for server in servers for run in server.children()), None)
    return None


def test_up_lets_a_run_end_before_it_takes_in_a_changed_setting(live: LiveLab) -> None:
    with held_run(live) as (run_id, process):
        live.environ["RUN_MEMORY_LIMIT_MB"] = "9000"
        try:
            with live.popen("up") as up:
                assert up.stdout is not None
                waiting = next(line for line in up.stdout if "waits at most" in line)
                process.resume()
                rest, _ = up.communicate(timeout=400)
        finally:
            del live.environ["RUN_MEMORY_LIMIT_MB"]
        assert up.returncode == 0, rest
    assert f"for run {run_id[:8]}" in waiting
    assert "dagster-daemon restarts, changed: variable RUN_MEMORY_LIMIT_MB" in rest
    assert live.run_status(run_id) == "SUCCESS"
    live.invoke("up")


def test_a_restart_says_which_run_it_ends(live: LiveLab) -> None:
    with held_run(live) as (run_id, _):
        done = live.invoke("restart", "dagster-daemon")
    assert f"this ends run {run_id[:8]} (ml_training_pipeline)" in done.stdout
    assert live.finished(run_id) != "SUCCESS"
