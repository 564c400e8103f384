"""A job of Batch as it is described, and how its end is judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_WAITING = {"SUBMITTED", "PENDING", "RUNNABLE", "STARTING"}
_TAKEN_BACK = ("Host EC2", "Your Spot Task")
# Exit statuses beyond this name the signal that ended a process.
_SIGNALS = 128


class Phase(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class JobState:
    """What Batch says of a job. `attempts` have the reason each ended with; a job that ran once may have none."""

    phase: Phase
    status: str
    reason: str = ""
    container_reason: str = ""
    exit_code: int | None = None
    log_stream: str = ""
    attempts: tuple[str, ...] = ()

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> "JobState":
        """From an element of `jobs` of DescribeJobs."""
        status, container = str(described["status"]), described.get("container") or {}
        waiting = status in _WAITING
        known = {"SUCCEEDED": Phase.SUCCEEDED, "FAILED": Phase.FAILED}
        return cls(
            phase=Phase.WAITING if waiting else known.get(status, Phase.RUNNING),
            status=status,
            reason=str(described.get("statusReason") or ""),
            container_reason=str(container.get("reason") or ""),
            exit_code=container.get("exitCode"),
            log_stream=str(container.get("logStreamName") or ""),
            attempts=tuple(_why(one) for one in described.get("attempts") or () if one.get("stoppedAt")),
        )


def _why(attempt: Mapping[str, Any]) -> str:
    container = attempt.get("container") or {}
    return str(attempt.get("statusReason") or container.get("reason") or "no reason given").rstrip(".")


def why_failed(state: JobState, timeout_s: int = 0) -> str:
    """The reason of a failed job in a sentence's second half: "the training job …"."""
    if "duration exceeded timeout" in state.reason:
        return f"took longer than {f'{timeout_s} s' if timeout_s else 'its definition allows'}"
    if state.reason.startswith(_TAKEN_BACK):
        times = len(state.attempts)
        return f"lost its machine {f'{times} times' if times > 1 else 'and had no attempt left'}: {state.reason}"
    if "OutOfMemory" in state.container_reason:
        return f"needed more memory than its definition gives it ({state.container_reason})"
    if state.exit_code is not None and state.exit_code > _SIGNALS:
        return f"was killed by signal {state.exit_code - _SIGNALS}{_said(state)}"
    if state.exit_code:
        return f"ended with exit status {state.exit_code}{_said(state)}"
    return f"failed{_said(state) or ': Batch gives no reason'}"


def _said(state: JobState) -> str:
    text = "; ".join(part for part in (state.reason, state.container_reason) if part)
    return f": {text}" if text else ""
