"""What the summary of a training run says to do next."""

import pytest

from lab.base.runs import JOB, Run, RunStatus
from lab.commands.training_commands import print_run
from lab.operations.demo_run import DemoRun


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RunStatus.FAILURE, "next: mend what the reason above names"),
        (RunStatus.CANCELED, "next: run it again when it may go on"),
    ],
)
def test_the_next_step_is_that_of_how_it_ended(
    status: RunStatus, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_run(DemoRun(Run("r", JOB, status), None, (), {}, reason="why"))
    assert said in capsys.readouterr().out
