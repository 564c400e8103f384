"""One run in a container of its own.

`python -m lab.dagster_host.isolated_run <argument of dagster api execute_run>`
"""

import gc
import os
import sys

from lab.dagster_host.prefork_server import execute
from lab.dagster_host.warm_up import warm_up


def main() -> None:
    """Executes the run and ends as it did."""
    code = 1
    try:
        # What libraries take for themselves is no memory that the run eats.
        warm_up()
        code = execute(sys.argv[1])
    finally:
        # As in a forked run: closes the generator of a step that Dagster gave up on.
        gc.collect()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
