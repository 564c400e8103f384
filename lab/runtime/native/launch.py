"""Becomes a service: reads command, environment and folder from a file of mode 0600 and replaces itself.

Keeps secrets off command lines and out of supervisord's configuration. Run as a plain file, standard library only.
"""

import json
import os
import re
import signal
import sys

_URL = re.compile(rb"(https?://)(?:[^\s\"\\/@]*@)?([^\s\"\\/?#]*)[^\s\"\\]*")


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - importing pathlib would triple the start-up time
        spec = json.load(file)
    # A command behind `nohup` or `&` ignores these, and so would every service that it starts.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if spec.get("hide_urls"):
        log_only_hosts()
    os.chdir(spec["folder"])
    os.execve(spec["command"][0], spec["command"], spec["environment"])  # noqa: S606 - a shell is what it must not need


def log_only_hosts() -> None:
    """Puts a process between this one and its log, which takes out of every URL what follows the host: the secret."""
    out, into = os.pipe()
    if child := os.fork():
        os.waitpid(child, 0)
        os.close(out)
        for number in (sys.stdout.fileno(), sys.stderr.fileno()):
            os.dup2(into, number)
        os.close(into)
        return
    if os.fork():  # so that the service has no child of which it knows nothing
        os._exit(0)
    os.close(into)
    # A stop is sent to the whole group, and the service's last words come after it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with os.fdopen(out, "rb") as lines, os.fdopen(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as log:
        for line in iter(lines.readline, b""):
            try:
                log.write(_URL.sub("\\1\\2/…".encode(), line))
            except OSError:  # a full disk costs lines, and not the service, which a closed pipe would end
                continue
    os._exit(0)


if __name__ == "__main__":
    main()
