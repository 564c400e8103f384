"""Whose AWS is reached from here: asked before anything is planned, so that nothing is done in the wrong place."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.base.errors import LabError
from lab.governance.rules.policy import Environment
from lab.operations.deployment.source import Target

if TYPE_CHECKING:
    import boto3

# Where AWS itself is, by partition.
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_ASKED = ("sts", "s3", "iam", "ecr", "ecs", "rds")
_SIGN_IN = "Sign in to it: `aws sso login`, then export AWS_PROFILE; in a workflow, configure-aws-credentials does it."


@dataclass(frozen=True)
class Caller:
    """Who AWS says that the credentials are: an account and the caller's ARN."""

    account: str
    arn: str


@dataclass(frozen=True)
class Account:
    """The account of an environment, as the credentials here reach it."""

    target: Target
    session: "boto3.Session"
    caller: Caller

    @property
    def looks(self) -> str:
        """`plan` or `drift` for the role of a workflow that only looks, empty for whoever may apply.

        terraform/modules/identity/delivery.tf has both: of them `plan` reads no secret.
        """
        found = re.search(rf":assumed-role/{re.escape(self.target.name)}-ci-(plan|drift)/", self.caller.arn)
        return found[1] if found else ""

    def client(self, service: str) -> Any:
        return _client(self.session, service)


def entered(target: Target, source: Path, environ: Mapping[str, str] = os.environ) -> Account:
    """Raises LabError without credentials, for another account, for an emulator in prod, or without a state's bucket.

    `source` is the folder of the project's files that would be applied.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    with understood("reading the credentials here"):
        session = boto3.Session(region_name=target.region)
        try:
            found = session.get_credentials()
        except BotoCoreError as err:
            raise LabError(f"The credentials of AWS here can't be used: {err}.", _SIGN_IN) from None
    if target.environment is Environment.PROD:
        _refuse_emulator(session, source / target.root, environ)
    if found is None:
        raise LabError(f"There are no credentials for AWS here; the account is {target.account}.", _SIGN_IN)
    account = Account(target, session, _caller(session))
    if account.caller.account != target.account:
        raise LabError(
            f"The credentials are those of account {account.caller.account} ({account.caller.arn}); "
            f"{target.environment} belongs to {target.account}.",
            f"Sign in to {target.account}, or correct allowed_account_ids in {target.root}/main.tf.",
        )
    _need_state(account)
    return account


def _caller(session: "boto3.Session") -> Caller:
    with understood("the credentials here", _SIGN_IN):
        said = _client(session, "sts").get_caller_identity()
    return Caller(str(said["Account"]), str(said["Arn"]))


def _refuse_emulator(session: "boto3.Session", root: Path, environ: Mapping[str, str]) -> None:
    """What is made in an emulator is recorded as if it were there, and would be missing from production."""
    named = [name for name in sorted(environ) if name.startswith("AWS_ENDPOINT_URL") and environ[name]]
    reached = {service: str(_client(session, service).meta.endpoint_url) for service in _ASKED}
    elsewhere = [url for url in reached.values() if not (urlsplit(url).hostname or "").endswith(_AWS)]
    written = [
        path.name for path in sorted(root.glob("*.tf")) if re.search(r"^\s*endpoints\s*{", path.read_text(), re.M)
    ]
    if named or elsewhere or written:
        what = ", ".join([*named, *dict.fromkeys(elsewhere), *(f"endpoints in {name}" for name in written)])
        raise LabError(
            f"prod would go to another endpoint than AWS's own: {what}.",
            "Unset AWS_ENDPOINT_URL and its like; take endpoint_url out of ~/.aws/config, endpoints out of main.tf.",
        )


def _need_state(account: Account) -> None:
    bucket = account.target.state_bucket
    remedy = f"Make it once, as terraform/bootstrap/README.md says, and name it in {account.target.root}/backend.hcl."
    with understood(f"the bucket {bucket} of Terraform's state", remedy):
        account.client("s3").head_bucket(Bucket=bucket)


def _client(session: "boto3.Session", service: str) -> Any:
    from botocore.config import Config

    given = Config(connect_timeout=10, read_timeout=30, retries={"max_attempts": 3, "mode": "standard"})
    return session.client(service, config=given)  # type: ignore[call-overload]


@contextmanager
def understood(what: str, remedy: str = "Check the network and the region, then try again.") -> Iterator[None]:
    """Turns botocore's errors into ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except BotoCoreError as err:
        raise LabError(f"AWS can't be reached for {what}: {err}.", remedy) from None
    except ClientError as err:
        raise LabError(f"AWS refuses {what}: {err}.", remedy) from None
