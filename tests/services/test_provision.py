"""Making databases as a cloud's superuser, which has not all rights, and looking at buckets that Terraform made."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress

import boto3
import pytest
from moto import mock_aws

from lab.base.account import unprivileged
from lab.base.catalogue import LOOPBACK
from lab.base.errors import LabError
from lab.runtime.binaries import Resolver
from lab.runtime.layout import Layout
from lab.runtime.native.command_lines import base_environment
from lab.runtime.native.postgres_data import ensure_cluster
from lab.services.postgres import connect
from lab.services.provision import Superuser, provision_databases
from lab.services.provision_command import provision
from tests.support.ports import reserved_port

_REGION = "eu-west-1"
_TOLD = {
    "OBJECT_STORE": "aws",
    "POSTGRES_HOST": LOOPBACK,
    "POSTGRES_PASSWORD": "limited",
    "DAGSTER_DB_PASSWORD": "one",
    "MLFLOW_DB_PASSWORD": "two",
    "PGSSLMODE": "disable",
    "DATA_BUCKET": "data",
    "ARTIFACT_BUCKET": "artifacts",
    "AUDIT_BUCKET": "audit",
    "AUDIT_LOG_PREFIX": "governance/audit/",
    "AUDIT_RETENTION_DAYS": "30",
}


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superuser]:
    """A server whose `master` makes roles and databases, and is no superuser: as RDS has it."""
    binaries, layout = Resolver().postgres_folder(), Layout(tmp_path_factory.mktemp("pg") / "home")
    for folder in set(layout.folders()) - {layout.run}:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ensure_cluster(binaries, layout, "secret")
    with reserved_port() as port, (layout.home / "log").open("wb") as log:
        argv = [str(binaries / "postgres"), "-D", str(layout.postgres), "-p", str(port), "-c", "fsync=off"]
        argv += ["-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories="]
        server = subprocess.Popen(unprivileged(argv), stdout=log, stderr=log, env=base_environment(layout))
        try:
            provision_databases(Superuser(LOOPBACK, port, "secret"), {}, 60)
            with closing(connect(LOOPBACK, port, "postgres", "postgres", "secret")) as link:
                link.autocommit = True
                link.cursor().execute("CREATE ROLE master LOGIN CREATEDB CREATEROLE PASSWORD 'limited'")
            yield Superuser(LOOPBACK, port, "limited", managed=True, name="master")
        finally:
            server.terminate()
            server.wait(60)


def test_a_superuser_without_all_rights_makes_databases_and_changes_passwords(managed: Superuser) -> None:
    assert provision_databases(managed, {"dagster": "one", "mlflow": "two"}) == ["dagster", "mlflow"]
    assert provision_databases(managed, {"dagster": "new", "mlflow": "two"}) == []
    for name, password in (("dagster", "new"), ("mlflow", "two")):
        with closing(connect(LOOPBACK, managed.port, name, name, password)) as link:
            link.cursor().execute("CREATE TABLE own (id int)")


def test_a_wrong_password_says_who_changed_it(managed: Superuser) -> None:
    wrong = Superuser(LOOPBACK, managed.port, "wrong", managed=True, name="master")
    with pytest.raises(LabError, match="refuses the password of master") as caught:
        provision_databases(wrong, {})
    assert "run this task again" in caught.value.remedy


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", _REGION)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with mock_aws():
        yield


def made(names: tuple[str, ...] = ("data", "artifacts", "audit"), mode: str = "COMPLIANCE", days: int = 30) -> None:
    s3 = boto3.client("s3", region_name=_REGION)
    for name in names:
        s3.create_bucket(
            Bucket=name,
            CreateBucketConfiguration={"LocationConstraint": _REGION},
            ObjectLockEnabledForBucket=name == "audit",
        )
    with suppress(s3.exceptions.NoSuchBucket):
        s3.put_bucket_versioning(Bucket="audit", VersioningConfiguration={"Status": "Enabled"})
        rule: dict[str, object] = {"DefaultRetention": {"Mode": mode, "Days": days}}
        lock: dict[str, object] = {"ObjectLockEnabled": "Enabled", "Rule": rule} if mode else {}
        if mode:
            s3.put_object_lock_configuration(Bucket="audit", ObjectLockConfiguration=lock)


def told(managed: Superuser, **others: str) -> Mapping[str, str]:
    return {**_TOLD, "POSTGRES_PORT": str(managed.port), **others}


def test_buckets_of_terraform_are_found_and_left_as_they_are(
    aws: None, managed: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()
    asked: list[str] = []
    session = boto3.DEFAULT_SESSION or boto3.Session()
    session.events.register("before-call.s3", lambda model, **_: asked.append(model.name))
    monkeypatch.setattr(boto3, "Session", lambda: session)

    said = provision(told(managed), 5)

    assert [next(said) for _ in range(3)] == ["found bucket data", "found bucket artifacts", "found bucket audit"]
    # The master of this server has another name than RDS gives it.
    with pytest.raises(LabError, match="refuses the password of postgres"):
        next(said)
    assert {one for one in asked if not one.startswith(("Head", "Get"))} == set()


@pytest.mark.parametrize(
    ("names", "mode", "days", "problem"),
    [
        (("data", "audit"), "COMPLIANCE", 30, "There is no bucket artifacts"),
        (("data", "artifacts"), "COMPLIANCE", 30, "There is no bucket audit"),
        (("data", "artifacts", "audit"), "GOVERNANCE", 30, "its lock isn't in compliance mode"),
        (("data", "artifacts", "audit"), "COMPLIANCE", 7, "locked for 7 days, not 30"),
    ],
)
def test_a_bucket_that_is_missing_or_too_weak_ends_it_before_a_database_is_made(
    aws: None, managed: Superuser, names: tuple[str, ...], mode: str, days: int, problem: str
) -> None:
    made(names, mode, days)
    with pytest.raises(LabError, match=problem) as caught:
        list(provision(told(managed), 5))
    assert "invoke deploy" in caught.value.remedy


def test_what_a_task_was_not_told_is_named(managed: Superuser) -> None:
    with pytest.raises(LabError, match="DAGSTER_DB_PASSWORD isn't set"):
        list(provision(told(managed, DAGSTER_DB_PASSWORD=""), 5))
