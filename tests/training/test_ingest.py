"""Which data is taken, under what name it is kept, and how a source that can't be read is told."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from lab.base.dataset import DatasetRef, dataset_key
from lab.base.errors import DatasetInvalid, NotFound, RunFailed
from lab.base.model_id import ModelId
from lab.base.runs import TRAIN
from lab.training.data_store import DataStore
from lab.training.steps import ingest_step as ingest_module
from lab.training.steps.ingest_step import count_rows, default_source, ingest
from tests.support.contracts import CONTRACT, MODEL, ROOT

Write = Callable[[bytes], Path]


@pytest.fixture
def store(objects: Any) -> DataStore:
    return DataStore(objects, "data", MODEL.id)


def planted(objects: Any, body: bytes) -> DatasetRef:
    ref = DatasetRef(sha256(body).hexdigest(), 3, "planted drift", planted=True)
    objects.put("data", ref.key, body)
    DataStore(objects, "data", MODEL.id).set_current(ref)
    return ref


def test_a_file_is_kept_under_its_hash(
    store: DataStore, objects: Any, sample: bytes, data_file: Write, tmp_path: Path
) -> None:
    ref, size, new = ingest(store, str(data_file(sample)), "", tmp_path / "copy")
    assert (ref.sha256, ref.rows, ref.planted) == (sha256(sample).hexdigest(), 1000, False)
    assert (size, new) == (len(sample), True)
    assert objects.bodies["data", dataset_key(ref.sha256)] == sample


def test_the_same_data_is_uploaded_once(store: DataStore, objects: Any, data_file: Write, tmp_path: Path) -> None:
    path = str(data_file(b"a\n1\n"))
    assert [ingest(store, path, "", tmp_path / "copy")[2] for _ in range(2)] == [True, False]
    assert objects.uploads == 1


def test_the_process_default_is_taken_when_the_run_names_none(
    store: DataStore, data_file: Write, tmp_path: Path
) -> None:
    path = str(data_file(b"a\n1\n"))
    assert ingest(store, "", path, tmp_path / "copy")[0].source == path


def test_a_planted_drift_comes_before_the_default(
    store: DataStore, objects: Any, data_file: Write, tmp_path: Path
) -> None:
    ref = planted(objects, b"drifted\n1\n")
    assert ingest(store, "", str(data_file(b"a\n1\n")), tmp_path / "copy")[0] == ref


def test_the_runs_own_choice_comes_before_a_planted_drift(
    store: DataStore, objects: Any, data_file: Write, tmp_path: Path
) -> None:
    planted(objects, b"drifted\n1\n")
    assert ingest(store, str(data_file(b"a\n1\n")), "", tmp_path / "copy")[0].planted is False


def test_an_object_is_read_from_its_bucket(store: DataStore, objects: Any, tmp_path: Path) -> None:
    objects.put("elsewhere", "in/x.csv", b"a\n1\n")
    assert ingest(store, "s3://elsewhere/in/x.csv", "", tmp_path / "copy")[0].sha256 == sha256(b"a\n1\n").hexdigest()


def test_an_object_that_is_not_there_is_named(store: DataStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="elsewhere/x"):
        ingest(store, "s3://elsewhere/x", "", tmp_path / "copy")


@pytest.mark.parametrize("source", ["", "data.csv", "s3://bucket", "s3:///key", "/no/such/file.csv", "/"])
def test_a_source_that_cannot_be_read_is_told_with_its_name(source: str, store: DataStore, tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid) as told:
        ingest(store, source, "", tmp_path / "copy")
    assert source in told.value.message
    assert told.value.remedy


def test_a_file_beyond_the_limit_is_refused(
    store: DataStore, objects: Any, data_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "MOST_BYTES", 3)
    with pytest.raises(DatasetInvalid, match="more than"):
        ingest(store, str(data_file(b"a\n1\n")), "", tmp_path / "copy")
    assert objects.uploads == 0


def test_stored_data_that_was_changed_is_not_used(store: DataStore, objects: Any, tmp_path: Path) -> None:
    ref = planted(objects, b"drifted\n1\n")
    objects.put("data", ref.key, b"something else")
    with pytest.raises(DatasetInvalid, match="was changed"):
        ingest(store, "", "", tmp_path / "copy")


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"", 0),
        (b"a,b\n", 0),
        (b"a,b\n1,2\n\n3,4", 2),
        (b'a\n"x\ny"\n', 1),
        (b"a\r\n1\r\n", 1),
        (b"\x00\xff\n\x01\n", 1),
        (b'a\n"' + b"x" * 200_000, 0),
    ],
)
def test_rows_are_records_after_the_header(body: bytes, rows: int, data_file: Write) -> None:
    assert count_rows(data_file(body)) == rows


def test_a_result_is_found_in_the_run_that_is_re_executed(store: DataStore) -> None:
    store.hand_on("first", "train_model", {"n": 1})
    assert store.handed_on(["second", "first"], "train_model") == {"n": 1}
    store.hand_on("second", "train_model", {"n": 2})
    assert store.handed_on(["second", "first"], "train_model") == {"n": 2}
    with pytest.raises(NotFound, match="no result of train_model"):
        store.handed_on(["third"], "train_model")


def test_parquet_becomes_the_labs_own_csv(store: DataStore, objects: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"a": pa.array([1, None]), "b c": ["x", "y"]}), path)
    said = list[int]()
    ref, _, _ = ingest(store, str(path), "", tmp_path / "copy.csv", said.append)
    assert objects.bodies["data", ref.key] == b'a,b c\n1,"x"\n,"y"\n'
    assert (ref.rows, ref.source, said) == (2, str(path), [2])


def test_a_models_own_load_is_snapshotted(store: DataStore, objects: Any, tmp_path: Path) -> None:
    ref, _, _ = ingest(store, "", lambda: pd.DataFrame({"a": [1, 2]}), tmp_path / "copy.csv")
    assert (objects.bodies["data", ref.key], ref.source) == (b"a\n1\n2\n", "load()")


def test_a_load_that_fails_says_why(store: DataStore, tmp_path: Path) -> None:
    def load() -> None:
        raise ConnectionError("no warehouse")

    with pytest.raises(RunFailed, match="ConnectionError: no warehouse"):
        ingest(store, "", load, tmp_path / "copy.csv")


def test_a_contract_names_its_data_below_the_project() -> None:
    def named(data: str) -> Any:
        return default_source(replace(MODEL, contract=CONTRACT.model_copy(update={"data": data})), "/setting.csv")

    assert named("") == "/setting.csv"
    assert named("data/x.parquet") == str(ROOT / "data" / "x.parquet")
    assert named("/elsewhere/x.csv") == "/elsewhere/x.csv"
    assert named("s3://bucket/x.csv") == "s3://bucket/x.csv"


def test_models_that_one_run_makes_hand_on_nothing_to_each_other(objects: Any) -> None:
    """As when somebody materialises everything at once in Dagster's pages."""
    ours = DataStore(objects, "data", MODEL.id)
    theirs = DataStore(objects, "data", ModelId("Churn", "churn"))
    ours.hand_on("r", TRAIN, {"mlflow_run_id": "ours"})
    theirs.hand_on("r", TRAIN, {"mlflow_run_id": "theirs"})
    assert ours.handed_on(["r"], TRAIN) == {"mlflow_run_id": "ours"}
    assert theirs.handed_on(["r"], TRAIN) == {"mlflow_run_id": "theirs"}
    ref = DatasetRef("d" * 64, 3, "x")
    theirs.set_current(ref)
    assert (ours.current(), theirs.current()) == (None, ref)
