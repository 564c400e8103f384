"""What a server of runs says of them: the words that prefork server, its client, run containers and launcher share.

{"event": "ready"}
{"event": "started", "run_id": …, "pid": …}
{"event": "ended", "run_id": …, "code": …}    exit status, negative for a signal; or why nobody knows it
"""

from collections.abc import Mapping
from typing import Any

READY, STARTED, ENDED = "ready", "started", "ended"
Event = Mapping[str, Any]


def ready() -> Event:
    return {"event": READY}


def started(run_id: str, pid: object) -> Event:
    return {"event": STARTED, "run_id": run_id, "pid": pid}


def ended(run_id: str, code: object) -> Event:
    return {"event": ENDED, "run_id": run_id, "code": code}


def is_a(event: Event, kind: str) -> bool:
    """Whether the event is of this kind."""
    return bool(event["event"] == kind)
