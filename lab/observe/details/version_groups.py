"""How a version's groups of people compare, as the audit trail holds it: what the gate judges."""

from collections.abc import Iterator

from lab.base.errors import LedgerError, NotFound
from lab.base.model_id import step_of
from lab.base.model_versions import ModelVersion
from lab.base.runs import TRAIN
from lab.governance.ledger import Entry, EntryStore, Status, key_of, parse
from lab.governance.rules.registry_tags import named_number
from lab.models.groups import Measured, parse_measured

# A registration follows its training at once; between them stand entries of other runs only.
_BEFORE = 100


def groups_in(store: EntryStore, prefix: str, version: ModelVersion) -> Measured:
    """What training audited of groups. Raises NotFound saying why there is nothing, and LedgerError."""
    trained = next((one for one in _before(store, prefix, version) if _is_training(one, version)), None)
    if trained is None:
        raise NotFound("The audit trail has no training of it close to its registration.")
    if "fairness" not in trained.details:
        raise NotFound("No column of its contract was protected, so there are no groups of people to compare.")
    return parse_measured(trained.details["fairness"])


def _before(store: EntryStore, prefix: str, version: ModelVersion) -> Iterator[Entry]:
    """The entries in front of the one that vouches for the version, newest first."""
    registered = named_number(version, "audit")
    for seq in range(registered - 1, max(0, registered - 1 - _BEFORE), -1):
        try:
            yield parse(store.read(key_of(prefix, seq)))
        except (LedgerError, NotFound):
            continue


def _is_training(entry: Entry, version: ModelVersion) -> bool:
    run = entry.details.get("mlflow_run_id")
    return step_of(entry.action) == TRAIN and entry.status is Status.SUCCESS and bool(run) and run == version.run_id
