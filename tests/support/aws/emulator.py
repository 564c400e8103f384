"""The emulator as a process that ends with whoever started it.

`python -m tests.support.aws.emulator HOST PORT [TASKS]`
"""

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from lab.services.http import trusted
from tests.support.ports import reserved_port
from tests.support.waiting import eventually

LOOPBACK = "127.0.0.1"
REGION = "eu-west-1"
_SETTINGS = {
    # Policies of AWS's own that roles are given.
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    # Seconds after which a certificate counts as validated; a minute otherwise.
    "MOTO_ACM_VALIDATION_WAIT": "0",
}


@dataclass(frozen=True)
class Emulator:
    """An AWS of its own, empty at first, with as many accounts as are asked for; `account` is the one that is used."""

    url: str
    account: str

    @functools.cached_property
    def environment(self) -> dict[str, str]:
        """What makes AWS's tools and SDKs use it, and nothing of the user's own."""
        key, secret, token = self._credentials(self.account)
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str, account: str = "") -> Any:
        """A boto3 client, in this account or another one."""
        return self._client(service, *self._credentials(account or self.account))

    def _credentials(self, account: str) -> tuple[str, str, str]:
        """Key, secret and token: only those of a role make the emulator leave its one default account."""
        if account not in self._known:
            role = f"arn:aws:iam::{account}:role/test"
            answer = self._client("sts", "test", "test", None).assume_role(RoleArn=role, RoleSessionName="test")
            given = answer["Credentials"]
            self._known[account] = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return self._known[account]

    def _client(self, service: str, key: str, secret: str, token: str | None) -> Any:
        return self._session.client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )

    @functools.cached_property
    def _session(self) -> boto3.Session:
        """One for all: it reads each service's description once, which takes longer than what is asked."""
        return boto3.Session(region_name=REGION)

    @functools.cached_property
    def _known(self) -> dict[str, tuple[str, str, str]]:
        return {}


@contextmanager
def running(
    account: str, log: Path, tasks: Path | None = None, host: str = LOOPBACK, variables: Mapping[str, str] | None = None
) -> Iterator[Emulator]:
    """An emulator on a free port of loopback, or of `host`; what it says goes into `log`.

    With `tasks` those of ECS really run, and leave there what they say. `variables` are moto's own settings, and the
    engine's, for which jobs of Batch run in containers.
    """
    with reserved_port() as port, log.open("wb") as output:
        emulator = Emulator(f"http://{host}:{port}", account)
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, host, str(port), *([str(tasks)] if tasks else [])],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_clean(os.environ) | _SETTINGS | dict(variables or {}),
        )
        try:
            eventually(lambda: _answers(process, emulator.url, log), deadline_s=300, what="the emulator's first answer")
            yield emulator
        finally:
            process.kill()
            process.communicate()


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the user's own; and what Python compiles is kept, or every start would take its time."""
    unwanted = ("AWS_", "MOTO_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in environ.items() if not name.startswith(unwanted)}


def _answers(process: "subprocess.Popen[bytes]", url: str, log: Path) -> bool:
    assert process.poll() is None, f"the emulator ended at once:\n{log.read_text()}"
    try:
        return httpx.get(f"{url}/moto-api/", timeout=5, verify=trusted(url)).status_code < 500
    except httpx.TransportError:
        return False


def _end_with_parent() -> None:
    """Its standard input ends when the process that started it does, however that ended."""
    os.read(0, 1)
    os._exit(0)


def main(host: str, port: str, folder: str = "") -> None:
    """Serves until it is ended."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from moto.server import main as serve

    from tests.support.aws import gaps
    from tests.support.aws.tasks import Tasks, run_them

    gaps.close()
    if folder:
        run_them(Tasks(Path(folder), f"http://{host}:{port}", REGION))
    serve(["-H", host, "-p", port])


if __name__ == "__main__":
    main(*sys.argv[1:])
