"""What moto says too little of a job that it ran in a container, or doesn't do; patched where tests need it."""

from datetime import datetime, timedelta
from typing import Any

TOOK_TOO_LONG = "Job attempt duration exceeded timeout"
# What Batch says of a machine that was taken back.
TAKEN_BACK = "Host EC2 (instance i-0123456789abcdef0) terminated."
_KILLED = 137


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


def attempts() -> None:
    """A container that is killed counts as one whose machine was taken back: while attempts are left, it runs again."""
    from moto.batch.models import Job

    run, mark = Job.run, Job._mark_stopped

    def again(self: Any) -> bool:
        """Whether the attempt under way has ended, and another one follows."""
        ended = sum("stoppedAt" in one for one in self.attempts)
        return bool(self.attempts) and ended == len(self.attempts) and not self.job_stopped

    def mark_stopped(self: Any, success: bool = True) -> None:
        allowed = (self.job_definition.retry_strategy or {}).get("attempts", 1)
        if not success and self.exit_code == _KILLED and not self.stop and len(self.attempts) < allowed:
            self.latest_attempt |= {"stoppedAt": int(datetime.now().timestamp() * 1000), "statusReason": TAKEN_BACK}
        if not again(self):
            mark(self, success)

    def run_again(self: Any) -> None:
        run(self)
        while again(self):
            self.status, self.exit_code = "SUBMITTED", None
            run(self)

    for name, value in (("run", run_again), ("_mark_stopped", mark_stopped)):
        setattr(Job, name, value)
