"""What moto says too little of a job that it ran in a container; patched where tests need the answer."""

from datetime import datetime, timedelta
from typing import Any

TOOK_TOO_LONG = "Job attempt duration exceeded timeout"


def ends() -> None:
    """A job's description has its exit status, and why it ended: moto forgets both."""
    from moto.batch.models import Job

    describe, mark = Job.describe, Job._mark_stopped

    def described(self: Any) -> dict[str, Any]:
        found = describe(self)
        if self.exit_code is not None:
            found["container"]["exitCode"] = self.exit_code
        return found

    def mark_stopped(self: Any, success: bool = True) -> None:
        if not success and self.exit_code is None and not self.stop and not self.job_stopped:
            limit = self._get_attempt_duration()
            late = limit and datetime.now() >= self.job_started_at + timedelta(seconds=limit)
            self.job_stopped_reason = TOOK_TOO_LONG if late else "Task failed to start"
        mark(self, success)

    for name, value in (("describe", described), ("_mark_stopped", mark_stopped)):
        setattr(Job, name, value)
