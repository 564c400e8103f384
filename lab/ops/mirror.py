"""Making the registry say of a version what the audit trail says."""

from collections.abc import Mapping

from lab.clients.mlflow import Mlflow
from lab.core.approval import ALIASES
from lab.core.history import History
from lab.core.mirror import expected_tags

_GATE = "deployment_blocked"


async def mirror(mlflow: Mlflow, history: History, version: str) -> tuple[str, ...]:
    """Corrects tags of `version` and the lab's aliases; returns what it changed.

    In every moment between two requests the registry allows no more than the trail does: aliases go first and come
    last, and so does a deployment's permission. Raises ServiceUnavailable, NotFound.
    """
    record = history.records[version]
    found = await mlflow.version(version)
    held = {alias: holder for holder, names in (await mlflow.aliases()).items() for alias in names}
    changes = [f"alias {alias} taken from version {held[alias]}" for alias in _superfluous(history, held)]
    for alias in _superfluous(history, held):
        await mlflow.delete_alias(alias)
    tags = expected_tags(record)
    blocking = tags[_GATE] == "true"
    for name in sorted(tags, key=lambda one: (one == _GATE) is not blocking):
        if found.tags.get(name, "") == tags[name]:
            continue
        changes.append(f"{name}: {found.tags.get(name, '') or '–'} → {tags[name] or '–'}")
        if tags[name]:
            await mlflow.set_version_tag(version, name, tags[name])
        else:
            await mlflow.delete_version_tag(version, name)
    for alias in ALIASES:
        holder = history.aliases.get(alias)
        if holder and held.get(alias) != holder:
            await mlflow.set_alias(alias, holder)
            changes.append(f"alias {alias} → version {holder}")
    return tuple(changes)


def _superfluous(history: History, held: Mapping[str, str]) -> list[str]:
    return [alias for alias in ALIASES if alias in held and alias not in history.aliases]
