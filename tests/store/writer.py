"""A process that appends to a real trail: `python -m tests.store.writer NAME COUNT FILE [JOURNAL]`.

Writes a line to FILE for each entry that was acknowledged, and goes on behind the last line of an earlier life. With
DIE_AT="N SECONDS" it is killed that long after its Nth request to create an entry has begun, answered or not.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from lab.governance.ledger import Entry, Status
from lab.governance.ledger.entry import utc_text
from lab.governance.ledger.writer import Ledger
from lab.services.s3 import S3, AuditStore


class MortalStore(AuditStore):
    """A store whose Nth request is its process's end, however quick or slow the machine is."""

    def __init__(self, s3: S3, bucket: str, prefix: str, die_at: str) -> None:
        super().__init__(s3, bucket, prefix)
        left, self._delay_s = die_at.split()
        self._left = int(left)

    def create(self, key: str, body: bytes) -> bool:
        self._left -= 1
        if self._left:
            return super().create(key, body)
        request = threading.Thread(target=super().create, args=(key, body), daemon=True)
        request.start()
        request.join(float(self._delay_s))
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody survives this")


def main(name: str, count: str, file: str, journal: str = "") -> None:
    """Appends until `count` entries were acknowledged; with a journal, until they were acknowledged or kept."""
    prefix = os.environ["AUDIT_LOG_PREFIX"]
    # A single attempt may take long on a busy machine; the deadline is for eight writers at once.
    s3 = S3.from_environment(timeout_s=float(os.environ.get("TIMEOUT_S", "30")))
    bucket = os.environ["AUDIT_BUCKET"]
    die_at = os.environ.get("DIE_AT")
    store = MortalStore(s3, bucket, prefix, die_at) if die_at else AuditStore(s3, bucket, prefix)
    ledger = Ledger(store, prefix, Path(journal) if journal else None)
    done = Path(file)
    begin = len(done.read_text().splitlines()) if done.exists() else 0
    with done.open("a", encoding="utf-8") as acknowledged:
        for number in range(begin, int(count)):
            details = {"writer": name, "number": number, "pid": os.getpid(), "ns": str(time.time_ns())}
            entry = Entry("append", Status.SUCCESS, name, "ml-engineer", "dev", utc_text(), details=details)
            sealed = ledger.append_or_keep(entry) if journal else ledger.append(entry, deadline_s=120)
            acknowledged.write(f"{number} {sealed.seq} {sealed.hash}\n" if sealed else f"{number} kept\n")
            acknowledged.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
