"""With the pipeline's own credential, everything that could hide or change an entry is tried for real."""

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.base.catalogue import Service
from lab.base.errors import LabError, LedgerError
from lab.governance.ledger import Entry, Kind, Status, key_of, seal
from lab.governance.ledger.writer import Ledger, verify_trail
from lab.runtime.binaries import Resolver
from lab.runtime.credentials import store_variables
from lab.runtime.layout import Layout
from lab.services import provision
from lab.services.provision import provision_store
from lab.services.s3 import ADMIN, PIPELINE, READER
from tests.support.weed import RealTrail, Weed

Attempt = Callable[[Any, str, str, str], Any]


def soon() -> datetime:
    """Seen from now, not from the import: the store refuses a time that has passed before it looks at permissions."""
    return datetime.now(UTC) + timedelta(minutes=1)


def entry(number: int = 0) -> Entry:
    return Entry(
        "train_model", Status.SUCCESS, "ann", "ml-engineer", "dev", "2026-01-01T00:00:00Z", details={"n": number}
    )


@pytest.fixture
def written(trail: RealTrail) -> list[Entry]:
    """Three entries."""
    ledger = Ledger(trail.store(), trail.prefix)
    return [ledger.append(entry(number)) for number in range(3)]


REFUSED: dict[str, Attempt] = {
    "conditional write": lambda s3, b, k, v: s3.put_object(Bucket=b, Key=k, Body=b"{}", IfNoneMatch="*"),
    "delete": lambda s3, b, k, v: s3.delete_object(Bucket=b, Key=k),
    "delete of the version": lambda s3, b, k, v: s3.delete_object(Bucket=b, Key=k, VersionId=v),
    "delete with bypass": lambda s3, b, k, v: s3.delete_object(
        Bucket=b, Key=k, VersionId=v, BypassGovernanceRetention=True
    ),
    "shorter retention": lambda s3, b, k, v: s3.put_object_retention(
        Bucket=b, Key=k, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": soon()}
    ),
    "weaker retention with bypass": lambda s3, b, k, v: s3.put_object_retention(
        Bucket=b, Key=k, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon()}, BypassGovernanceRetention=True
    ),
    "legal hold off": lambda s3, b, k, v: s3.put_object_legal_hold(Bucket=b, Key=k, LegalHold={"Status": "OFF"}),
    "bucket policy": lambda s3, b, k, v: s3.put_bucket_policy(Bucket=b, Policy='{"Statement": []}'),
    "no bucket policy": lambda s3, b, k, v: s3.delete_bucket_policy(Bucket=b),
    "versioning off": lambda s3, b, k, v: s3.put_bucket_versioning(
        Bucket=b, VersioningConfiguration={"Status": "Suspended"}
    ),
    "lock configuration": lambda s3, b, k, v: s3.put_object_lock_configuration(
        Bucket=b, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    ),
    "lifecycle": lambda s3, b, k, v: s3.put_bucket_lifecycle_configuration(
        Bucket=b,
        LifecycleConfiguration={
            "Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
        },
    ),
    "public bucket": lambda s3, b, k, v: s3.put_bucket_acl(Bucket=b, ACL="public-read-write"),
    "public entry": lambda s3, b, k, v: s3.put_object_acl(Bucket=b, Key=k, ACL="public-read-write"),
    "no bucket": lambda s3, b, k, v: s3.delete_bucket(Bucket=b),
    "copy over an entry": lambda s3, b, k, v: s3.copy_object(
        Bucket=b, Key=k, CopySource={"Bucket": "data", "Key": "forged"}
    ),
    "copy of an entry over itself": lambda s3, b, k, v: s3.copy_object(
        Bucket=b, Key=k, CopySource={"Bucket": b, "Key": k}, MetadataDirective="REPLACE", Metadata={"a": "b"}
    ),
    "key of another form": lambda s3, b, k, v: s3.put_object(Bucket=b, Key=f"{k}.bak", Body=b"{}"),
    "key outside the trail": lambda s3, b, k, v: s3.put_object(Bucket=b, Key="elsewhere.json", Body=b"{}"),
    "own retention": lambda s3, b, k, v: s3.put_object(
        Bucket=b,
        Key=k.replace("000001.json", "000004.json"),
        Body=b"{}",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=soon(),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("identity", [PIPELINE, READER])
def test_what_could_hide_an_entry_is_refused(name: str, identity: str, trail: RealTrail, written: list[Entry]) -> None:
    key = key_of(trail.prefix, 1)
    trail.client(PIPELINE).put_object(Bucket="data", Key="forged", Body=b"{}")
    [copies] = [found for found in trail.reader.copies_after("", 10) if found.key == key]

    with pytest.raises(ClientError) as refusal:
        REFUSED[name](trail.client(identity), trail.bucket, key, copies.first)

    assert refusal.value.response["Error"]["Code"] in {"AccessDenied", "PreconditionFailed"}
    found = verify_trail(trail.reader, trail.prefix)
    assert (found.intact, found.checked, found.head) == (True, 3, written[-1])


def test_a_batch_delete_deletes_nothing(trail: RealTrail, written: list[Entry]) -> None:
    keys = [{"Key": key_of(trail.prefix, one.seq)} for one in written]
    answer = trail.client(PIPELINE).delete_objects(Bucket=trail.bucket, Delete={"Objects": keys})

    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"] * 3
    assert verify_trail(trail.reader, trail.prefix).intact


def test_the_reader_can_add_nothing(trail: RealTrail) -> None:
    with pytest.raises(LabError, match="AccessDenied"):
        Ledger(trail.store(READER), trail.prefix).append(entry())


def _multipart(trail: RealTrail, key: str) -> None:
    s3 = trail.client(PIPELINE)
    upload = s3.create_multipart_upload(Bucket=trail.bucket, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=trail.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"{}")
    s3.complete_multipart_upload(
        Bucket=trail.bucket,
        Key=key,
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )


@pytest.mark.parametrize("multipart", [False, True])
def test_an_overwritten_entry_is_named_and_its_first_version_stays(
    multipart: bool, trail: RealTrail, written: list[Entry]
) -> None:
    key = key_of(trail.prefix, 2)
    if multipart:
        _multipart(trail, key)
    else:
        trail.client(PIPELINE).put_object(Bucket=trail.bucket, Key=key, Body=b"{}")

    found = verify_trail(trail.reader, trail.prefix)
    assert [(fault.seq, fault.kind) for fault in found.faults] == [(2, Kind.OVERWRITTEN)]
    assert found.head == written[-1]
    first = next(one.first for one in trail.reader.copies_after("", 10) if one.key == key)
    with pytest.raises(ClientError, match="AccessDenied"):
        trail.client(ADMIN).delete_object(Bucket=trail.bucket, Key=key, VersionId=first)


@pytest.mark.parametrize(
    "forge",
    [
        lambda last: b"{}",
        lambda last: seal(entry(99), None).body(),
        lambda last: seal(entry(99), seal(entry(98), None)).body(),
        lambda last: seal(entry(99), seal(entry(98), last)).body(),
    ],
    ids=["no entry", "a first entry", "another chain", "too far"],
)
def test_a_forged_next_entry_is_detected_and_nothing_is_built_on_it(
    forge: Callable[[Entry], bytes], trail: RealTrail, written: list[Entry]
) -> None:
    trail.client(PIPELINE).put_object(Bucket=trail.bucket, Key=key_of(trail.prefix, 4), Body=forge(written[-1]))

    found = verify_trail(trail.reader, trail.prefix)
    assert found.faults
    with pytest.raises(LedgerError, match=r"The newest audit entry, 4, can't be trusted"):
        Ledger(trail.store(), trail.prefix).append(entry())


def test_a_forged_entry_far_ahead_is_detected_at_once(trail: RealTrail, written: list[Entry]) -> None:
    trail.client(PIPELINE).put_object(Bucket=trail.bucket, Key=key_of(trail.prefix, 10**12 - 1), Body=b"{}")

    found = verify_trail(trail.reader, trail.prefix)
    assert (Kind.MISSING, 4) in {(fault.kind, fault.seq) for fault in found.faults}
    with pytest.raises(LedgerError, match="can't be trusted"):
        Ledger(trail.store(), trail.prefix).append(entry())


def test_foreign_keys_hide_no_entry(trail: RealTrail, written: list[Entry]) -> None:
    s3 = trail.client(PIPELINE)
    for name in ("!!!!!!!!!!!!", "00000000000x", "zzzzzzzzzzzz", "0000000/0000"):
        s3.put_object(Bucket=trail.bucket, Key=f"{trail.prefix}{name}.json", Body=b"{}")
    sealed = Ledger(trail.store(), trail.prefix).append(entry())

    found = verify_trail(trail.reader, trail.prefix)
    assert sealed.seq == 4
    assert found.head == sealed
    assert [fault.kind for fault in found.faults] == [Kind.FOREIGN] * 4


def test_the_stores_inner_interface_wants_its_certificate(weed: Weed, tmp_path: Path) -> None:
    def port(label: str) -> int:
        return weed.config.extra_port(Service.OBJECT_STORE, label)

    shell = [str(Resolver().weed()), "shell", f"-master=127.0.0.1:{port('master')}.{port('master-grpc')}"]
    listing = "fs.ls /buckets\nexit\n"
    # It logs into the folder for temporary files.
    plain = {**os.environ, "TMPDIR": str(tmp_path)}
    certified = {**plain, **store_variables(Layout(weed.config.home).config)}
    done = subprocess.run(shell, input=listing, env=certified, capture_output=True, text=True, timeout=60, check=False)
    assert weed.config.audit_bucket in done.stdout
    try:
        asked = subprocess.run(shell, input=listing, env=plain, capture_output=True, text=True, timeout=10, check=False)
        without = asked.stdout
    except subprocess.TimeoutExpired as late:  # it goes on asking
        without = (late.stdout or b"").decode()
    assert weed.config.audit_bucket not in without


def test_a_bucket_whose_creation_was_answered_too_late_counts_as_made(
    trail: RealTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store has them, and whoever asks is told so by a refusal only."""
    monkeypatch.setattr(provision, "_buckets", lambda *_: set())
    assert set(provision_store(trail.config)) == set(trail.config.buckets)
