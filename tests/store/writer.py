"""A process that appends to a real trail: `python -m tests.store.writer NAME COUNT FILE [JOURNAL]`.

Writes a line to FILE for each entry that was acknowledged, and goes on behind the last line of an earlier life.
"""

import os
import sys
import time
from pathlib import Path

from lab.clients.audit import Ledger, now_utc
from lab.clients.s3 import S3, AuditStore
from lab.core.ledger import Entry, Status


def main(name: str, count: str, file: str, journal: str = "") -> None:
    """Appends until `count` entries were acknowledged; with a journal, until they were acknowledged or kept."""
    prefix = os.environ["AUDIT_LOG_PREFIX"]
    # A single attempt may take long on a busy machine; the deadline is for eight writers at once.
    store = AuditStore(
        S3.from_environment(timeout_s=float(os.environ.get("TIMEOUT_S", "30"))), os.environ["AUDIT_BUCKET"], prefix
    )
    ledger = Ledger(store, prefix, Path(journal) if journal else None)
    done = Path(file)
    begin = len(done.read_text().splitlines()) if done.exists() else 0
    with done.open("a", encoding="utf-8") as acknowledged:
        for number in range(begin, int(count)):
            details = {"writer": name, "number": number, "pid": os.getpid(), "ns": str(time.time_ns())}
            entry = Entry("append", Status.SUCCESS, name, "ml-engineer", "dev", now_utc(), details=details)
            sealed = ledger.append_or_keep(entry) if journal else ledger.append(entry, deadline_s=120)
            acknowledged.write(f"{number} {sealed.seq} {sealed.hash}\n" if sealed else f"{number} kept\n")
            acknowledged.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
