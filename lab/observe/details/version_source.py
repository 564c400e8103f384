"""One model version in full: its run, the champion, the gates before its next step, who decided what about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.base.catalogue import Service
from lab.base.errors import LabError, LedgerError, NotFound
from lab.base.model_versions import ApprovalState, ModelVersion
from lab.base.runs import REGISTER
from lab.base.threads import OneThread
from lab.config import LabConfig
from lab.governance.ledger import Entry, EntryStore, find_head, key_of, parse
from lab.governance.rules.approval_states import CHAMPION, MOVES
from lab.governance.rules.history import model_of
from lab.governance.rules.policy import Action
from lab.governance.rules.registry_tags import named_number
from lab.models.evaluation_file import FILE, EvaluationFile, read
from lab.observe.comparison import Comparison, compare
from lab.observe.details.store_reading import TIMEOUT_S, StoreSource
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from lab.services.mlflow_answers import LoggedRun

if TYPE_CHECKING:
    import httpx

    from lab.governance.cases.approve import Outcome

# A version's decisions come soon after it is registered, and the newest one is named in its tags.
_SEARCHED, _AROUND_NEWEST = 500, 20


@dataclass(frozen=True)
class VersionDetail:
    """A version with what its run logged, and the champion that it is measured against, where there is one."""

    version: ModelVersion
    run: LoggedRun | None
    champion: ModelVersion | None


@dataclass(frozen=True)
class Decisions:
    """The entries about a version, oldest first; `searched` are the numbers that were looked at, first and last."""

    entries: tuple[Entry, ...]
    searched: tuple[tuple[int, int], ...]


class VersionSource:
    """Asks about one model version. Methods raise LabError."""

    def __init__(self, config: LabConfig, transport: "httpx.AsyncBaseTransport | None" = None) -> None:
        self._config = config
        self._mlflow = Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW), TIMEOUT_S, transport))
        self._thread = OneThread("decisions")
        self._search = self._thread.once(self._find)
        self._asked: ModelVersion | None = None
        self._details = StoreSource(config, transport)
        self._store: EntryStore | None = None

    async def version(self, model: str, number: str) -> VersionDetail:
        """The version as the registry has it. Raises NotFound."""
        found = await self._mlflow.version(model, number)
        holder = next((who for who, names in (await self._mlflow.aliases(model)).items() if CHAMPION in names), "")
        champion = found if holder == number else await self._mlflow.version(model, holder) if holder else None
        try:
            run = await self._mlflow.logged(found.run_id) if found.run_id else None
        except NotFound:  # a run can be deleted while its version stays
            run = None
        return VersionDetail(found, run, champion)

    async def evaluation(self, version: ModelVersion) -> EvaluationFile:
        """What training kept of the version's evaluation. Raises NotFound for one of which it kept nothing."""
        if not version.run_id:
            raise NotFound("The version names no MLflow run: there is nothing to draw.")
        try:
            body = await self._mlflow.artifact(version.run_id, FILE)
        except NotFound:
            raise NotFound(
                f"Its MLflow run has no {FILE}: the run is gone, or the version was trained before that was kept.",
                "Train a new version.",
            ) from None
        try:
            return read(body)
        except ValueError as err:
            raise LabError(f"{FILE} of MLflow run {version.run_id} can't be read: {err}.", "Train it anew.") from None

    async def evaluation_of(self, key: str) -> EvaluationFile | str:
        """As `evaluation` of the version called `MODEL/N`; why there is none, where there is none."""
        model, _, number = key.rpartition("/")
        try:
            return await self.evaluation(await self._mlflow.version(model, number))
        except NotFound as err:
            return str(err)

    async def compared(self, key: str, other: str) -> Comparison:
        """Two versions, each called `MODEL/N`, side by side. Raises NotFound."""
        (a, _, first), (b, _, second) = key.rpartition("/"), other.rpartition("/")
        return await compare(self._mlflow, (a, first), (b, second))

    async def trained_on(self, data_hash: str) -> tuple[ModelVersion, ...]:
        """The versions whose tag names this data, newest first."""
        return await self._mlflow.trained_on(data_hash)

    async def gates(self, action: Action, model: str, number: str) -> "Outcome":
        """The gates before `action` as they stand; changes nothing, and for a promotion takes many seconds."""
        from lab.governance.cases.approve import Approver, Tools
        from lab.governance.cases.signing import Signing

        approver = Approver(self._config, Signing(), Tools.of_lab(self._config))
        try:
            return await approver.act(action, model, number, "looking only", dry_run=True)
        finally:
            await approver.aclose()

    async def decisions(self, version: ModelVersion) -> Decisions:
        """What the audit trail holds about the version. Raises ServiceUnavailable."""
        self._asked, self._store = version, self._details.entries()
        return await self._search()

    async def aclose(self) -> None:
        """Closes the connections."""
        self._thread.close()
        await self._details.aclose()
        await self._mlflow.aclose()

    def _find(self) -> Decisions:
        if self._asked is None or self._store is None:
            return Decisions((), ())
        return decisions_in(self._store, self._config.audit_prefix, self._asked)


def decisions_in(store: EntryStore, prefix: str, version: ModelVersion) -> Decisions:
    """The entries about `version` behind the one that vouches for it, and around its newest decision."""
    head, begin = find_head(store, prefix), named_number(version, "audit")
    ranges = list(_ranges(version, head))
    found: dict[int, Entry] = {}
    for first, last in ranges:
        for seq in range(first, last + 1):
            try:
                entry = parse(store.read(key_of(prefix, seq)))
            except (LedgerError, NotFound):
                continue
            ours = _is_of(entry, version)
            if seq == begin and not ours:  # the tag names another version's entry, whatever it is there for
                return Decisions((), ())
            if ours and (entry.model_version == version.version or seq == begin):
                found[seq] = entry
            elif entry.model_version == version.version and entry.action == REGISTER:
                return Decisions(tuple(found.values()), ((first, seq - 1),))
    return Decisions(tuple(found[seq] for seq in sorted(found)), tuple(ranges))


def _is_of(entry: Entry, version: ModelVersion) -> bool:
    """Whether an entry that names a model and an MLflow run names the version's: a number may be given twice."""
    run: object = entry.details.get("mlflow_run_id", version.run_id)
    return model_of(entry) in {version.name, ""} and (run == version.run_id or not version.run_id)


def _ranges(version: ModelVersion, head: int) -> Iterator[tuple[int, int]]:
    begin = named_number(version, "audit")
    if not begin or begin > head:
        return
    end = min(head, begin + _SEARCHED - 1)
    yield begin, end
    newest = named_number(version, "decision")
    if end < newest <= head:
        yield max(end + 1, newest - _AROUND_NEWEST), newest


def next_action(state: str) -> Action | None:
    """What usually comes next for a version in this state; None when nothing does."""
    try:
        known = ApprovalState(state)
    except ValueError:
        return None
    return next((action for action in (Action.APPROVE, Action.PROMOTE) if (known, action) in MOVES), None)
