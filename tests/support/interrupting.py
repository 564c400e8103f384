"""Signals amid a command of a lab."""

import os
import signal

from tests.support.lab import LiveLab


def interrupted(lab: LiveLab, number: signal.Signals, line: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a task that got a signal as soon as it had said a line with `line` in it.

    SIGINT comes as from a terminal, to the whole group; SIGTERM as from `kill`, to the command alone.
    """
    with lab.popen(*arguments) as process:
        try:
            assert process.stdout
            said: list[str] = []
            for text in process.stdout:
                said.append(text)
                if line in text:
                    break
            else:
                raise AssertionError(f"it ended before it said {line!r}: {''.join(said)}")
            if number is signal.SIGINT:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            rest, _ = process.communicate(timeout=300)
        except BaseException:
            process.kill()
            raise
    output = "".join(said) + rest
    assert "Traceback" not in output, output
    return process.returncode, output
