"""A plan of Terraform, read from `terraform show -json`: what it changes, what it must not, and the hash of it.

What is read here is shown and kept in the trail, so it never holds a value of an attribute: some are secrets.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from lab.base.errors import LedgerError
from lab.governance.ledger import canonical

CREATE, UPDATE, REPLACE, DELETE, FORGET = "create", "update", "replace", "delete", "forget"
# Resources whose end would lose what can't be made again, or what shows that something was lost.
PROTECTED: Mapping[str, str] = {
    "aws_s3_bucket": "what lies in it can't be made again",
    "aws_s3_bucket_versioning": "without it, an object can be overwritten",
    "aws_s3_bucket_object_lock_configuration": "without it, entries can be deleted",
    "aws_s3_bucket_public_access_block": "without it, a bucket can be opened to everybody",
    "aws_s3_bucket_policy": "without it, who may write may also delete",
    "aws_rds_cluster": "it is the database of Dagster and MLflow",
    "aws_kms_key": "nobody could read again what it encrypts",
    "aws_cloudtrail": "it records who called what",
    "aws_cloudwatch_event_bus": "copies of heads go through it",
    "aws_ecr_repository": "what runs, and what can be gone back to, lies in it",
    "aws_route53_zone": "another one has other name servers, which the parent doesn't know",
}
# Beside the types above: by name, below any module.
_PROTECTED_NAMES: Mapping[str, str] = {
    "aws_iam_policy.boundary": "no role may pass it",
    "aws_cloudwatch_log_group.heads": "copies of heads lie in it",
}
_GREATEST = 2**53 - 1
_REMEDY = "Make the plan anew: `invoke deploy --env ENV --plan`."


@dataclass(frozen=True)
class Change:
    """What becomes of one resource: `attributes` that change, and what forces a replacement (`because`)."""

    address: str
    action: str
    attributes: tuple[str, ...] = ()
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class Violation:
    """Why a plan can't be applied by this command."""

    address: str
    problem: str


@dataclass(frozen=True)
class Plan:
    """What Terraform would do; `drift` is what was changed behind its back; `protected` counts what must stay."""

    changes: tuple[Change, ...]
    drift: tuple[Change, ...]
    violations: tuple[Violation, ...]
    protected: int

    def count(self, action: str) -> int:
        return sum(change.action == action for change in self.changes)


def read_plan(shown: bytes) -> Plan:
    """The plan in what `terraform show -json` said. Raises LedgerError when that isn't one."""
    raw = _loaded(shown)
    try:
        resources = [one for one in raw.get("resource_changes", []) if one["mode"] == "managed"]
        # That AWS says "none" where nothing was said is no change by anybody's hand.
        drift = tuple(one for one in _changes(raw.get("resource_drift", [])) if one.action != UPDATE or one.attributes)
        found = tuple(violation for one in resources for violation in _violations(one))
        protected = sum(bool(_reason(one)) and one["change"]["before"] is not None for one in resources)
        return Plan(tuple(_changes(resources)), drift, found, protected)
    except (KeyError, TypeError, AttributeError) as err:
        raise LedgerError(f"Terraform shows a plan of another form than is known: {err!r}.", _REMEDY) from None


def plan_hash(plan: bytes, shown: bytes, facts: Mapping[str, str]) -> str:
    """What an approval signs, in hexadecimal: the SHA-256 over the RFC 8785 JSON of an object with `facts`, `plan`, the
    SHA-256 of the plan file's bytes, and `shown`, that of `terraform show -json` in RFC 8785 JSON.

    Numbers in `shown` that aren't integers of 53 bits are hashed as the text that Terraform wrote.
    """
    digests = {"plan": sha256(plan).hexdigest(), "shown": sha256(canonical(_loaded(shown))).hexdigest()}
    return sha256(canonical({**facts, **digests})).hexdigest()


def _loaded(shown: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(shown, parse_float=str, parse_int=_integer)
    except (ValueError, RecursionError) as err:
        raise LedgerError(f"Terraform doesn't show the plan as JSON: {err}.", _REMEDY) from None
    if not isinstance(raw, dict) or "format_version" not in raw:
        raise LedgerError("Terraform shows no plan.", _REMEDY)
    return raw


def _integer(text: str) -> int | str:
    return number if abs(number := int(text)) <= _GREATEST else text


def _changes(resources: list[Any]) -> Iterator[Change]:
    for one in resources:
        change = one["change"]
        if action := _action(change["actions"]):
            paths = [".".join(map(str, path)) for path in change.get("replace_paths", [])]
            attributes = _attributes(change) if action in {UPDATE, REPLACE} else ()
            yield Change(one["address"], action, attributes, tuple(paths))


def _action(actions: list[str]) -> str:
    """One word for Terraform's list; empty for what changes nothing."""
    if {"create", "delete"} <= set(actions):
        return REPLACE
    return next((one for one in (DELETE, FORGET, CREATE, UPDATE) if one in actions), "")


def _attributes(change: Mapping[str, Any]) -> tuple[str, ...]:
    before, after, unknown = (change.get(name) or {} for name in ("before", "after", "after_unknown"))
    names = {*before, *after, *unknown}
    differ = (name for name in names if (before.get(name) or None) != (after.get(name) or None))
    return tuple(sorted({*differ, *(name for name in names if unknown.get(name) is True)}))


def _reason(one: Mapping[str, Any]) -> str:
    named = f"{one['type']}.{one['name']}"
    return PROTECTED.get(one["type"], "") or _PROTECTED_NAMES.get(named, "")


def _violations(one: Mapping[str, Any]) -> Iterator[Violation]:
    action = _action(one["change"]["actions"])
    if (reason := _reason(one)) and action in {REPLACE, DELETE, FORGET}:
        said = {REPLACE: "would be destroyed and made anew", DELETE: "would be destroyed", FORGET: "would be forgotten"}
        yield Violation(one["address"], f"it is protected and {said[action]}: {reason}")
    if action == UPDATE and (weaker := _WEAKENED.get(one["type"])):
        before, after = one["change"]["before"] or {}, one["change"]["after"] or {}
        for problem in weaker(before, after):
            yield Violation(one["address"], problem)


def _off(*names: str) -> Callable[[Any, Any], Iterator[str]]:
    def found(before: Any, after: Any) -> Iterator[str]:
        for name in names:
            if before.get(name) is True and after.get(name) is not True:
                yield f"{name} would be off"

    return found


def _database(before: Any, after: Any) -> Iterator[str]:
    yield from _off("deletion_protection", "storage_encrypted")(before, after)
    kept = "backup_retention_period"
    if _less(before.get(kept), after.get(kept)):
        yield f"backups would be kept for {after.get(kept)} days, not {before.get(kept)}"


def _lock(before: Any, after: Any) -> Iterator[str]:
    old, new = _retention(before), _retention(after)
    if old.get("mode") == "COMPLIANCE" != new.get("mode"):
        yield "the lock would no longer be in compliance mode"
    if _less(old.get("days"), new.get("days")):
        yield f"entries would be locked for {new.get('days')} days, not {old.get('days')}"


def _retention(values: Any) -> Mapping[str, Any]:
    rules = values.get("rule") or [{}]
    kept: Mapping[str, Any] = (rules[0].get("default_retention") or [{}])[0]
    return kept


def _versioning(before: Any, after: Any) -> Iterator[str]:
    old, new = ((one.get("versioning_configuration") or [{}])[0].get("status") for one in (before, after))
    if old == "Enabled" != new:
        yield "versions would no longer be kept"


def _less(before: Any, after: Any) -> bool:
    return isinstance(before, int) and not (isinstance(after, int) and after >= before)


_WEAKENED: Mapping[str, Callable[[Any, Any], Iterator[str]]] = {
    "aws_rds_cluster": _database,
    "aws_lb": _off("enable_deletion_protection"),
    "aws_s3_bucket_object_lock_configuration": _lock,
    "aws_s3_bucket_versioning": _versioning,
    "aws_s3_bucket_public_access_block": _off(
        "block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"
    ),
    "aws_cloudtrail": _off("enable_logging", "enable_log_file_validation", "is_multi_region_trail"),
}
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,127}")


def tag_problem(tag: str) -> str:
    """Why a tag names no build; empty when it may."""
    if tag == "latest" or not _TAG.fullmatch(tag):
        return f"the tag {tag!r} names no build"
    return ""
