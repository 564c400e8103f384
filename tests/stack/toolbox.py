"""The real promtool, amtool and Prometheus, obtained as the lab obtains its servers."""

import subprocess
from functools import cache
from pathlib import Path

import pytest

from lab.runtime.binaries import NotInstalled, Resolver
from lab.runtime.binaries.packages import ALERTMANAGER, PROMETHEUS, Package

ROOT = Path(__file__).parents[2]
RULES = ROOT / "stack" / "prometheus" / "alert_rules.yml"
DASHBOARD = ROOT / "grafana" / "dashboards" / "mlops-observability.json"
DASHBOARDS = sorted(DASHBOARD.parent.glob("*.json"))


def run(tool: str, *arguments: str, folder: Path = ROOT, given: str = "") -> "subprocess.CompletedProcess[str]":
    """Output of promtool, prometheus or amtool, to which `given` is typed."""
    command = [str(program(tool)), *arguments]
    return subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, timeout=600, check=False)


# Names that are older than the linter's rules and stay, because dashboards outside of this project may ask for them.
OLD_NAMES = {"synthetic_data_row_count", "dagster_webserver_response_ms"}


def complaints(exposition: str) -> list[str]:
    """What `promtool check metrics` has against the text of a scrape, but for `OLD_NAMES`."""
    checked = run("promtool", "check", "metrics", given=exposition)
    said = (checked.stdout + checked.stderr).splitlines()
    found = [line for line in said if line.split(" ")[0] not in OLD_NAMES]
    # 3: parsed, and something was complained of.
    return found if checked.returncode in {0, 3} else [f"exit code {checked.returncode}", *found]


@cache
def program(name: str) -> Path:
    """Where a program of Prometheus or Alertmanager is; skips the test where there is none."""
    package: Package = ALERTMANAGER if name == "amtool" else PROMETHEUS
    found = Resolver().program(package, name, note=lambda _text: None)
    if isinstance(found, NotInstalled):
        pytest.skip(f"no {name} here: {found.reason}")
    return found.path
