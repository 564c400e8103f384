"""Audit entries of what a person does through the control plane."""

from collections.abc import Mapping
from typing import Any

from lab.clients.audit import now_utc
from lab.clients.code_version import code_version
from lab.clients.policy_file import hash_in_force
from lab.core.config import LabConfig
from lab.core.ledger import Entry, Status
from lab.core.names import all_storable
from lab.core.policy import Claim, Environment


def entry_by_actor(
    config: LabConfig,
    action: str,
    status: Status,
    details: Mapping[str, Any],
    environment: Environment | None = None,
    model_version: str = "",
) -> Entry:
    """An entry of the configured actor, made now; `environment` is the one acted in where it isn't the actor's.

    Raises SettingsError when the file of known keys can't be read.
    """
    actor = config.actor
    claim = Claim(actor.owner, actor.role, environment or actor.environment)
    return entry_by_claim(config, claim, action, status, details, model_version)


def entry_by_claim(
    config: LabConfig, claim: Claim, action: str, status: Status, details: Mapping[str, Any], model_version: str = ""
) -> Entry:
    """As `entry_by_actor`, of whoever `claim` says."""
    return Entry(
        action=action,
        status=status,
        owner=claim.owner,
        role=claim.role,
        environment=claim.environment,
        time=now_utc(),
        model_version=model_version,
        policy_hash=hash_in_force(config.policy, config.governance),
        code_version=code_version(config.root),
        # What is said of a path may be no text that an entry can hold.
        details=all_storable(details),
    )
