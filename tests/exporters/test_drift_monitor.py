import csv
import io
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from exporters.drift_monitor import DriftMonitor, DriftMonitors, collectors
from lab.base.dataset import BASELINE_KEY, CURRENT_KEY, DatasetRef, dataset_key, profile_key, read_rows
from lab.base.errors import NotFound, ServiceUnavailable
from lab.base.model_id import ModelId
from tests.exporters.exposition import names, scrape, value
from tests.support.contracts import MODEL, MODEL_NAME, profile_of

DATA = Path(__file__).parents[2] / "data" / "sample_data.csv"


class Store:
    """The data bucket in memory; `broken` makes every request fail."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.broken = False
        self.streamed = 0

    def get(self, key: str) -> bytes:
        if self.broken:
            raise ServiceUnavailable("The object store doesn't answer.")
        try:
            return self.objects[key]
        except KeyError:
            raise NotFound(f"data/{key} is not in the object store.") from None

    def lines(self, key: str) -> Iterable[str]:
        self.streamed += 1
        return io.StringIO(self.get(key).decode(), newline="")

    def put_data(self, body: bytes, as_baseline: bool = False) -> str:
        digest = sha256(body).hexdigest()
        ref = DatasetRef(digest, body.count(b"\n") - 1, "test").to_json()
        self.objects |= {dataset_key(digest): body, CURRENT_KEY: ref}
        if as_baseline:
            rows = read_rows(io.StringIO(body.decode(), newline=""))
            self.objects |= {BASELINE_KEY: ref, profile_key(digest): profile_of(rows, digest).to_json()}
        return digest


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def shifted(body: bytes) -> bytes:
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(row | {"credit_amount": str(int(row["credit_amount"]) * 3)} for row in rows)
    return out.getvalue().encode()


@pytest.fixture
def store() -> Store:
    made = Store()
    made.put_data(DATA.read_bytes(), as_baseline=True)
    return made


def test_the_baseline_itself_has_not_drifted(store: Store) -> None:
    monitor = DriftMonitor(MODEL.id, store, clock=lambda: 42.0)
    monitor.check()
    samples = scrape(collectors(lambda: {MODEL_NAME: monitor.status}, 30))
    assert value(samples, "synthetic_data_drift_detected", model=MODEL_NAME) == 0
    assert value(samples, "synthetic_data_row_count", model=MODEL_NAME) == 1000
    assert value(samples, "synthetic_data_last_check_timestamp", model=MODEL_NAME) == 42
    assert value(samples, "synthetic_data_baseline_match", model=MODEL_NAME) == 1
    assert value(samples, "synthetic_data_check_success", model=MODEL_NAME) == 1
    assert value(samples, "synthetic_data_check_interval_seconds") == 30
    assert value(samples, "synthetic_data_feature_psi", model=MODEL_NAME, feature="credit_amount") == 0


def test_a_contracts_limit_decides_as_it_is_then(store: Store) -> None:
    store.put_data(shifted(DATA.read_bytes()))
    limits = [9.0, 0.1]
    monitor = DriftMonitor(MODEL.id, store, limit=lambda: limits[0])
    for limit, drifted in ((9.0, 0), (0.1, 1)):
        monitor.check()
        samples = scrape(collectors(lambda: {MODEL_NAME: monitor.status}, 30))
        assert value(samples, "synthetic_data_drift_threshold", model=MODEL_NAME) == limit
        assert value(samples, "synthetic_data_drift_detected", model=MODEL_NAME) == drifted
        # Nothing else changed, so nothing is compared anew.
        limits[0] = limits[-1]


def test_a_shifted_feature_is_drift_and_the_others_are_not(store: Store) -> None:
    baseline = sha256(DATA.read_bytes()).hexdigest()
    current = store.put_data(shifted(DATA.read_bytes()))
    monitor = DriftMonitor(MODEL.id, store)
    monitor.check()
    samples = scrape(collectors(lambda: {MODEL_NAME: monitor.status}, 30))
    assert value(samples, "synthetic_data_drift_detected", model=MODEL_NAME) == 1
    assert value(samples, "synthetic_data_feature_psi", model=MODEL_NAME, feature="credit_amount") > 0.25
    assert value(samples, "synthetic_data_feature_psi", model=MODEL_NAME, feature="age_in_years") == 0
    assert value(samples, "synthetic_data_feature_p_value", model=MODEL_NAME, feature="credit_amount") < 0.005
    assert value(samples, "synthetic_data_feature_p_value", model=MODEL_NAME, feature="age_in_years") == 1
    assert value(samples, "synthetic_data_baseline_match", model=MODEL_NAME) == 0
    assert value(samples, "synthetic_data_info", model=MODEL_NAME, baseline_hash=baseline, current_hash=current) == 1


def test_unchanged_data_is_compared_once_but_every_check_counts(store: Store) -> None:
    monitor = DriftMonitor(MODEL.id, store, clock=Clock())
    monitor.check()
    first = monitor.status
    monitor.check()
    assert store.streamed == 1
    assert first.report
    assert monitor.status.report
    assert monitor.status.report.checked_at > first.report.checked_at
    store.put_data(shifted(DATA.read_bytes()))
    monitor.check()
    assert store.streamed == 2
    assert monitor.status.report.detected


def test_a_new_baseline_alone_makes_a_new_comparison(store: Store) -> None:
    monitor = DriftMonitor(MODEL.id, store)
    monitor.check()
    store.put_data(shifted(DATA.read_bytes()), as_baseline=True)
    store.put_data(DATA.read_bytes())
    monitor.check()
    assert monitor.status.report
    assert monitor.status.report.detected


def test_a_lab_without_data_is_no_crash_and_recovers_when_seeded(store: Store) -> None:
    empty = Store()
    monitor = DriftMonitor(MODEL.id, empty)
    monitor.check()
    samples = scrape(collectors(lambda: {MODEL_NAME: monitor.status}, 30))
    assert value(samples, "synthetic_data_check_success", model=MODEL_NAME) == 0
    assert value(samples, "synthetic_data_last_check_timestamp", model=MODEL_NAME) == 0
    assert value(samples, "synthetic_data_seeded", model=MODEL_NAME) == 0
    assert value(samples, "synthetic_data_check_failures_total", model=MODEL_NAME) == 1
    assert "synthetic_data_feature_psi" not in names(samples)
    assert "invoke seed" in monitor.status.reason
    empty.objects = store.objects
    monitor.check()
    assert monitor.status.success


def test_a_store_that_went_away_keeps_the_last_good_values_and_lets_them_age(store: Store) -> None:
    store.put_data(shifted(DATA.read_bytes()))
    monitor = DriftMonitor(MODEL.id, store, clock=Clock())
    monitor.check()
    good = monitor.status.report
    store.broken = True
    monitor.check()
    assert monitor.status.report is good
    samples = scrape(collectors(lambda: {MODEL_NAME: monitor.status}, 30))
    assert value(samples, "synthetic_data_drift_detected", model=MODEL_NAME) == 1
    assert value(samples, "synthetic_data_check_success", model=MODEL_NAME) == 0


def test_a_named_baseline_without_a_profile_fails_with_its_name(store: Store) -> None:
    monitor = DriftMonitor(MODEL.id, store, baseline_hash="f" * 64)
    monitor.check()
    assert not monitor.status.success
    assert "BASELINE_DATA_HASH" in monitor.status.reason
    assert "f" * 64 in monitor.status.reason


def test_a_named_baseline_wins_over_the_recorded_one(store: Store) -> None:
    original = sha256(DATA.read_bytes()).hexdigest()
    store.put_data(shifted(DATA.read_bytes()), as_baseline=True)
    monitor = DriftMonitor(MODEL.id, store, baseline_hash=original)
    monitor.check()
    assert monitor.status.report
    assert monitor.status.report.baseline_hash == original
    assert monitor.status.report.detected


def test_data_that_never_stops_arriving_ends_at_the_deadline(store: Store) -> None:
    def endless(_key: str) -> Iterator[str]:
        lines = DATA.read_text().splitlines(keepends=True)
        yield from lines
        while True:
            yield lines[1]

    store.lines = endless  # type: ignore[method-assign,assignment]
    monitor = DriftMonitor(MODEL.id, store, monotonic=Clock(), deadline_s=5000)
    monitor.check()
    assert "in time" in monitor.status.reason


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00\x01\x02 not a table", b"one,two\n1,2\n", b'"' + b"x" * 200_000],
    ids=["empty", "binary", "other-columns", "endless-field"],
)
def test_data_that_is_no_credit_data_is_a_failed_check(store: Store, body: bytes) -> None:
    store.put_data(body)
    monitor = DriftMonitor(MODEL.id, store)
    monitor.check()
    assert monitor.status.reason
    assert not monitor.status.success


def test_a_reference_that_is_no_reference_is_a_failed_check(store: Store) -> None:
    store.objects[CURRENT_KEY] = b"[]"
    monitor = DriftMonitor(MODEL.id, store)
    monitor.check()
    assert monitor.status.failures == 1


OTHER = ModelId("Churn", "churn")


def several(store: Store, *models: ModelId) -> DriftMonitors:
    return DriftMonitors(lambda: models, lambda model: DriftMonitor(model, store, clock=lambda: 42.0))


def test_each_model_is_compared_with_its_own_baseline(store: Store) -> None:
    shifted_ref = store.put_data(shifted(DATA.read_bytes()), as_baseline=True)
    # As `invoke seed --model Churn` leaves it: the shipped data is current, and the baseline.
    store.put_data(DATA.read_bytes())
    digest = sha256(DATA.read_bytes()).hexdigest()
    ref = DatasetRef(digest, 1000, "test").to_json()
    store.objects |= {OTHER.current_key: ref, OTHER.baseline_key: ref}
    store.objects[OTHER.profile_key(digest)] = store.objects[profile_key(digest)]
    monitors = several(store, MODEL.id, OTHER)
    monitors.check()
    samples = scrape(collectors(lambda: monitors.statuses, 30))
    assert value(samples, "synthetic_data_drift_detected", model=MODEL_NAME) == 1
    assert value(samples, "synthetic_data_drift_detected", model="Churn") == 0
    assert value(samples, "synthetic_data_info", model=MODEL_NAME, baseline_hash=shifted_ref, current_hash=digest) == 1
    assert value(samples, "synthetic_data_info", model="Churn", baseline_hash=digest, current_hash=digest) == 1
    assert value(samples, "synthetic_data_feature_psi", model="Churn", feature="credit_amount") == 0


@pytest.mark.parametrize("content", [None, b"[]", b"\xff"])
def test_a_model_whose_data_cannot_be_read_keeps_no_other_from_being_checked(
    store: Store, content: bytes | None
) -> None:
    if content is not None:
        store.objects |= {OTHER.current_key: content, OTHER.baseline_key: content}
    monitors = several(store, OTHER, MODEL.id)
    monitors.check()
    samples = scrape(collectors(lambda: monitors.statuses, 30))
    assert value(samples, "synthetic_data_check_success", model="Churn") == 0
    assert value(samples, "synthetic_data_check_failures_total", model="Churn") == 1
    assert value(samples, "synthetic_data_last_check_timestamp", model="Churn") == 0
    assert value(samples, "synthetic_data_seeded", model="Churn") == (0 if content is None else 1)
    assert value(samples, "synthetic_data_check_success", model=MODEL_NAME) == 1
    if content is None:
        assert "invoke seed --model Churn" in monitors.statuses["Churn"].reason


def test_what_is_not_checked_yet_has_metrics_already(store: Store) -> None:
    samples = scrape(collectors(lambda: several(store, MODEL.id).statuses, 30))
    assert value(samples, "synthetic_data_last_check_timestamp", model=MODEL_NAME) == 0
    assert value(samples, "synthetic_data_check_failures_total", model=MODEL_NAME) == 0


def test_models_come_and_go_and_what_is_known_of_the_others_stays(store: Store) -> None:
    models = [MODEL.id]
    monitors = DriftMonitors(lambda: models, lambda model: DriftMonitor(model, store))
    monitors.check()
    models.append(OTHER)
    monitors.check()
    assert (store.streamed, set(monitors.statuses)) == (1, {MODEL_NAME, "Churn"})
    models.remove(MODEL.id)
    monitors.check()
    assert set(monitors.statuses) == {"Churn"}


def test_the_baseline_in_the_settings_is_the_default_models(store: Store) -> None:
    monitor = DriftMonitor(OTHER, store, baseline_hash="f" * 64)
    monitor.check()
    assert "f" * 64 not in monitor.status.reason


def test_a_lab_without_models_still_says_how_often_it_looks() -> None:
    assert scrape(collectors(dict, 30)) == {("synthetic_data_check_interval_seconds", frozenset()): 30}
