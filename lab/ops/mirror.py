"""Making the registry say of a version what the audit trail says."""

from lab.clients.mlflow import Mlflow
from lab.core.approval import ALIASES
from lab.core.errors import NotFound
from lab.core.history import History, Record
from lab.core.mirror import expected_tags
from lab.core.models import ModelVersion
from lab.core.registry_claims import shortened

_GATE = "deployment_blocked"


async def mirror(mlflow: Mlflow, history: History, record: Record) -> tuple[str, ...]:
    """Corrects tags of the version and the aliases that it has or should have; returns what it changed.

    What somebody did to other versions is left for reconciling to find, and so is another version under its number.

    In every moment between two requests the registry allows no more than the trail does: aliases go first and come
    last, and so does a deployment's permission. Raises ServiceUnavailable.
    """
    record = history.record(*record.key) or record
    found = await _found(mlflow, record.version)
    if found is None or history.of(found) != record:
        return ()
    held = {alias: holder for holder, names in (await mlflow.aliases()).items() for alias in names}
    due = {alias: holder for alias in ALIASES if (holder := history.holder(alias))}
    superfluous = [
        alias
        for alias in ALIASES
        if held.get(alias) == record.version
        and (alias not in due or (due[alias].version == record.version and due[alias] != record))
    ]
    changes = [f"alias {alias} taken from version {held.pop(alias)}" for alias in superfluous]
    for alias in superfluous:
        await mlflow.delete_alias(alias)
    changes += await _set_tags(mlflow, found, record)
    for alias, holder in due.items():
        concerned = holder == record or held.get(alias) == record.version
        if concerned and alias not in superfluous and held.get(alias) != holder.version:
            await mlflow.set_alias(alias, holder.version)
            changes.append(f"alias {alias} → version {holder.version}")
    return tuple(changes)


async def _found(mlflow: Mlflow, number: str) -> ModelVersion | None:
    try:
        return await mlflow.version(number)
    except NotFound:
        return None


async def _set_tags(mlflow: Mlflow, found: ModelVersion, record: Record) -> list[str]:
    tags, changes = expected_tags(record), []
    blocking = tags[_GATE] == "true"
    for name in sorted(tags, key=lambda one: (one == _GATE) is not blocking):
        if found.tags.get(name, "") == tags[name]:
            continue
        changes.append(f"{name}: {shortened(found.tags.get(name, '')) or '–'} → {tags[name] or '–'}")
        if tags[name]:
            await mlflow.set_version_tag(record.version, name, tags[name])
        else:
            await mlflow.delete_version_tag(record.version, name)
    return changes
