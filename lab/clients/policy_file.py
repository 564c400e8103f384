"""Reading the policy's file, for the control plane and for pipeline steps alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.core.errors import SettingsError
from lab.core.policy import Policy, combined_hash
from lab.core.policy_rules import parse_policy

if TYPE_CHECKING:
    import yaml

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
        return yaml.load(body, Loader=_strict_loader())  # noqa: S506 - a SafeLoader that refuses even more
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as err:
        reason = " ".join(str(err).split())
        raise SettingsError(f"{path} can't be read as a policy: {reason}.", "Correct the file.") from None


def _strict_loader() -> "type[yaml.SafeLoader]":
    """YAML without what lets a file say something else than it seems to: repeated keys, aliases and merges."""
    import yaml

    class Strict(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.composer.ComposerError(None, None, "an alias is not allowed here", self.get_mark())
            return super().compose_node(parent, index)

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if str(key.value) in seen:
                    message = f"the key {key.value!r} is there twice"
                    raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
                if key.tag == "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(None, None, "a merge is not allowed here", key.start_mark)
                seen.add(str(key.value))
            return super().construct_mapping(node, deep)

    return Strict
