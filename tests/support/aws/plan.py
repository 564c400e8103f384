"""A plan of Terraform as values: every resource with what it will be, and every IAM policy in it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Resource:
    """One resource instance; `values` are those that the plan knows."""

    address: str
    type: str
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its address without the module that all share."""
        return self.address.removeprefix("module.lab.module.")


@dataclass(frozen=True)
class Policy:
    """An IAM policy document and the resource that holds it."""

    resource: Resource
    statements: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Plan:
    """What Terraform is about to have made; `read_there` is what it found and didn't make."""

    resources: tuple[Resource, ...]
    read_there: tuple[Resource, ...] = ()

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Plan":
        """From `terraform show -json` of a plan."""
        before = document.get("prior_state", {}).get("values", {}).get("root_module", {})
        return cls(tuple(_resources(document["planned_values"]["root_module"])), tuple(_resources(before, "data")))

    def of(self, *types: str) -> Iterator[Resource]:
        return (one for one in self.resources if one.type in types)

    def at(self, address: str) -> Resource:
        """Raises LookupError."""
        for one in self.resources:
            if one.name == address:
                return one
        raise LookupError(f"{address} isn't in the plan")

    def policies(self) -> Iterator[Policy]:
        """Every document, wherever it is."""
        for resource in self.resources:
            for attribute in ("policy", "assume_role_policy", "policy_document"):
                text = resource.values.get(attribute)
                if isinstance(text, str) and '"Statement"' in text:
                    yield Policy(resource, tuple(listed(json.loads(text)["Statement"])))

    def role(self, arn: str) -> Resource | None:
        """The role of this ARN, if it is made here."""
        return next((one for one in self.of("aws_iam_role") if one.values.get("arn") == arn), None)


def _resources(module: Mapping[str, Any], mode: str = "managed") -> Iterator[Resource]:
    for one in module.get("resources", ()):
        if one["mode"] == mode:
            yield Resource(one["address"], one["type"], one["values"])
    for child in module.get("child_modules", ()):
        yield from _resources(child, mode)


def listed(value: Any) -> list[Any]:
    """IAM writes a list of one as the one."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | Mapping) else [value]
