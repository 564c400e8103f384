"""What is in an emulated account, by asking AWS's own interfaces: to see that nothing was left behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.aws.emulator import Emulator

_KINDS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
# Every kind of resource that would be seen here, or goes with what it belongs to.
SEEN = {*_KINDS["listed"], *_KINDS["by_hand"], *_KINDS["within"]}


def found(emulator: Emulator, account: str) -> set[str]:
    """`account kind: name` of everything there, but what AWS goes on showing for a while after it was deleted."""
    items = set[str]()
    for kind, (service, call, key, *name) in _KINDS["listed"].items():
        given = {what: value.format(account=account) for what, value in _KINDS["given"].get(call, {}).items()}
        for item in getattr(emulator.client(service, account), call)(**given).get(key, []):
            if not name or str(item.get("State")).lower() != "deleted":
                items.add(f"{account} {kind}: {item[name[0]] if name else item}")
    items.update(f"{account} aws_kms_key: {name}" for name in _keys(emulator.client("kms", account)))
    items.update(f"{account} aws_route53_record: {name}" for name in _records(emulator.client("route53", account)))
    return items


def _keys(kms: Any) -> Iterator[str]:
    """A key that is deleted waits for its end, days at least."""
    for one in kms.list_keys()["Keys"]:
        if kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion":
            yield one["KeyId"]


def _records(route53: Any) -> Iterator[str]:
    for zone in route53.list_hosted_zones()["HostedZones"]:
        for one in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
            yield f"{one['Type']} {one['Name']} in {zone['Id']}"
