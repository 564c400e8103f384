"""What a container's own check says before the engine makes it for the first time."""

import time
from collections.abc import Callable

from lab.runtime.compose.containers import QUICK_S, Container, Containers

# Each is a process that starts.
_EVERY_S = 1.0
STARTING, HEALTHY = "starting", "healthy"


class FirstCheck:
    """The engine makes the check seldom, so that it costs little, and for the first time no sooner. Who waits for a
    container that isn't published would wait that long. One thread at a time asks.
    """

    def __init__(self, containers: Containers, clock: Callable[[], float] = time.monotonic) -> None:
        self._containers, self._clock = containers, clock
        self._asked_at = float("-inf")
        self._passed: tuple[str, float | None] = ("", None)

    def health(self, container: Container) -> str:
        """The engine's word; `healthy` instead of `starting` once the check has passed since the container began."""
        if container.health != STARTING or not container.running:
            return container.health
        begun = container.id, container.started_at
        if self._passed != begun:
            if self._clock() - self._asked_at < _EVERY_S or not self._passes(container):
                return STARTING
            self._passed = begun
        return HEALTHY

    def _passes(self, container: Container) -> bool:
        """Makes it; one that can't be made has not passed: the container may have ended meanwhile."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        api = self._containers.client(QUICK_S).api
        try:
            made = api.exec_create(container.id, list(container.check))
            api.exec_start(made["Id"])
            return bool(api.exec_inspect(made["Id"])["ExitCode"] == 0)
        except (DockerException, RequestException):
            return False
        finally:
            self._asked_at = self._clock()
