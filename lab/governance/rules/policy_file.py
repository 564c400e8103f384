"""The policy's file, for the control plane and for pipeline steps alike: read, checked, and hashed for entries.

Nothing unknown, nothing twice, nothing missing passes.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from lab.base.drift_report import DRIFTED
from lab.base.errors import SettingsError
from lab.governance.rules.policy import (
    METRICS,
    Environment,
    Policy,
    Role,
    Rule,
    combined_hash,
    in_order,
    parse_action,
    parse_environment,
    parse_role,
    parse_roles,
)
from lab.models.groups import MEASURES
from lab.models.yaml_text import check, loader_type

if TYPE_CHECKING:
    import yaml

VERSION = 1
# The variables that may stand in for a rule's roles.
ROLE_VARIABLES = ("ALLOWED_STAGING_ROLES", "ALLOWED_PROD_ROLES")
_TOP = ("version", "rules", "signatures", "allowed_signers", "margins")
_TIERS = ("low", "medium", "high")
_MOST_APPROVERS = 2
_RULE = ("id", "actions", "environments")
_SIGNATURES = ("required", "optional")
_ID = re.compile(r"[a-z][a-z0-9-]{0,39}")
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class _Place:
    """A value's place in the file, which every error names."""

    file: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.path}" if self.path else self.file

    def of(self, key: str | int) -> "_Place":
        if isinstance(key, int):
            return _Place(self.file, f"{self.path}[{key}]")
        return _Place(self.file, f"{self.path}.{key}" if self.path else key)

    def wrong(self, what: str, allowed: str) -> NoReturn:
        raise SettingsError(f"{self}: {what}.", f"Allowed: {allowed}.")


def parse_policy(raw: object, file: str, variables: Mapping[str, str]) -> Policy:
    """The policy in `raw`, as loaded from `file`; `variables` holds those of ROLE_VARIABLES, comma-separated.

    Raises SettingsError naming the file, the place in it, the value and what is allowed.
    """
    top = _Place(file)
    content = _mapping(raw, top, (*_TOP, "approvers", "fairness", "drift"), _TOP)
    if content["version"] != VERSION or isinstance(content["version"], bool):
        top.of("version").wrong(f"{content['version']!r} is unknown", str(VERSION))
    return Policy(
        rules=tuple(_rules(content["rules"], top.of("rules"), variables)),
        signed=_signed(content["signatures"], top.of("signatures")),
        allowed_signers=_signers(content["allowed_signers"], top.of("allowed_signers")),
        margins=_margins(content["margins"], top.of("margins")),
        approvers=_approvers(content.get("approvers", {}), top.of("approvers")),
        fairness=_fairness(content.get("fairness", {}), top.of("fairness")),
        drift=_psi(content.get("drift", str(DRIFTED)), top.of("drift")),
    )


def _rules(raw: object, place: _Place, variables: Mapping[str, str]) -> Iterator[Rule]:
    if not isinstance(raw, list):
        place.wrong(f"{raw!r} is no list", "a list of rules")
    seen: set[str] = set()
    for number, item in enumerate(raw):
        rule = _rule(item, place.of(number), variables)
        if rule.id in seen:
            place.of(number).of("id").wrong(f"{rule.id!r} is there twice", "an id of its own for each rule")
        seen.add(rule.id)
        yield rule


def _rule(raw: object, place: _Place, variables: Mapping[str, str]) -> Rule:
    content = _mapping(raw, place, (*_RULE, "roles", "roles_from"), _RULE)
    name = content["id"]
    if not isinstance(name, str) or not _ID.fullmatch(name):
        place.of("id").wrong(f"{name!r} is no id", "a-z first, then a-z, 0-9 and -, at most 40 characters")
    place = _Place(place.file, f"{place.path} ({name})")
    if ("roles" in content) == ("roles_from" in content):
        place.wrong("either roles or roles_from must be given", "exactly one of the two")
    if "roles" in content:
        roles = in_order(_listed(content["roles"], place.of("roles"), parse_role))
    else:
        roles = in_order(_from_variable(content["roles_from"], place.of("roles_from"), variables))
    return Rule(
        name,
        _listed(content["actions"], place.of("actions"), parse_action),
        _listed(content["environments"], place.of("environments"), parse_environment),
        roles,
    )


def _from_variable(raw: object, place: _Place, variables: Mapping[str, str]) -> frozenset[Role]:
    if raw not in ROLE_VARIABLES:
        place.wrong(f"{raw!r} is no such variable", ", ".join(ROLE_VARIABLES))
    # What isn't set allows nobody.
    return parse_roles(variables.get(str(raw), ""), str(raw))


def _listed(raw: object, place: _Place, parse: Callable[[str, str], _Item]) -> tuple[_Item, ...]:
    if not isinstance(raw, list) or not raw:
        place.wrong(f"{raw!r} is no list of names", "a list with at least one name")
    items: list[_Item] = []
    for number, text in enumerate(raw):
        item = parse(text if isinstance(text, str) else repr(text), str(place.of(number)))
        if item in items:
            place.of(number).wrong(f"{text!r} is there twice", "each name once")
        items.append(item)
    return tuple(items)


def _signed(raw: object, place: _Place) -> frozenset[Environment]:
    content = _mapping(raw, place, Environment, Environment)
    for name, value in content.items():
        if value not in _SIGNATURES:
            place.of(name).wrong(f"{value!r} is unknown", ", ".join(_SIGNATURES))
    return frozenset(Environment(name) for name, value in content.items() if value == "required")


def _signers(raw: object, place: _Place) -> str:
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw:
        place.wrong(f"{raw!r} is no path", "a path, absolute or below <LAB_HOME>/governance/")
    return raw


def _margins(raw: object, place: _Place) -> Mapping[str, str]:
    content = _mapping(raw, place, METRICS, ())
    return {name: _margin(value, place.of(name)) for name, value in content.items()}


def _margin(raw: object, place: _Place) -> str:
    allowed = 'a decimal number from 0 to 1 in quotes, as "0.01", or a share of the champion\'s value, as "2%"'
    if not isinstance(raw, str):
        place.wrong(f"{raw!r} is no text", allowed)
    unit = "%" if raw.endswith("%") else ""
    try:
        number = Decimal(raw.removesuffix("%"))
    except InvalidOperation:
        place.wrong(f"{raw!r} is no number", allowed)
    if not number.is_finite() or not 0 <= number <= (100 if unit else 1):
        place.wrong(f"{raw!r} is out of range", allowed)
    return f"{number:f}{unit}"


def _psi(raw: object, place: _Place) -> str:
    if not isinstance(raw, str) or not re.fullmatch(r"[0-9](\.[0-9]{1,6})?", raw) or not Decimal(raw):
        place.wrong(f"{raw!r} is no PSI", 'a decimal number above 0 and below 10 in quotes, as "0.25"')
    return raw


def _fairness(raw: object, place: _Place) -> Mapping[str, Mapping[str, str]]:
    """By measure, for every tier: one margin for all of them, or one each."""
    content = _mapping(raw, place, MEASURES, ())
    found = {}
    for name, value in content.items():
        by_tier = (
            _mapping(value, place.of(name), _TIERS, _TIERS) if isinstance(value, dict) else dict.fromkeys(_TIERS, value)
        )
        found[name] = {tier: _margin(one, place.of(name)) for tier, one in by_tier.items()}
    return found


def _approvers(raw: object, place: _Place) -> Mapping[str, int]:
    content = _mapping(raw, place, _TIERS, ())
    for name, value in content.items():
        if value not in range(1, _MOST_APPROVERS + 1) or isinstance(value, bool):
            place.of(name).wrong(f"{value!r} is no number of approvers", f"1 to {_MOST_APPROVERS}")
    return dict(content)


def _mapping(raw: object, place: _Place, known: Iterable[str], needed: Iterable[str]) -> Mapping[str, Any]:
    names = ", ".join(known)
    if not isinstance(raw, dict):
        place.wrong(f"{raw!r} is no mapping", names)
    for key in raw:
        if key not in tuple(known):
            place.of(str(key)).wrong(f"{key!r} is no key here", names)
    for key in needed:
        if key not in raw:
            place.wrong(f"{str(key)!r} is missing", names)
    return raw


# A policy is a page of text; more is a mistake, or meant to exhaust the reader.
MAX_BYTES = 100_000


def read_policy(path: Path, variables: Mapping[str, str]) -> Policy:
    """The policy at `path`; `variables` holds what ALLOWED_STAGING_ROLES and ALLOWED_PROD_ROLES say.

    Raises SettingsError naming file, place, value and what is allowed.
    """
    return parse_policy(_load(path), str(path), variables)


def hash_in_force(policy: Policy, folder: Path) -> str:
    """The `policy_hash` of an entry made now; `folder` is the lab's governance folder. Raises SettingsError."""
    path = folder / policy.allowed_signers
    try:
        signers = path.read_bytes()
    except FileNotFoundError:
        signers = None
    except OSError as err:
        raise SettingsError(f"Can't read the file of known keys {path}: {err.strerror}.", "Make it readable.") from None
    return combined_hash(policy, signers)


def _load(path: Path) -> object:
    import yaml

    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as err:
        raise SettingsError(
            f"Can't read the policy {path}: {err.strerror}.", "Set POLICY_PATH to a policy file."
        ) from None
    if len(body) > MAX_BYTES:
        raise SettingsError(f"{path} is longer than {MAX_BYTES} bytes.", "Set POLICY_PATH to a policy file.")
    try:
        check(body, aliases=False)
        return yaml.load(body, Loader=_strict_loader())  # noqa: S506 - a SafeLoader that refuses even more
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        reason = " ".join(str(err).split())
        raise SettingsError(f"{path} can't be read as a policy: {reason}.", "Correct the file.") from None


def _strict_loader() -> "type[yaml.SafeLoader]":
    """YAML without repeated keys, which let a file say something else than it seems to."""
    import yaml

    loader = loader_type()

    def construct_mapping(self: yaml.SafeLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                message = f"the key {key.value!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
            seen.add(str(key.value))
        made: dict[Any, Any] = loader.construct_mapping(self, node, deep)
        return made

    return type("Strict", (loader,), {"construct_mapping": construct_mapping})
