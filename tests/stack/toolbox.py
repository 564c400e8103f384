"""The real promtool and amtool, obtained as the lab obtains its servers."""

import subprocess
from functools import cache
from pathlib import Path

import pytest

from lab.runtime.binaries import NotInstalled, Resolver
from lab.runtime.packages import ALERTMANAGER, PROMETHEUS, Package

ROOT = Path(__file__).parents[2]
RULES = ROOT / "stack" / "prometheus" / "alert_rules.yml"
DASHBOARD = ROOT / "grafana" / "dashboards" / "mlops-observability.json"


def run(tool: str, *arguments: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Output of promtool or amtool."""
    command = [str(_tool(tool)), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@cache
def _tool(name: str) -> Path:
    package: Package = PROMETHEUS if name == "promtool" else ALERTMANAGER
    found = Resolver().program(package, name, note=lambda _text: None)
    if isinstance(found, NotInstalled):
        pytest.skip(f"no {name} here: {found.reason}")
    return found.path
