"""Model versions as the audit trail knows them.

MLflow gives a number anew once the model was deleted: a version is known by its number and its MLflow run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.base.model_versions import ApprovalState, ModelVersion
from lab.governance.ledger import Entry, Fault, Status
from lab.governance.rules.baselines import Baselines
from lab.governance.rules.deployments import Deployments
from lab.governance.rules.identities import Identities

# Number and MLflow run.
Key = tuple[str, str]
# As much of a run's id as tells it from any other.
_SHOWN = 8


@dataclass(frozen=True)
class Record:
    """One registered version. `newest` is the hash of the newest entry about it; `metrics` are text, as audited."""

    version: str
    state: ApprovalState
    registered: Entry
    newest: str
    metrics: Mapping[str, str]
    decisions: tuple[Entry, ...] = ()

    @property
    def owner(self) -> str:
        return self.registered.owner

    @property
    def data_hash(self) -> str:
        return str(self.registered.details.get("data_hash", ""))

    @property
    def drift(self) -> str:
        return str(self.registered.details.get("drift", ""))

    @property
    def baseline_hash(self) -> str:
        return str(self.registered.details.get("baseline_hash", ""))

    @property
    def model_digest(self) -> str:
        """Digest of the model's files, empty where none was audited."""
        return str(self.registered.details.get("model_digest", ""))

    @property
    def mlflow_run_id(self) -> str:
        return str(self.registered.details.get("mlflow_run_id", ""))

    @property
    def key(self) -> Key:
        return self.version, self.mlflow_run_id

    @property
    def name(self) -> str:
        """The version so that no other one can be meant, as commands take it."""
        return f"{self.version}@{self.mlflow_run_id[:_SHOWN]}" if self.mlflow_run_id else self.version

    @property
    def put_away(self) -> bool:
        """Whether a decision ended its way, so that nobody misses it in the registry."""
        return self.state in {ApprovalState.REJECTED, ApprovalState.ARCHIVED}

    def decided(self, status: Status) -> Entry | None:
        """The newest decision of this kind."""
        return next((entry for entry in reversed(self.decisions) if entry.status is status), None)


@dataclass(frozen=True)
class History:
    """Everything up to the head. `records` are by number the versions that were registered last under it, `former`
    those before them; `aliases` say which version each belongs to, by number, and `runs` by MLflow run.

    `ignored` are entries that don't count; `overtaken` those among them that lost a race, `uncounted` those that
    neither did nor are of a verification's own probes. `doubts` are decisions that count and that the policy in force
    would refuse today; `pending` are requests to register a version that weren't followed by one.
    """

    records: Mapping[str, Record]
    aliases: Mapping[str, str]
    identities: Identities
    ignored: tuple[Fault, ...] = ()
    uncounted: tuple[Fault, ...] = ()
    doubts: tuple[Fault, ...] = ()
    pending: tuple[Entry, ...] = ()
    baselines: Baselines = field(default_factory=Baselines)
    former: tuple[Record, ...] = ()
    overtaken: tuple[Fault, ...] = ()
    runs: Mapping[str, str] = field(default_factory=dict)
    deployments: Deployments = field(default_factory=Deployments)

    @property
    def every(self) -> tuple[Record, ...]:
        """Every version that was ever registered."""
        return (*self.former, *self.records.values())

    def numbered(self, number: str) -> tuple[Record, ...]:
        """The versions that were registered under a number, the newest first."""
        newest = (self.records[number],) if number in self.records else ()
        return (*newest, *(one for one in reversed(self.former) if one.version == number))

    def record(self, number: str, run_id: str) -> Record | None:
        """The version of that number and MLflow run; one whose run was never audited counts as of any."""
        known = self.numbered(number)
        exact = next((one for one in known if one.mlflow_run_id == run_id), None)
        return exact or next((one for one in known if not one.mlflow_run_id), None)

    def of(self, version: ModelVersion) -> Record | None:
        """What the trail knows of a version of the registry; None when it is another than was registered."""
        return self.record(version.version, version.run_id)

    def named(self, name: str, found: ModelVersion | None = None) -> Record | None:
        """The version that a command means by `1`, or by `1@` and the beginning of its run's id.

        A number alone means the version that the registry has under it (`found`), or the one registered last.
        """
        number, chosen, run = name.partition("@")
        if chosen:
            return next((one for one in self.numbered(number) if one.mlflow_run_id.startswith(run)), None)
        return self.of(found) if found else self.records.get(number)

    def holder(self, alias: str) -> Record | None:
        """The version that an alias belongs to."""
        number = self.aliases.get(alias, "")
        return self.record(number, self.runs[alias]) if alias in self.runs else self.records.get(number)

    def holds(self, alias: str, record: Record | None) -> bool:
        """Whether an alias belongs to this very version."""
        holder = self.holder(alias)
        return holder is not None and record is not None and holder.key == record.key

    def aliases_of(self, record: Record) -> tuple[str, ...]:
        return tuple(sorted(alias for alias in self.aliases if self.holds(alias, record)))
