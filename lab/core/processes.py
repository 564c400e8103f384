"""What the operating system or an engine knows of a service, apart from whether it works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProcessFact:
    """`state` is running, starting, stopped, failed or absent; uptime in seconds, memory (PSS or RSS) in bytes.

    Of a container, `health` is what its own check says (starting, healthy, unhealthy), `image_age_s` is in seconds.
    """

    state: str
    pid: int | None = None
    uptime_s: float | None = None
    restarts: int | None = None
    memory_bytes: int | None = None
    reason: str = ""
    remedy: str = ""
    health: str = ""
    image_age_s: float | None = None
