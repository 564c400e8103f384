"""What a container says of its service."""

import time
from collections.abc import Mapping

from lab.base.catalogue import ProcessFact
from lab.runtime.compose.containers import Container


def process_fact(
    container: Container | None,
    memory: Mapping[str, int],
    alone: bool,
    cores: Mapping[str, float] | None = None,
    measured_at: float | None = None,
) -> ProcessFact:
    """`memory` is in bytes and `cores` in use, by container id; `alone` says that others of the lab run."""
    if container is None or container.state == "created":
        return ProcessFact("stopped", reason="the lab is down", remedy="Type `invoke up`.")
    now = time.time()
    state, reason = _state(container, alone)
    started = container.started_at if container.running else None
    image = container.image_created_at
    return ProcessFact(
        state=state,
        pid=container.pid,
        uptime_s=None if started is None else max(0.0, now - started),
        restarts=container.restarts,
        memory_bytes=memory.get(container.id),
        reason=reason,
        remedy="Type `invoke up`." if state == "stopped" else "",
        health=container.health if container.running else "",
        image_age_s=None if image is None else max(0.0, now - image),
        cpu=(cores or {}).get(container.id) if container.running else None,
        measured_at=measured_at if container.running else None,
    )


def _state(container: Container, alone: bool) -> tuple[str, str]:
    killed = ", killed for want of memory" if container.out_of_memory else ""
    ended = f"ended with exit code {container.exit_code}{killed}"
    if container.running:
        unwell = container.health == "unhealthy"
        return "running", f"its health check fails: {container.health_output}" if unwell else ""
    if container.hopeless:
        return "failed", f"fatal: {ended}, {container.restarts} times in a row"
    if container.state == "restarting":
        return "failed", f"{ended}; it is started again"
    if container.state == "paused":
        return "failed", "it is paused"
    return "stopped", ended if alone or killed else "the lab is down"
