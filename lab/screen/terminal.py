"""Whether there is anything to draw the screen on, and for how long."""

import codecs
import os
import signal
import sys
import threading
import time

from lab.base.errors import LabError

# textual-serve sets this for the process whose screen it sends to a browser.
DRIVER = "TEXTUAL_DRIVER"
_LOOK_EVERY_S, _GRACE_S = 1.0, 5.0


def need_terminal() -> None:
    """Raises LabError without a terminal or a browser to draw on."""
    if os.environ.get(DRIVER):
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    # Textual draws on stderr.
    elif not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise LabError("The screen needs a terminal.", "Type `mlops-lab --once` for one snapshot as text.")
    elif codecs.lookup(sys.stderr.encoding).name != "utf-8":
        raise LabError(
            f"The screen draws in UTF-8; the encoding here is {sys.stderr.encoding}.",
            "Type `env -u PYTHONIOENCODING LC_ALL=C.UTF-8 mlops-lab`, or `mlops-lab --once` for one snapshot as text.",
        )


def _end_with(parent: int) -> None:
    """Ends this process after its parent: nobody else would end it when the web server was killed."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)
