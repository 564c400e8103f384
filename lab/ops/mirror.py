"""Making the registry say of a version what the audit trail says."""

from lab.clients.mlflow import Mlflow
from lab.core.approval import ALIASES
from lab.core.history import History
from lab.core.mirror import expected_tags
from lab.core.registry_claims import shortened

_GATE = "deployment_blocked"


async def mirror(mlflow: Mlflow, history: History, version: str) -> tuple[str, ...]:
    """Corrects tags of `version` and the aliases that it has or should have; returns what it changed.

    What somebody did to other versions is left for reconciling to find.

    In every moment between two requests the registry allows no more than the trail does: aliases go first and come
    last, and so does a deployment's permission. Raises ServiceUnavailable, NotFound.
    """
    record = history.records[version]
    found = await mlflow.version(version)
    held = {alias: holder for holder, names in (await mlflow.aliases()).items() for alias in names}
    concerned = [alias for alias in ALIASES if version in {held.get(alias), history.aliases.get(alias)}]
    superfluous = [alias for alias in concerned if alias in held and alias not in history.aliases]
    changes = [f"alias {alias} taken from version {held[alias]}" for alias in superfluous]
    for alias in superfluous:
        await mlflow.delete_alias(alias)
    tags = expected_tags(record)
    blocking = tags[_GATE] == "true"
    for name in sorted(tags, key=lambda one: (one == _GATE) is not blocking):
        if found.tags.get(name, "") == tags[name]:
            continue
        changes.append(f"{name}: {shortened(found.tags.get(name, '')) or '–'} → {tags[name] or '–'}")
        if tags[name]:
            await mlflow.set_version_tag(version, name, tags[name])
        else:
            await mlflow.delete_version_tag(version, name)
    for alias in concerned:
        holder = history.aliases.get(alias)
        if holder and held.get(alias) != holder:
            await mlflow.set_alias(alias, holder)
            changes.append(f"alias {alias} → version {holder}")
    return tuple(changes)
