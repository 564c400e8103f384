"""Step `ingest_data`: takes a snapshot of the data, names it by its hash and stores it."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from lab.base.dataset import DatasetRef, hash_file, read_records
from lab.base.errors import DatasetInvalid, LabError, RunFailed, told
from lab.base.progress import every, unheard
from lab.base.runs import INGEST
from lab.dagster_host.source_snapshot import ROOT
from lab.models.dataset_csv import MOST_BYTES, as_csv, frame_as_csv, is_parquet
from lab.models.model_folder import Model
from lab.training.asset_facts import owners_of
from lab.training.asset_keys import ModelKeys
from lab.training.data_store import DataStore, Storage
from lab.training.governance_resource import Governance
from lab.training.own_environment import loader
from lab.training.step_environment import read_environment
from lab.training.steps.step_asset import step_asset

# Rows between two lines of a run's log.
ROWS_A_LINE = 200_000
Source = str | Callable[[], Any]
_CHUNK = 1 << 20


class IngestConfig(dg.Config):
    """What to ingest."""

    data_path: str = Field(
        "",
        description="absolute path or s3://bucket/key of CSV or Parquet; empty: a planted drift if there is one, else "
        "what the model says, else DATA_PATH",
    )


def ingest_step(keys: ModelKeys, model: Model | None = None) -> dg.AssetsDefinition:
    """The step of one model, whose `load` or contract may say where its data comes from."""

    @step_asset(
        keys.op(INGEST),
        "Stores the data set under its SHA-256 and hands on a reference to it.",
        dg.AssetSpec(
            keys.data,
            description="the data as it came, stored under its SHA-256",
            owners=owners_of(model.contract) if model else (),
            kinds={"s3", "csv"},
            group_name=keys.group,
        ),
    )
    def ingest_data(
        context: dg.AssetExecutionContext, config: IngestConfig, governance: Governance, storage: Storage
    ) -> Iterator[dg.MaterializeResult[None]]:
        yield from _ingested(context, config, governance, storage, keys, model)

    return ingest_data


def _ingested(
    context: dg.AssetExecutionContext,
    config: IngestConfig,
    governance: Governance,
    storage: Storage,
    keys: ModelKeys,
    model: Model | None,
) -> Iterator[dg.MaterializeResult[None]]:
    with governance.step(context, INGEST, keys.model) as record, tempfile.TemporaryDirectory() as folder:
        store, default = storage.open(keys.model), default_source(model, read_environment().data_path, context.log.info)
        say = every(ROWS_A_LINE, lambda rows: context.log.info(f"{rows:,} rows taken."))
        ref, size, new = ingest(store, config.data_path, default, Path(folder) / "data.csv", say)
        record.note(data_hash=ref.sha256, rows=ref.rows, bytes=size, source=ref.source, planted=ref.planted)
        store.hand_on(context.run.run_id, INGEST, asdict(ref))
        yield dg.MaterializeResult(
            metadata={
                "data_hash": ref.sha256,
                "dagster/row_count": ref.rows,
                "bytes": size,
                "source": ref.source,
                "planted": ref.planted,
                "uploaded": new,
            },
            data_version=dg.DataVersion(ref.sha256),
        )


def default_source(model: Model | None, setting: str, say: Callable[[str], object] = print) -> Source:
    """Where a run's data comes from that nobody chose: the model's own `load`, its contract, or DATA_PATH."""
    if model is None:
        return setting
    if (load := loader(model, say)) is not None:
        return load
    data = model.contract.data
    return setting if not data else data if data.startswith("s3://") else str(ROOT / data)


def ingest(
    store: DataStore, asked: str, default: Source, copy: Path, say: Callable[[int], object] = unheard
) -> tuple[DatasetRef, int, bool]:
    """Puts a data set into the store; gives its reference, size in bytes, and whether it was new there.

    `asked` is a run's own choice and comes first, then a planted drift, then `default`. `copy` is a scratch file.
    What isn't CSV becomes it, and `say` is told the rows meanwhile. Raises DatasetInvalid for a source that can't be
    read, and RunFailed for a `load` that fails.
    """
    current = None if asked else store.current()
    if current and current.planted:
        store.fetch(current.sha256, copy)
        return current, copy.stat().st_size, False
    source = asked or default
    if isinstance(source, str):
        _snapshot(store, source, copy)
        if copy.stat().st_size and is_parquet(copy):
            table = copy.with_suffix(".parquet")
            copy.rename(table)
            as_csv(table, copy, MOST_BYTES, say)
    else:
        frame_as_csv(_loaded(source), copy, MOST_BYTES, say)
    ref = DatasetRef(hash_file(copy), count_rows(copy), source if isinstance(source, str) else "load()")
    return ref, copy.stat().st_size, store.keep(copy, ref.sha256)


def _loaded(load: Callable[[], Any]) -> Any:
    try:
        return load()
    except LabError:
        raise
    except Exception as err:  # whatever somebody's code raises is an answer here
        raise RunFailed(f"load() failed: {told(err)}.", "Look at train.py.") from err


def _snapshot(store: DataStore, source: str, copy: Path) -> None:
    """Copies the source first: what is hashed, stored and trained on must be the same bytes."""
    if source.startswith("s3://"):
        bucket, _, key = source.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise DatasetInvalid(f"{source!r} names no object.", "Write s3://bucket/key.")
        store.download(bucket, key, copy)
        return
    path = Path(source)
    if not source or not path.is_absolute():
        raise DatasetInvalid(f"The data path {source!r} is neither absolute nor s3://bucket/key.", "Set DATA_PATH.")
    try:
        _copy_file(path, copy)
    except OSError as err:
        raise DatasetInvalid(
            f"Can't read {source}: {err.strerror}.", "Name a CSV file that the lab may read."
        ) from None


def _copy_file(path: Path, copy: Path) -> None:
    if path.exists() and not path.is_file():
        raise DatasetInvalid(f"{path} is no file.", "Name a CSV file.")
    copied = 0
    with path.open("rb") as source, copy.open("wb") as target:
        while chunk := source.read(_CHUNK):
            copied += len(chunk)
            if copied > MOST_BYTES:
                raise DatasetInvalid(f"{path} has more than {MOST_BYTES >> 30} GiB.", "Ingest a sample of it.")
            target.write(chunk)


def count_rows(path: Path) -> int:
    """Rows as every reader counts them; in a file that is no CSV, lines after the first one."""
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            records = sum(1 for _ in read_records(file))
    except DatasetInvalid:
        with path.open("rb") as raw:
            records = sum(chunk.count(b"\n") for chunk in iter(lambda: raw.read(_CHUNK), b""))
    return max(0, records - 1)
