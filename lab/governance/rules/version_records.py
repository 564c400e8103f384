"""Model versions as the audit trail knows them.

MLflow gives a number anew once the model was deleted: a version is known by its model, number and MLflow run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lab.base.errors import LedgerError, NotFound
from lab.base.model_versions import ApprovalState, ModelVersion
from lab.base.similar import meant
from lab.governance.ledger import Entry, Fault, Status
from lab.governance.rules.baselines import Baselines
from lab.governance.rules.criteria import Criteria, CriteriaHistory, in_force, parse_criteria
from lab.governance.rules.deployments import Deployments
from lab.governance.rules.identities import Identities
from lab.governance.rules.policy import Policy
from lab.models.environment import LOCK_KEY
from lab.models.groups import Measured, parse_measured


class Key(NamedTuple):
    """Which version is meant, whatever else is registered later."""

    model: str
    number: str
    run: str


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
    # What training audited of groups of people: JSON, empty where it audited nothing.
    groups: str = ""

    @property
    def model(self) -> str:
        """The name in the registry."""
        return str(self.registered.details.get("model", ""))

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
    def criteria(self) -> Criteria | None:
        """What its contract asked for; None where that wasn't audited, or can't be read."""
        try:
            return parse_criteria(self.registered.details.get("criteria"))
        except LedgerError:
            return None

    @property
    def measured(self) -> Measured | None:
        """What was measured of groups of people; None where that wasn't audited, or can't be read."""
        try:
            return parse_measured(json.loads(self.groups)) if self.groups else None
        except LedgerError:
            return None

    @property
    def primary(self) -> str:
        """The metric that its contract calls decisive; empty where none was audited."""
        return str(self.registered.details.get("primary", ""))

    @property
    def model_digest(self) -> str:
        """Digest of the model's files, empty where none was audited."""
        return str(self.registered.details.get("model_digest", ""))

    @property
    def lock_hash(self) -> str:
        """Of the packages of its own that it was trained with; empty for the lab's."""
        return str(self.registered.details.get(LOCK_KEY, ""))

    @property
    def mlflow_run_id(self) -> str:
        return str(self.registered.details.get("mlflow_run_id", ""))

    @property
    def key(self) -> Key:
        return Key(self.model, self.version, self.mlflow_run_id)

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
    """Everything up to the head. `records` are by model and number the versions that were registered last under it,
    `former` those before them; `holders` are by model and alias the versions that each alias belongs to.

    `criteria` are by model what its versions are judged by.

    `ignored` are entries that don't count; `overtaken` those among them that lost a race, `uncounted` those that
    neither did nor are of a verification's own probes. `doubts` are decisions that count and that the policy in force
    would refuse today; `pending` are requests to register a version that weren't followed by one. `baselines` are by
    model, under the empty name those of a time when an entry about a baseline named no model.
    """

    records: Mapping[tuple[str, str], Record]
    holders: Mapping[tuple[str, str], Key]
    identities: Identities
    ignored: tuple[Fault, ...] = ()
    uncounted: tuple[Fault, ...] = ()
    doubts: tuple[Fault, ...] = ()
    pending: tuple[Entry, ...] = ()
    baselines: Mapping[str, Baselines] = field(default_factory=dict)
    former: tuple[Record, ...] = ()
    overtaken: tuple[Fault, ...] = ()
    deployments: Deployments = field(default_factory=Deployments)
    criteria: Mapping[str, CriteriaHistory] = field(default_factory=dict)

    @property
    def every(self) -> tuple[Record, ...]:
        """Every version that was ever registered."""
        return (*self.former, *self.records.values())

    @property
    def models(self) -> frozenset[str]:
        """The names that versions were registered under."""
        return frozenset(model for model, _ in self.records)

    def numbered(self, model: str, number: str) -> tuple[Record, ...]:
        """The versions that were registered under a number of a model, the newest first."""
        newest = self.records.get((model, number))
        older = (one for one in reversed(self.former) if (one.model, one.version) == (model, number))
        return (newest, *older) if newest else tuple(older)

    def record(self, key: Key) -> Record | None:
        """That very version; one whose run was never audited counts as of any."""
        known = self.numbered(key.model, key.number)
        exact = next((one for one in known if one.mlflow_run_id == key.run), None)
        return exact or next((one for one in known if not one.mlflow_run_id), None)

    def of(self, version: ModelVersion) -> Record | None:
        """What the trail knows of a version of the registry; None when it is another than was registered."""
        return self.record(Key(version.name, version.version, version.run_id))

    def named(self, model: str, name: str, found: ModelVersion | None = None) -> Record | None:
        """The version of a model that a command means by `1`, or by `1@` and the beginning of its run's id.

        A number alone means the version that the registry has under it (`found`), or the one registered last.
        """
        number, chosen, run = name.partition("@")
        if chosen:
            return next((one for one in self.numbered(model, number) if one.mlflow_run_id.startswith(run)), None)
        return self.of(found) if found else self.records.get((model, number))

    def holder(self, model: str, alias: str) -> Record | None:
        """The version of a model that an alias belongs to."""
        key = self.holders.get((model, alias))
        return self.record(key) if key else None

    def holds(self, alias: str, record: Record | None) -> bool:
        """Whether an alias belongs to this very version."""
        return record is not None and self.holders.get((record.model, alias)) == record.key

    def aliases_of(self, record: Record) -> tuple[str, ...]:
        return tuple(sorted(alias for (_, alias), holder in self.holders.items() if holder == record.key))

    def may_be_baseline(self, model: str, data_hash: str) -> bool:
        """Whether somebody who may made a data set the one that the drift of a model's data is measured against."""
        return any(data_hash in self.baselines_of(name).audited for name in (model, ""))

    def judged_by(
        self, model: str, policy: Policy, signed: bool, before: int, asked: Criteria | None = None
    ) -> Criteria:
        """The criteria for a version of a model that was registered with entry `before`; see `criteria.in_force`."""
        known = self.criteria.get(model, CriteriaHistory())
        of_model = sorted(self.before(model, before), key=lambda one: one.registered.seq)
        return in_force(known, policy, signed, [one.criteria for one in of_model if one.criteria], asked)

    def before(self, model: str, seq: int) -> tuple[Record, ...]:
        """The versions of a model whose registration was asked for before entry `seq`."""
        return tuple(one for one in self.every if one.model == model and one.registered.seq < seq)

    def baselines_of(self, model: str) -> Baselines:
        """What entries about the baseline of one model tell."""
        return self.baselines.get(model, Baselines())

    def problem_of(self, seq: int) -> str:
        """Why entry `seq` doesn't count; empty when it does."""
        return next((one.problem for one in self.ignored if one.seq == seq), "")

    def came_late(self, seq: int) -> bool:
        """Whether entry `seq` would count, had no other been written first."""
        return any(one.seq == seq for one in self.overtaken)


_SHOWN = 8


def no_version(history: History, model: str, version: str) -> NotFound:
    """Nothing on record is this version: the error names what there is, or the model that may have been meant."""
    numbers = sorted((number for name, number in history.records if name == model), key=lambda one: (len(one), one))
    if numbers:
        more = "the newest are " if len(numbers) > _SHOWN else ""
        remedy = f"On record {more}{', '.join(numbers[-_SHOWN:])}: `mlops-lab` shows how they stand."
    else:
        near = meant(model, {name for name, _ in history.records})
        remedy = f"{near}`invoke models` shows every model; one without a version is to be trained first."
    return NotFound(f"Version {version} of {model} isn't in the audit trail.", remedy)
