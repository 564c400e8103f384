"""What the doctor says of the receivers of alerts."""

from pathlib import Path
from typing import Any

import pytest

from lab.operations.doctor.doctor_alerts import examine_alerts
from lab.operations.doctor.finding import Verdict
from lab.runtime.binaries import Binary, NotInstalled
from tests.stack.toolbox import run
from tests.support.played_lab import config


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "url"
    path.write_text("https://hooks.example.com/SECRET")
    path.chmod(0o600)
    return {"ALERT_WEBHOOK_URL_FILE": str(path)}


def binaries(tool: Path | None = None, found: bool = True) -> Any:
    """What can be had: an Alertmanager, and its tool."""

    class Binaries:
        def locate(self, _package: object, name: str) -> Binary | NotInstalled:
            if name == "amtool":
                return Binary(name, tool, "", "PATH") if tool else NotInstalled(name, "absent", "Get it.")
            return Binary(name, Path("/am"), "0.28.1", "PATH") if found else NotInstalled(name, "absent", "Get it.")

    return Binaries()


def amtool(tmp_path: Path, text: str, code: int) -> Path:
    path = tmp_path / "amtool"
    path.write_text(f"#!/bin/sh\ncat $2 > {tmp_path}/given\necho '{text}' >&2\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_without_receivers_it_says_where_alerts_are_found(tmp_path: Path) -> None:
    found = examine_alerts(config(tmp_path), binaries())
    assert found.verdict is Verdict.OK
    assert "mlops-lab alerts" in found.detail
    assert "docs/alerts.md" in found.remedy


def test_receivers_are_named_by_their_host(tmp_path: Path, settings: dict[str, str]) -> None:
    found = examine_alerts(config(tmp_path, **settings), binaries(tool=amtool(tmp_path, "", 0)))
    assert (found.verdict, found.detail) == (Verdict.OK, "told are webhook (hooks.example.com)")
    assert "SECRET" in (tmp_path / "given").read_text()


def test_what_cannot_be_read_keeps_the_lab_from_starting(tmp_path: Path, settings: dict[str, str]) -> None:
    Path(settings["ALERT_WEBHOOK_URL_FILE"]).unlink()
    found = examine_alerts(config(tmp_path, **settings))
    assert found.verdict is Verdict.FAIL
    assert "ALERT_WEBHOOK_URL_FILE" in found.detail
    assert found.remedy


def test_what_alertmanager_refuses_is_told_without_the_secret(tmp_path: Path, settings: dict[str, str]) -> None:
    tool = amtool(tmp_path, "FAILED: bad url https://hooks.example.com/SECRET", 1)
    found = examine_alerts(config(tmp_path, **settings), binaries(tool=tool))
    assert found.verdict is Verdict.FAIL
    assert found.detail.endswith("FAILED: bad url …")


def test_receivers_without_an_alertmanager_are_warned_of(tmp_path: Path, settings: dict[str, str]) -> None:
    found = examine_alerts(config(tmp_path, **settings), binaries(found=False))
    assert (found.verdict, found.remedy) == (Verdict.WARN, "Get it.")


def test_the_real_tool_refuses_what_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text('{"route": {"receiver": "nobody"}, "receivers": []}')
    assert run("amtool", "check-config", str(path)).returncode
