"""A long history for a throw-away lab, written straight into its stores: what runs would have left behind."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import psycopg2

from benchmarks.ledger import entry
from lab.base.catalogue import LOOPBACK, Service
from lab.config import LabConfig
from lab.governance.ledger import Entry, find_head, key_of, parse, seal
from lab.services.s3 import PIPELINE, READER, S3, AuditStore

_WRITERS, _BATCH = 16, 2000
# Copies of the newest row of a table, with other values in the named columns.
_COPY = """
INSERT INTO {table}
SELECT (jsonb_populate_record(NULL::{table}, to_jsonb(model) || jsonb_build_object({changes}))).*
FROM (SELECT * FROM {table} {where}) model, generate_series({first}, {last}) number
"""
_RUN_ID = "'00000000-0000-4000-8000-' || lpad(number::text, 12, '0')"
_UUID = "lpad(number::text, 32, '0')"


def fill_dagster(config: LabConfig, first: int, last: int) -> None:
    """Finished runs with these numbers, copied with their tags from the oldest run."""
    oldest = "(SELECT run_id FROM runs ORDER BY id LIMIT 1)"
    body = f"replace(model.run_body, model.run_id, {_RUN_ID})"
    run = f"'id', nextval('runs_id_seq'), 'run_id', {_RUN_ID}, 'run_body', {body}"
    tag = f"'id', nextval('run_tags_id_seq'), 'run_id', {_RUN_ID}"
    _execute(
        config,
        "dagster",
        config.secrets.dagster_db,
        [
            _copy("runs", run, f"WHERE run_id = {oldest}", first, last),
            _copy("run_tags", tag, f"WHERE run_id = {oldest}", first, last),
        ],
    )


def fill_mlflow(config: LabConfig, first: int, last: int, versions: int) -> None:
    """Finished runs with these numbers and their metrics; the first ones up to `versions` have a model version."""
    oldest = "(SELECT run_id FROM model_versions ORDER BY version LIMIT 1)"
    shift = 1_000  # numbers that no real version has
    version, newest = f"'version', {shift} + number", min(last, versions)
    _execute(
        config,
        "mlflow",
        config.secrets.mlflow_db,
        [
            _copy("runs", f"'run_uuid', {_UUID}", f"WHERE run_uuid = {oldest}", first, last),
            _copy("latest_metrics", f"'run_uuid', {_UUID}", f"WHERE run_uuid = {oldest}", first, last),
            _copy("model_versions", f"{version}, 'run_id', {_UUID}", "WHERE version = 1", first, newest),
            _copy(
                "model_version_tags", f"'version', {shift} + number", "WHERE version = 1", first, min(last, versions)
            ),
        ],
    )


def fill_trail(config: LabConfig, length: int) -> None:
    """Goes on with the audit trail up to entry `length`, in order but for the last few at any moment."""
    store = AuditStore(S3.of_lab(config, READER, 30), config.audit_bucket, config.audit_prefix)
    writer = S3.of_lab(config, PIPELINE, 30)
    head = find_head(store, config.audit_prefix)
    last = parse(store.read(key_of(config.audit_prefix, head))) if head else None

    def write(sealed: Entry) -> None:
        writer.put(config.audit_bucket, key_of(config.audit_prefix, sealed.seq), sealed.body())

    with ThreadPoolExecutor(_WRITERS) as pool:
        made = _sealed(last, length - head)
        while batch := list(islice(made, _BATCH)):
            list(pool.map(write, batch))


def _sealed(last: Entry | None, count: int) -> Iterator[Entry]:
    for number in range(count):
        last = seal(entry(number), last)
        yield last


def _copy(table: str, changes: str, where: str, first: int, last: int) -> str:
    return _COPY.format(table=table, changes=changes, where=where, first=first, last=last)


def _execute(config: LabConfig, database: str, password: str, statements: list[str]) -> None:
    link = psycopg2.connect(
        host=LOOPBACK, port=config.port(Service.POSTGRES), dbname=database, user=database, password=password
    )
    try:
        with link, link.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            cursor.execute("ANALYZE")
    finally:
        link.close()
