"""Who may sign: the lines of an `allowed_signers` file (ssh-keygen, ALLOWED SIGNERS), each a name, its roles and a key.

A line's principals hold the name and the roles, as in `alice@example.com,role=risk-officer`, so that stock
`ssh-keygen -Y verify -I alice@example.com` proves who signed, and `-I role=risk-officer` in which role.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lab.base.errors import LabError, UsageError
from lab.base.names import same_person
from lab.governance.rules.policy import Role, in_order, parse_role
from lab.governance.rules.ssh_keys import KEY_TYPES, PublicKey, parse_public_key

NAMESPACE = "mlops-lab"
_ROLE = "role="
# Nothing that ssh-keygen would read as a pattern, a list or a quotation.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,199}")
_OPTION = re.compile(r'(?P<name>[a-z-]+)(?:="(?P<value>[^"]*)")?(?:,|\Z)', re.IGNORECASE)
_TIMES = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True)
class Signer:
    """One identity: `line` is its exact text; valid from and until in UTC, where the line limits that."""

    name: str
    roles: tuple[Role, ...]
    key: PublicKey
    line: str
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    @property
    def limited(self) -> bool:
        """Whether it depends on the time whether the key may be used."""
        return self.valid_after is not None or self.valid_before is not None

    def valid_at(self, moment: datetime) -> bool:
        """Whether the key may be used at `moment` (with a zone)."""
        return not (
            (self.valid_after is not None and moment < self.valid_after)
            or (self.valid_before is not None and moment >= self.valid_before)
        )


def make_line(name: str, roles: Iterable[Role], key: PublicKey, valid_before: str = "") -> str:
    """A line for `name`; `valid_before` is a day as YYYYMMDD, in UTC, or empty. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for an identity.", "Use letters, digits and . _ + @ -.")
    principals = ",".join([name, *(f"{_ROLE}{role}" for role in in_order(roles))])
    options = f'namespaces="{NAMESPACE}"'
    if valid_before:
        _time(valid_before + "Z")
        options += f',valid-before="{valid_before}Z"'
    line = f"{principals} {options} {key.type} {key.blob}"
    parse_line(line)
    return line


def parse_line(line: str) -> Signer:
    """Raises UsageError for anything that the lab would understand otherwise than ssh-keygen does."""
    words = line.split()
    if len(words) < 3:
        raise UsageError("a line needs principals, a key type and a key")
    limits: dict[str, datetime] = {}
    if words[1] not in KEY_TYPES:
        limits = _options(words[1])
        del words[1]
    key = parse_public_key(" ".join(words[1:]))
    principals = words[0].split(",")
    names = [one for one in principals if not one.startswith(_ROLE)]
    roles = in_order(parse_role(one.removeprefix(_ROLE), "role") for one in principals if one.startswith(_ROLE))
    if len(names) != 1 or not _NAME.fullmatch(names[0]):
        raise UsageError(f"{words[0]!r} must hold exactly one name, and roles as {_ROLE}…, without patterns")
    if not roles:
        raise UsageError(f"{names[0]!r} has no role")
    return Signer(names[0], roles, key, line.strip(), limits.get("valid-after"), limits.get("valid-before"))


def parse_signers(text: str, source: str) -> tuple[Signer, ...]:
    """The identities of a whole file. Raises UsageError naming the file and the line."""
    found: list[Signer] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            signer = parse_line(line)
        except LabError as err:
            raise UsageError(f"{source}, line {number}: {err.message.rstrip('.')}.", err.remedy) from None
        if any(signer.key == other.key for other in found):
            raise UsageError(f"{source}, line {number}: the key is there twice.", "Keep one of the lines.")
        if former := other_spelling(signer.name, found):
            said = f"{source}, line {number}: {signer.name} and {former} are one name in two spellings."
            raise UsageError(said, "Keep one of them.")
        found.append(signer)
    return tuple(found)


def other_spelling(name: str, known: Iterable[Signer]) -> str:
    """How one of `known` spells the same name otherwise; empty when none does."""
    return next((one.name for one in known if one.name != name and same_person(one.name, name)), "")


def _options(text: str) -> dict[str, datetime]:
    """The time limits among a line's options."""
    limits: dict[str, datetime] = {}
    for name, value in _split(text):
        if name == "namespaces":
            if NAMESPACE not in value.split(","):
                raise UsageError(f"the key isn't for the namespace {NAMESPACE!r}")
        elif name in {"valid-after", "valid-before"}:
            limits[name] = _time(value)
        else:
            raise UsageError(f"the option {name!r} is not supported")
    return limits


def _split(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        found = _OPTION.match(text, place)
        if found is None or found["value"] is None:
            raise UsageError(f"{text[place:]!r} is no option and no key type")
        yield found["name"].lower(), found["value"]
        place = found.end()


def _time(text: str) -> datetime:
    """YYYYMMDD[HHMM[SS]] with Z for UTC; without it ssh-keygen takes the machine's own time, and so does this."""
    digits = text.removesuffix("Z")
    try:
        moment = datetime.strptime(digits, _TIMES[len(digits)])
    except (ValueError, KeyError):
        raise UsageError(f"{text!r} is no time", "Write YYYYMMDD.") from None
    return moment.replace(tzinfo=UTC) if text.endswith("Z") else moment.astimezone(UTC)
