"""Asks the service of this container whether it does what it is there for: `python health.py mlflow`.

Standard library, and what the service's own image has; loads nothing heavy, because it is started again and again.
"""

import asyncio
import json
import sys
import time
import urllib.request

DEADLINE_S = 8.0
# Daemons report every 30 s.
HEARTBEAT_LIMIT_S = 120.0
_LOCATION = """{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name } } } }"""


def ask(port: int, path: str, body: object = None) -> bytes:
    """The answer of this container's own server. Raises OSError."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=DEADLINE_S) as answer:
        found: bytes = answer.read()
        return found


def mlflow() -> None:
    """The registry answers a search, which needs the database."""
    ask(5000, "/api/2.0/mlflow/registered-models/search?max_results=1")


def dagster() -> None:
    """The code location is loaded, which needs database and code server."""
    found = json.loads(ask(3000, "/graphql", {"query": _LOCATION}))["data"]["repositoriesOrError"]
    if not found.get("nodes"):
        raise ValueError(f"no code location is loaded: {found}")


def dagster_code() -> None:
    """The code server says that it serves."""
    from lab.services.grpc_health import check_serving

    asyncio.run(check_serving("127.0.0.1", 3001, "DagsterApi", "The code server", "", DEADLINE_S))


def dagster_daemon() -> None:
    """Every daemon has written its heartbeat lately."""
    import os

    import psycopg2

    where = {"host": os.environ["POSTGRES_HOST"], "port": os.environ["POSTGRES_PORT"]}
    link = psycopg2.connect(dbname="dagster", user="dagster", connect_timeout=5, **where)
    try:
        with link.cursor() as cursor:
            cursor.execute("SELECT daemon_type, extract(epoch FROM timestamp) FROM daemon_heartbeats")
            rows = cursor.fetchall()
    finally:
        link.close()
    late = [name for name, at in rows if time.time() - float(at) > HEARTBEAT_LIMIT_S]
    if late or not rows:
        raise ValueError(f"no heartbeat of {', '.join(late) or 'any daemon'}")


def exporter(port: int) -> None:
    """The exporter has metrics that mean something."""
    ask(port, "/readyz")


CHECKS = {
    "mlflow": mlflow,
    "dagster": dagster,
    "dagster-code": dagster_code,
    "dagster-daemon": dagster_daemon,
    "drift-monitor": lambda: exporter(9100),
    "dagster-metrics": lambda: exporter(9200),
    "governance-metrics": lambda: exporter(9300),
}


def main() -> int:
    """Exit code 1 with the reason when the service isn't healthy."""
    try:
        CHECKS[sys.argv[1]]()
    except Exception as err:  # whatever it is, it belongs into the container's health log
        sys.stderr.write(f"{type(err).__name__}: {err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
