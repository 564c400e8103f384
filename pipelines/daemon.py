"""The Dagster daemon with its warm server started first: `python -m pipelines.daemon run -w workspace.yaml`.

Server and daemon import at the same time, and no launch waits for the first one to do it. Runs in containers need none.
"""

from pipelines.containers import gate_url
from pipelines.warmclient import SERVER


def main() -> None:
    """As `dagster-daemon`."""
    if not gate_url():
        SERVER.start()
    from dagster._daemon.cli import main as dagster_daemon

    try:
        dagster_daemon()
    finally:
        SERVER.close()


if __name__ == "__main__":
    main()
