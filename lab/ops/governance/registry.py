"""(c) and (f) The registry says of every version exactly what the audit trail says."""

from collections.abc import Collection, Iterator

from lab.core.reconcile import BLOCKED, Finding, Kind
from lab.ops.governance.proof import Check, Found, listed
from lab.ops.governance.survey import Surveyor

_OF_TAGS = (Kind.TAG, Kind.UNAUDITED, Kind.REPLACED)


class RegistryProofs:
    """Tags and aliases against the trail."""

    def __init__(self, surveyor: Surveyor) -> None:
        self._surveyor = surveyor

    def checks(self) -> Iterator[Check]:
        yield Check("registry: governance tags are complete", self._complete)
        yield Check("registry: tags are those of the audit trail", self._tags)
        yield Check("registry: deployment_blocked follows the truth", self._blocked)
        yield Check("reconcile: nothing was changed behind the lab's back", self._reconciled)

    async def _complete(self) -> Found:
        versions = (await self._surveyor.look()).versions
        poor = [f"version {one.version} lacks {', '.join(one.missing_tags)}" for one in versions if one.missing_tags]
        return listed(poor, f"{len(versions)} versions")

    async def _tags(self) -> Found:
        found = [one for one in await self._findings(_OF_TAGS) if one.subject != BLOCKED]
        return listed(found, "every tag that governance knows")

    async def _blocked(self) -> Found:
        found = [one for one in await self._findings((Kind.TAG,)) if one.subject == BLOCKED]
        versions = (await self._surveyor.look()).versions
        free = [one.version for one in versions if one.tags.get(BLOCKED) == "false"]
        return listed(found, f"deployable: {', '.join(free) or 'none'} of {len(versions)} versions")

    async def _reconciled(self) -> Found:
        history = (await self._surveyor.look()).history
        aliases = ", ".join(f"{alias} on version {number}" for alias, number in sorted(history.aliases.items()))
        return listed(
            await self._findings(tuple(Kind)),
            f"{len(history.every)} audited versions; {aliases or 'no alias'}",
        )

    async def _findings(self, kinds: Collection[Kind]) -> list[Finding]:
        return [one for one in (await self._surveyor.look()).findings if one.kind in kinds]
