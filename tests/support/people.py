"""People with SSH keys who may act on a live lab's model versions."""

from dataclasses import dataclass
from pathlib import Path

from tests.support.keys import make_key
from tests.support.lab import LiveLab

ADMIN, OFFICER, ENGINEER = "adam@example.com", "olga@example.com", "emil@example.com"
_ROLES = {ADMIN: "platform-admin", OFFICER: "risk-officer", ENGINEER: "ml-engineer"}


@dataclass(frozen=True)
class People:
    """Who is known to a lab; `keys` are the paths of their private keys by name."""

    lab: LiveLab
    keys: dict[str, Path]

    @classmethod
    def of(cls, lab: LiveLab) -> "People":
        """The lab's people; at the first call they get keys, become identities, and put criteria in force."""
        folder = lab.folder / "people"
        if folder.exists():
            return cls(lab, {name: folder / name for name in _ROLES})
        folder.mkdir()
        people = cls(lab, {name: make_key(folder, "ed25519", name) for name in _ROLES})
        for name, role in _ROLES.items():
            public = f"{people.keys[name]}.pub"
            lab.invoke("identity-add", name, "--key", public, "--role", role, SIGNING_KEY=str(people.keys[ADMIN]))
        lab.invoke("set-criteria", "--reason", "the data is published", "--key", str(people.keys[OFFICER]))
        return people
