"""What `status` says under its table of a service that isn't up."""

from dataclasses import replace

import pytest

from lab.commands.lifecycle_commands import print_services
from tests.screen import snapshots


def test_reason_and_remedy_are_two_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    stopped = [one for one in snapshots.STOPPED.services.value or () if one.stopped]
    broken = replace(stopped[0], reason="It ended.", remedy="Type `x`.", stopped=False)
    print_services([*stopped, broken])
    said = " ".join(capsys.readouterr().out.split())
    assert f"{stopped[0].reason}. {stopped[0].remedy}" in said
    assert "It ended. Type `x`." in said
