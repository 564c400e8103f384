"""What `status` says under its table of a service that isn't up."""

from dataclasses import replace

import pytest

from lab.commands.lifecycle_commands import print_services
from tests.screen import snapshots


def test_reason_and_remedy_are_two_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    (first, *_) = snapshots.DOWN.services.value or ()
    stopped = replace(first, reason="stopped by ada at 14:29", remedy="Type `invoke start x`.", stopped=True)
    broken = replace(first, reason="It ended.", remedy="Type `y`.")
    print_services([stopped, broken])
    said = " ".join(capsys.readouterr().out.split())
    assert "stopped by ada at 14:29. Type `invoke start x`." in said
    assert "It ended. Type `y`." in said
