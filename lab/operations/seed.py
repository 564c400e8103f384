"""The data that a model starts from: the current data set, the baseline's profile, and a drift planted on purpose."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.base.catalogue import POLL_HEADER, POLL_PATH, Service
from lab.base.dataset import DatasetRef, hash_file, read_rows
from lab.base.drift import Profile, compare, profile
from lab.base.drift_report import DriftReport
from lab.base.errors import LabError, NotFound
from lab.base.interruption import finished_first
from lab.base.progress import unheard
from lab.config import LabConfig
from lab.governance.cases.baseline import BaselineApproval
from lab.governance.cases.signing import Signing
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


class Seeder:
    """Sets data and baseline of one model in the store. Methods raise LabError."""

    def __init__(
        self, config: LabConfig, model: Model, clock: Callable[[], float] = time.time, s3: S3 | None = None
    ) -> None:
        self._config, self._model, self._clock = config, model, clock
        self._s3 = s3 or self.store(config)

    @staticmethod
    def store(config: LabConfig) -> S3:
        """What several may share: a client of its own costs each of them more than its question."""
        return S3.of_lab(config, PIPELINE, timeout_s=15)

    def baseline(self) -> DatasetRef | None:
        """The recorded baseline; None before the first seed."""
        try:
            return DatasetRef.from_json(self._s3.get(self._config.data_bucket, self._model.id.baseline_key))
        except NotFound:
            return None

    def seed(self, signing: Signing | None = None, reason: str = "") -> Seeded:
        """Makes the model's data its current ones and the baseline that drift is measured against; governed."""
        store = AuditStore(self._s3, self._config.audit_bucket, self._config.audit_prefix)
        approval = BaselineApproval(self._config, store, signing or Signing(), self._model.contract.name)
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

    def _set(self, path: Path, source: str, approval: BaselineApproval, reason: str) -> Seeded:
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
        return self._seeded(ref, ref)

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
