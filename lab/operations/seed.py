"""The data that a model starts from: the current data set, the baseline's profile, and a drift planted on purpose."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.base.catalogue import POLL_HEADER, POLL_PATH, Service
from lab.base.dataset import BASELINE_KEY, CURRENT_KEY, DatasetRef, hash_file, read_rows
from lab.base.drift import Profile, compare, profile
from lab.base.drift_report import DriftReport
from lab.base.errors import LabError, NotFound
from lab.base.interruption import finished_first
from lab.base.model_id import OF_MODELS
from lab.base.progress import unheard
from lab.config import LabConfig
from lab.governance.cases.baseline import BaselineApproval
from lab.governance.cases.signing import Signing
from lab.governance.ledger.writer import Ledger
from lab.models.csv_text import refuse_unreadable
from lab.models.dataset_csv import MOST_BYTES, as_csv, is_parquet
from lab.models.drift_simulation import worse_times
from lab.models.model_folder import Model
from lab.services.s3 import PIPELINE, S3, AuditStore

# As long as a check of a large data set may take; seeding it took longer.
_MONITOR_S = 20.0


@dataclass(frozen=True)
class Seeded:
    """What is current now, what it is measured against, and how far it is from it."""

    current: DatasetRef
    baseline: DatasetRef
    report: DriftReport


def ask_monitor(config: LabConfig) -> None:
    """Has the drift monitor check now: what was planted shows at once. One that can't be asked checks when it would."""
    url = config.url(Service.DRIFT_MONITOR) + POLL_PATH
    import httpx  # what only reads the baseline starts quicker without

    with suppress(httpx.HTTPError):
        httpx.post(url, headers={POLL_HEADER: "1"}, timeout=_MONITOR_S, trust_env=False)


@dataclass(frozen=True)
class Unrecorded:
    """Models without a baseline: those that have data for one, and those that load theirs in a run, and had none."""

    ready: tuple[Model, ...]
    waiting: tuple[Model, ...]


class Seeder:
    """Sets data and baseline of one model in the store. Methods raise LabError."""

    def __init__(
        self,
        config: LabConfig,
        model: Model,
        clock: Callable[[], float] = time.time,
        s3: S3 | None = None,
        trail: Ledger | None = None,
    ) -> None:
        """Several may share a client and a writer of the trail: those of its own cost each more than its question."""
        self._config, self._model, self._clock, self._trail = config, model, clock, trail
        self._s3 = s3 or self.store(config)

    @staticmethod
    def store(config: LabConfig) -> S3:
        """The client that a seeder makes for itself."""
        return S3.of_lab(config, PIPELINE, timeout_s=15)

    @staticmethod
    def unrecorded(config: LabConfig, models: Sequence[Model], s3: S3) -> "Unrecorded":
        """Those of the models that have no recorded baseline; as many requests for one as for a thousand."""
        ends = (f"/{BASELINE_KEY}", f"/{CURRENT_KEY}")
        there = {key for key in s3.objects(config.data_bucket, OF_MODELS) if key.endswith(ends)}
        if s3.exists(config.data_bucket, BASELINE_KEY):
            there.add(BASELINE_KEY)
        without = [model for model in models if model.id.baseline_key not in there]
        waiting = {one.slug for one in without if not (one.data or one.id.default or one.id.current_key in there)}
        return Unrecorded(
            tuple(one for one in without if one.slug not in waiting),
            tuple(one for one in without if one.slug in waiting),
        )

    def baseline(self) -> DatasetRef | None:
        """The recorded baseline; None before the first seed."""
        try:
            return DatasetRef.from_json(self._s3.get(self._config.data_bucket, self._model.id.baseline_key))
        except NotFound:
            return None

    def seed(self, signing: Signing | None = None, reason: str = "") -> Seeded:
        """As `record`, and measures the drift that there is then."""
        ref = self.record(signing, reason)
        return self._seeded(ref, ref)

    def record(self, signing: Signing | None = None, reason: str = "") -> DatasetRef:
        """Makes the model's data its current ones and the baseline that drift is measured against; governed."""
        store = AuditStore(self._s3, self._config.audit_bucket, self._config.audit_prefix)
        name = self._model.contract.name
        approval = BaselineApproval(self._config, store, signing or Signing(), name, self._trail)
        approval.admit()
        try:
            with self._data() as (path, source):
                return self._set(path, source, approval, reason)
        except OSError as err:
            raise LabError(
                f"Can't read the data set {err.filename}: {err.strerror}.", "Name one that you can read."
            ) from None

    @contextmanager
    def _data(self) -> Iterator[tuple[Path, str]]:
        """The model's data as CSV, and where they come from; of a model that loads them itself, those of its last run.

        Raises LabError, and OSError for a file that can't be read.
        """
        named = self._model.data or (str(self._config.data_path) if self._model.id.default else "")
        with tempfile.TemporaryDirectory() as folder:
            path, bucket = Path(folder) / "data", self._config.data_bucket
            if named.startswith("s3://"):
                elsewhere, _, key = named.removeprefix("s3://").partition("/")
                self._s3.download(elsewhere, key, path)
            elif named:
                path = Path(named)
            else:
                current = self._current()
                self._s3.download(bucket, current.key, path)
                named = current.source
            if is_parquet(path):
                table, path = path, Path(folder) / "data.csv"
                as_csv(table, path, MOST_BYTES, unheard)
            yield path, named

    def _current(self) -> DatasetRef:
        try:
            return DatasetRef.from_json(self._s3.get(self._config.data_bucket, self._model.id.current_key))
        except NotFound:
            name = self._model.contract.name
            raise LabError(
                f"{name} loads its data itself, and no run of it has yet.", f"Type `invoke train {name}` first."
            ) from None

    def _set(self, path: Path, source: str, approval: BaselineApproval, reason: str) -> DatasetRef:
        contract = self._model.contract
        refuse_unreadable(path, tuple(contract.columns))
        digest = hash_file(path)
        with path.open(encoding="utf-8", newline="") as file:
            made = profile(read_rows(file), digest, *contract.profiled)
        ref = DatasetRef(digest, made.rows, source)
        details = {"data_hash": ref.sha256, "rows": ref.rows, "source": ref.source}
        mandate = approval.ask(details, reason or f"baseline from {Path(source).name}")
        self._upload(ref, path)
        with finished_first():
            self._s3.put(self._config.data_bucket, self._model.id.profile_key(digest), made.to_json())
            self._s3.put(self._config.data_bucket, self._model.id.baseline_key, ref.to_json())
            self._s3.put(self._config.data_bucket, self._model.id.current_key, ref.to_json())
            approval.done(mandate)
        return ref

    def plant_drift(self) -> Seeded:
        """Replaces the current data by the baseline's population in worse times; `reset` takes it back."""
        baseline = self._required_baseline()
        rows = read_rows(self._s3.lines(self._config.data_bucket, baseline.key))
        body = worse_times(rows, self._model.contract)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "drifted.csv"
            path.write_bytes(body)
            ref = DatasetRef(hash_file(path), body.count(b"\n") - 1, "planted drift", planted=True)
            self._upload(ref, path)
        self._s3.put(self._config.data_bucket, self._model.id.current_key, ref.to_json())
        return self._seeded(ref, baseline)

    def reset(self) -> Seeded:
        """Makes the baseline's data set current again."""
        baseline = self._required_baseline()
        self._s3.put(self._config.data_bucket, self._model.id.current_key, baseline.to_json())
        return self._seeded(baseline, baseline)

    def _required_baseline(self) -> DatasetRef:
        baseline = self.baseline()
        if baseline is None:
            raise LabError("No baseline is recorded.", f"Type `{self._model.id.seeding}`.")
        return baseline

    def _upload(self, ref: DatasetRef, path: Path) -> None:
        if not self._s3.exists(self._config.data_bucket, ref.key):
            self._s3.upload(self._config.data_bucket, ref.key, path)

    def _seeded(self, current: DatasetRef, baseline: DatasetRef) -> Seeded:
        stored = Profile.from_json(self._s3.get(self._config.data_bucket, self._model.id.profile_key(baseline.sha256)))
        rows = read_rows(self._s3.lines(self._config.data_bucket, current.key))
        return Seeded(current, baseline, compare(stored, rows, current.sha256, self._clock()))
