"""Dagster's webserver behind its guard.

`python -m lab.dagster_host.web_server --port 3000 --workspace workspace.yaml`
"""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from lab.dagster_host.keeping import kept

# As `dagster-webserver` has them: milliseconds a statement may take, seconds a pooled connection lives, and how many
# connections there may be beyond the pool.
_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_OVERFLOW = 15_000, 3600, 20
_UI_POLL_MS = 2000


def main(argv: Sequence[str] | None = None) -> None:
    """Serves until it is told to stop; the instance is the one in DAGSTER_HOME."""
    arguments = _parser().parse_args(argv)
    hosts = arguments.allow_host or [f"{name}:{arguments.port}" for name in (arguments.host, "localhost")]
    serve(arguments.host, arguments.port, arguments.workspace, hosts)


def serve(host: str, port: int, workspace: Path, hosts: Sequence[str]) -> None:
    """Serves the instance in DAGSTER_HOME; `hosts` are the values of the Host header that are answered."""
    with ExitStack() as stack:
        with kept():
            import uvicorn
            from dagster import DagsterInstance

            from lab.dagster_host import dagster_private
            from lab.dagster_host.web_guard import AnyJson, WebGuard

            dagster_private.log_as_dagster_does()
            instance = stack.enter_context(DagsterInstance.get())
            instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_OVERFLOW)
            # One run that holds a character beyond UTF-8 would otherwise make every list of runs an error.
            made = dagster_private.web_application(instance, workspace, _UI_POLL_MS, AnyJson)
            app = stack.enter_context(made)
        # Without a proxy in front nobody may say by a header where a request came from.
        uvicorn.run(WebGuard(app, hosts), host=host, port=port, log_level="warning", proxy_headers=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab.dagster_host.web_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=3000, help="port to listen on")
    parser.add_argument("--workspace", type=Path, required=True, help="workspace file that names the code locations")
    parser.add_argument(
        "--allow-host", action="append", help="name:port that names this server; default: the address and localhost"
    )
    return parser


if __name__ == "__main__":
    main()
