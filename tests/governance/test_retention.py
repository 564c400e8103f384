"""What is less protection than promised: of a bucket, and of one entry."""

from datetime import UTC, datetime, timedelta

import pytest

from lab.governance.ledger import Lock
from lab.governance.ledger.retention import BucketSettings, LockCheck, Promise, lock_problem, weaknesses

WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)
SOUND = BucketSettings("Enabled", "COMPLIANCE", 30, (), '{"a": [1]}')
PROMISE = Promise(30, {"a": [1]})


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        (Lock("COMPLIANCE", WRITTEN + timedelta(days=30), WRITTEN), ""),
        (Lock("COMPLIANCE", WRITTEN + timedelta(days=30, seconds=-1), WRITTEN), ""),
        (Lock("COMPLIANCE", WRITTEN + timedelta(days=400), WRITTEN), ""),
        (Lock("COMPLIANCE", WRITTEN + timedelta(days=29), WRITTEN), "locked until 2026-11-30, for 29 days; 30 are"),
        (Lock("GOVERNANCE", WRITTEN + timedelta(days=30), WRITTEN), "GOVERNANCE mode"),
        (Lock("", None, WRITTEN), "isn't locked"),
        (Lock("COMPLIANCE", None, WRITTEN), "isn't locked"),
    ],
)
def test_an_entrys_lock_must_hold_as_long_as_promised(lock: Lock, problem: str) -> None:
    said = lock_problem(lock, 30)
    assert problem in said
    assert bool(said) is bool(problem)


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        (SOUND, ""),
        (BucketSettings("Enabled", "COMPLIANCE", 31, (), '{"a":[1]}'), ""),
        (BucketSettings("Suspended", "COMPLIANCE", 30, (), '{"a": [1]}'), "versioning"),
        (BucketSettings("Enabled", "COMPLIANCE", 29, (), '{"a": [1]}'), "lock"),
        (BucketSettings("Enabled", "GOVERNANCE", 30, (), '{"a": [1]}'), "lock"),
        (BucketSettings("Enabled", "", 0, (), '{"a": [1]}'), "lock"),
        (BucketSettings("Enabled", "COMPLIANCE", 30, ("x",), '{"a": [1]}'), "lifecycle"),
        (BucketSettings("Enabled", "COMPLIANCE", 30, (), '{"a": [2]}'), "policy"),
        (BucketSettings("Enabled", "COMPLIANCE", 30, (), "x"), "policy"),
        (BucketSettings("Enabled", "COMPLIANCE", 30), "policy"),
    ],
)
def test_each_setting_is_compared_with_the_promise(settings: BucketSettings, setting: str) -> None:
    assert [one.setting for one in weaknesses(settings, PROMISE)] == ([setting] if setting else [])


def test_where_rights_belong_to_identities_the_bucket_has_no_policy() -> None:
    bare = BucketSettings("Enabled", "COMPLIANCE", 30)
    assert weaknesses(bare, Promise(30)) == ()
    assert [one.setting for one in weaknesses(SOUND, Promise(30))] == ["policy"]


def test_a_trail_that_was_never_locked_does_not_fill_memory() -> None:
    check = LockCheck(30)
    for seq in range(1, 251):
        check.see(seq, Lock())
    assert (check.count, len(check.faults)) == (250, 101)
    assert check.faults[-1].problem == "150 more entries"
