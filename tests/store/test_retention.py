"""With the store's admin credential, protection is taken from entries to come: each way is found, and put right."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.governance.ledger import Kind
from lab.governance.ledger.retention import weaknesses
from lab.governance.ledger.writer import Ledger, verify_trail
from lab.services.bucket_lock import lengthen_locks, promise, read_settings, restore_settings
from lab.services.s3 import ADMIN, READER
from tests.store.test_access import entry
from tests.support.weed import RealTrail

EXPIRE = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}


def lowered(mode: str = "", days: int = 0) -> dict[str, Any]:
    rule = {"Rule": {"DefaultRetention": {"Mode": mode, "Days": days}}} if mode else {}
    return {"ObjectLockEnabled": "Enabled", **rule}


WEAKENED: dict[str, Callable[[Any, str], Any]] = {
    "new entries aren't locked": lambda s3, b: s3.put_object_lock_configuration(
        Bucket=b, ObjectLockConfiguration=lowered()
    ),
    "locked in GOVERNANCE mode": lambda s3, b: s3.put_object_lock_configuration(
        Bucket=b, ObjectLockConfiguration=lowered("GOVERNANCE", 30)
    ),
    "locked for 1 days, 30 are promised": lambda s3, b: s3.put_object_lock_configuration(
        Bucket=b, ObjectLockConfiguration=lowered("COMPLIANCE", 1)
    ),
    "rules are set, and the lab sets none: tidy": lambda s3, b: s3.put_bucket_lifecycle_configuration(
        Bucket=b, LifecycleConfiguration={"Rules": [EXPIRE]}
    ),
    "it isn't the one that the lab sets": lambda s3, b: s3.delete_bucket_policy(Bucket=b),
}


def found(trail: RealTrail, identity: str = READER) -> list[str]:
    config = trail.config
    settings = read_settings(trail.weed.s3(identity), trail.bucket)
    return [str(one) for one in weaknesses(settings, promise(config, config.object_store))]


@pytest.mark.parametrize("problem", WEAKENED)
def test_a_weakened_bucket_is_named_and_what_is_written_into_it_too(problem: str, trail: RealTrail) -> None:
    config, admin = trail.config, trail.weed.s3(ADMIN)
    ledger, days = Ledger(trail.store(), trail.prefix), config.audit_retention_days
    ledger.append(entry(1))
    assert found(trail) == []
    assert verify_trail(trail.reader, trail.prefix, locked_days=days).exposed == ()
    WEAKENED[problem](admin.client, trail.bucket)
    try:
        [said] = found(trail, ADMIN)
        assert problem in said
        Ledger(trail.store(ADMIN), trail.prefix).append(entry(2))
        seen = verify_trail(trail.store(ADMIN), trail.prefix, locked_days=days)
        assert seen.intact
        assert [(one.seq, one.kind) for one in seen.exposed] == ([(2, Kind.UNLOCKED)] if "locked" in problem else [])
    finally:
        restore_settings(admin, config, config.object_store)
    assert found(trail) == []
    assert lengthen_locks(admin, trail.bucket, trail.prefix, days) == len(seen.exposed)
    again = verify_trail(trail.reader, trail.prefix, locked_days=days)
    assert (again.intact, again.exposed, again.checked) == (True, (), 2)
    for copies in trail.reader.copies_after("", 10):
        with pytest.raises(ClientError, match="AccessDenied"):
            admin.client.delete_object(Bucket=trail.bucket, Key=copies.key, VersionId=copies.first)


def test_reading_an_entry_tells_its_lock_so_that_nothing_more_is_asked(trail: RealTrail) -> None:
    ledger = Ledger(trail.store(), trail.prefix)
    for number in range(3):
        ledger.append(entry(number))
    s3 = trail.weed.s3(READER)
    asked: list[str] = []
    s3.client.meta.events.register("before-call.s3", lambda model, **_: asked.append(model.name))
    from lab.services.s3 import AuditStore

    verify_trail(AuditStore(s3, trail.bucket, trail.prefix), trail.prefix, locked_days=30)
    assert asked.count("GetObject") == 3
    assert set(asked) == {"ListObjectVersions", "GetObject"}
