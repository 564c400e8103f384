"""The lab's object store alone, provisioned as `invoke up` does it: for tests that need S3 and nothing else."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab import envfile, wiring
from lab.base.catalogue import Service
from lab.base.errors import ServiceUnavailable
from lab.config import LabConfig
from lab.operations.own_lab import settle
from lab.runtime.credentials import ensure_pair
from lab.runtime.lab_marker import NATIVE, SEAWEEDFS, write_mark
from lab.runtime.layout import Layout, write_private
from lab.runtime.native.command_lines import Tools, command, store_options
from lab.runtime.native.service_files import identities, remove_dead_sockets
from lab.services.provision import provision_store
from lab.services.s3 import ADMIN, PIPELINE, READER, S3, AuditStore
from tests.support.ports import reserved_offset
from tests.support.waiting import eventually

_NUMBERS = itertools.count(1)


@dataclass
class Weed:
    """One SeaweedFS server; `config` names its ports, buckets and secrets."""

    config: LabConfig
    log: Path
    hangs: bool = False
    _provisioned: LabConfig | None = None
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def start(self) -> None:
        """Starts the server, on the data that it had, and provisions it."""
        layout = Layout(self.config.home)
        for folder in layout.folders():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ensure_pair(layout.config)
        write_private(layout.config / "s3-identities.json", identities(self.config))
        write_private(layout.config / "object-store.options", store_options(self.config, layout))
        tools = Tools(Path(), Path(sys.executable).with_name("weed"), Path())
        made = command(Service.OBJECT_STORE, self.config, layout, tools)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                made.argv, env=dict(made.environment), cwd=made.folder, stdout=log, stderr=log, start_new_session=True
            )
        write_mark(self.config, NATIVE, SEAWEEDFS)
        provision_store(self._provisioned or self.config, 60)
        # A bucket's first write after a start waits for volumes, which no test wants to measure.
        self.s3(ADMIN, 60).put(self.config.audit_bucket, "warm-up", b"")
        # It answers before it finds the volumes again that it had.
        eventually(self._readable, 60, "what was written before", (ServiceUnavailable,))
        settle(self.config)

    def _readable(self) -> bool:
        s3, bucket = self.s3(ADMIN, 5), self.config.audit_bucket
        return all(s3.get(bucket, key) is not None for key in list(s3.objects(bucket))[-3:])

    @property
    def running(self) -> bool:
        return self._process is not None

    def kill(self) -> None:
        """Ends the server as a power cut would."""
        if self._process:
            self.resume()
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            remove_dead_sockets(self.config)
            self._process = None

    def pause(self) -> None:
        """The server holds its connections and answers nothing."""
        self._signal(signal.SIGSTOP)
        if self._process and self._process.poll() is None:
            # Its threads stop one after the other, and those that have a core go on answering until then.
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        self.hangs = True

    def resume(self) -> None:
        """The server goes on, with whatever had been sent to it meanwhile."""
        self._signal(signal.SIGCONT)
        self.hangs = False

    def s3(self, identity: str, timeout_s: float = 20) -> S3:
        return S3.of_lab(self.config, identity, timeout_s)

    def trail(self) -> "RealTrail":
        """A new, empty trail, with the bucket policy that a lab of that prefix has."""
        config = replace(self.config, audit_prefix=f"governance/audit-{next(_NUMBERS)}/")
        provision_store(config)
        self._provisioned = config
        return RealTrail(self, config)

    def _signal(self, number: int) -> None:
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, number)


@dataclass(frozen=True)
class RealTrail:
    """An audit trail in a real store, through each identity."""

    weed: Weed
    config: LabConfig

    @property
    def prefix(self) -> str:
        return self.config.audit_prefix

    @property
    def bucket(self) -> str:
        return self.config.audit_bucket

    @property
    def reader(self) -> AuditStore:
        return self.store(READER)

    def store(self, identity: str = PIPELINE, timeout_s: float = 20) -> AuditStore:
        return AuditStore(self.weed.s3(identity, timeout_s), self.bucket, self.prefix)

    def client(self, identity: str) -> Any:
        """boto3's client, for what the lab's own client doesn't offer."""
        return self.weed.s3(identity).client

    def environ(self) -> dict[str, str]:
        """What a process of the pipeline is told."""
        return {
            **os.environ,
            "AWS_ENDPOINT_URL_S3": self.config.url(Service.OBJECT_STORE),
            "AWS_ACCESS_KEY_ID": PIPELINE,
            "AWS_SECRET_ACCESS_KEY": self.config.secrets.s3_pipeline,
            "AUDIT_BUCKET": self.bucket,
            "AUDIT_LOG_PREFIX": self.prefix,
        }


@contextmanager
def running_weed(folder: Path) -> Iterator[Weed]:
    """A server that is up; it is gone at the end."""
    with reserved_offset() as offset:
        environ = {
            "LAB_NAME": "store-test",
            "LAB_HOME": str(folder / "home"),
            "LAB_ENV_FILE": str(folder / "env"),
            "PORT_OFFSET": str(offset),
            "RUNTIME": "native",
            "PATH": os.environ["PATH"],
        }
        envfile.prepare(environ)
        weed = Weed(wiring.load_config(environ), folder / "weed.log")
        try:
            weed.start()
            yield weed
        finally:
            weed.kill()
