"""Becomes a service: reads command, environment and folder from a file of mode 0600 and replaces itself.

Keeps secrets off command lines and out of supervisord's configuration. Run as a plain file, standard library only.
"""

import json
import os
import signal
import sys


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - importing pathlib would triple the start-up time
        spec = json.load(file)
    # A command behind `nohup` or `&` ignores these, and so would every service that it starts.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    os.chdir(spec["folder"])
    os.execve(spec["command"][0], spec["command"], spec["environment"])  # noqa: S606 - a shell is what it must not need


if __name__ == "__main__":
    main()
