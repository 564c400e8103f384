"""Whether alerts reach anybody: the receivers in the settings, and what Alertmanager thinks of them."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.operations.doctor.finding import Finding, Verdict
from lab.runtime.alert_receivers import receivers
from lab.runtime.alertmanager_config import render
from lab.runtime.binaries import NotInstalled, Resolver
from lab.runtime.binaries.packages import ALERTMANAGER

_CHECK_S = 20.0


def examine_alerts(config: LabConfig, binaries: Resolver | None = None) -> Finding:
    """Looks at the receivers; with `binaries` by Alertmanager's own tool, too, where it is here. Asks no receiver."""
    try:
        known, text = receivers(config.alerts), render(config.alerts)
    except LabError as err:
        return Finding("alerts", Verdict.FAIL, err.message, err.remedy)
    if not known:
        detail = "nobody is told of alerts: they show on the screen and in `mlops-lab alerts`"
        return Finding("alerts", Verdict.OK, detail, "Set ALERT_… in the settings: see docs/alerts.md.")
    if binaries:
        found = binaries.locate(ALERTMANAGER, ALERTMANAGER.name)
        if isinstance(found, NotInstalled):
            return Finding("alerts", Verdict.WARN, "receivers are set, and no Alertmanager is here", found.remedy)
        if said := _refused(binaries, text):
            hidden = _hidden(said, [dict(one.configuration) for one in known])
            return Finding("alerts", Verdict.FAIL, f"Alertmanager refuses the receivers: {hidden}", "Mend ALERT_….")
    return Finding("alerts", Verdict.OK, f"told are {', '.join(f'{one.kind} ({one.host})' for one in known)}")


def _refused(binaries: Resolver, text: str) -> str:
    """What `amtool check-config` has against the configuration; empty when it takes it, or isn't here."""
    tool = binaries.locate(ALERTMANAGER, "amtool")
    if isinstance(tool, NotInstalled):
        return ""
    # The file holds secrets: nobody else may read the folder that it is in.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alertmanager.yml"
        path.write_text(text)
        try:
            done = subprocess.run(
                [str(tool.path), "check-config", str(path)],
                capture_output=True,
                text=True,
                timeout=_CHECK_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
    said = (done.stderr.strip() or done.stdout.strip()).replace(str(path), "the configuration")
    return " ".join(said.split())[:300] if done.returncode else ""


def _hidden(said: str, configurations: list[dict[str, Any]]) -> str:
    for secret in _secrets(configurations):
        said = said.replace(secret, "…")
    return said


def _secrets(given: object) -> Iterator[str]:
    """The URLs and passwords in receivers' configurations."""
    if isinstance(given, list):
        for one in given:
            yield from _secrets(one)
    elif isinstance(given, dict):
        yield from (given[name] for name in ("url", "api_url", "auth_password") if name in given)
        for one in given.values():
            yield from _secrets(one)
