"""An environment's whole life in a process of its own: `python -m tests.support.aws ENVIRONMENT FOLDER`.

It ends when its standard input does: with whoever started it, however that ended.
"""

import os
import pickle
import signal
import sys
import threading
from pathlib import Path

from tests.support.aws.cycle import RESULT, lived


def _end_with_parent(main_thread: int) -> None:
    """As Ctrl-C would: the command under way is asked to end, and the emulator goes."""
    os.read(0, 1)
    signal.pthread_kill(main_thread, signal.SIGINT)


def main(environment: str, folder: Path) -> None:
    """Writes down what was seen. Raises TerraformFailed."""
    # Whoever was started in the background ignores interruptions, and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, args=(threading.get_ident(),), daemon=True).start()
    (folder / RESULT).write_bytes(pickle.dumps(lived(environment, folder)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
