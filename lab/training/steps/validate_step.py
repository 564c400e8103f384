"""Step `validate_data`: blocking checks of the data set, and its drift against the baseline."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg

from lab.base.dataset import DatasetRef, read_rows
from lab.base.drift import compare
from lab.base.drift_report import DriftReport
from lab.base.progress import every
from lab.base.runs import INGEST, VALIDATE
from lab.governance.rules.approval_states import PROBE
from lab.models.contract import Contract, Drift
from lab.models.csv_text import COLUMNS_RULE, READABLE, VALUES_RULE, Violation
from lab.training.asset_facts import COLUMNS, column_schema, owners_of, preview
from lab.training.asset_keys import ModelKeys
from lab.training.data_store import DataStore, Storage, lineage
from lab.training.dataset_checks import CHECKS, SIZE_RULE, Validation, check_file
from lab.training.governance_resource import Governance
from lab.training.step_environment import read_environment
from lab.training.steps.ingest_step import ROWS_A_LINE
from lab.training.steps.step_asset import step_asset

DRIFT_CHECK = "has_not_drifted"
_PURPOSE = {
    READABLE: "the file is UTF-8 text, and CSV",
    COLUMNS_RULE: "every expected column is there once, and every row is complete",
    VALUES_RULE: "every cell has a value of the right type, in range, of a known category",
    SIZE_RULE: "there are enough rows of every class to train on",
}

Result = dg.MaterializeResult[None] | dg.AssetCheckResult


def validate_step(keys: ModelKeys, contract: Contract) -> dg.AssetsDefinition:
    """The step of one model."""
    valid = keys.validated
    checks = [dg.AssetCheckSpec(name, asset=valid, description=_PURPOSE[name], blocking=True) for name in CHECKS]
    drift = dg.AssetCheckSpec(
        DRIFT_CHECK,
        asset=valid,
        description=f"no feature has a PSI above {contract.drift.psi:g} that chance doesn't explain",
    )

    @step_asset(
        keys.op(VALIDATE),
        "Checks the ingested data set; a broken rule ends the run here.",
        dg.AssetSpec(
            valid,
            deps=[keys.data],
            description="the data, which keeps every rule of the contract",
            owners=owners_of(contract),
            kinds={"s3", "csv"},
            metadata={COLUMNS: column_schema(contract)},
            group_name=keys.group,
        ),
        [*checks, drift],
    )
    def validate_data(context: dg.AssetExecutionContext, governance: Governance, storage: Storage) -> Iterator[Result]:
        yield from _validated(context, governance, storage, keys, contract)

    return validate_data


def _validated(
    context: dg.AssetExecutionContext, governance: Governance, storage: Storage, keys: ModelKeys, contract: Contract
) -> Iterator[Result]:
    asset = keys.validated
    with governance.step(context, VALIDATE, keys.model) as record, tempfile.TemporaryDirectory() as folder:
        store, path = storage.open(keys.model), Path(folder) / "data.csv"
        ref = DatasetRef(**store.handed_on(lineage(context), INGEST))
        store.fetch(ref.sha256, path)
        say = every(ROWS_A_LINE, lambda rows: context.log.info(f"{rows:,} rows checked."))
        validation = check_file(path, contract, say)
        record.note(data_hash=ref.sha256, rows=validation.rows, rules_broken=len(validation.violations))
        yield from _results(asset, validation)
        if not validation.valid:
            raise dg.Failure(_headline(validation), {"violations": _table(validation.violations)}, allow_retries=False)
        drift = measure(store, _chosen_baseline(keys), path, ref, contract.drift)
        state = drift_state(drift, contract.drift)
        record.note(drift=state)
        # Only data that keeps the rules is in force: the drift monitor can read nothing else. A probe's never is.
        if governance.claim(read_environment()).owner != PROBE:
            store.set_current(ref)
        store.hand_on(context.run.run_id, VALIDATE, {"dataset": asdict(ref), "drift": _drift_value(drift, state)})
        yield _drift_check(asset, drift, contract.drift)
        facts = {**_metadata(ref, validation, drift, state), "preview": preview(path, contract)}
        yield dg.MaterializeResult(asset_key=asset, metadata=facts, data_version=dg.DataVersion(ref.sha256))


def _chosen_baseline(keys: ModelKeys) -> str:
    """The one that the settings name is the default model's."""
    return read_environment().baseline_hash if keys.model.default else ""


def measure(store: DataStore, baseline_hash: str, path: Path, ref: DatasetRef, settings: Drift) -> DriftReport | None:
    """The drift of valid data against the baseline, as the monitor measures it; None when there is no baseline."""
    baseline = store.baseline(baseline_hash)
    if baseline is None:
        return None
    with path.open(newline="", encoding="utf-8") as lines:
        return compare(baseline, read_rows(lines), ref.sha256, time.time()).limited(settings.psi)


def drift_state(drift: DriftReport | None, settings: Drift) -> str:
    """`stable`, `drifted`, or `unknown` without a baseline or with fewer rows than the contract asks for."""
    if drift is None:
        return "unknown"
    if drift.detected:
        return "drifted"
    return "unknown" if drift.rows < settings.least else "stable"


def drift_said(drift: DriftReport, settings: Drift) -> str:
    """The same for a person."""
    few = f" {drift.rows} rows are few: the contract asks for {settings.least}." if drift.rows < settings.least else ""
    if drift.detected:
        return f"Drifted: {', '.join(drift.drifted)}.{few}"
    return f"Whether a feature has drifted isn't known.{few}" if few else "No feature has drifted."


def _drift_value(drift: DriftReport | None, state: str) -> dict[str, Any]:
    return {
        "state": state,
        "features": list(drift.drifted) if drift else [],
        "baseline_hash": drift.baseline_hash if drift else "",
    }


def _headline(validation: Validation) -> str:
    broken = "; ".join(str(violation) for violation in validation.violations)
    return f"The data set can't be used: {broken}."


def _results(asset: dg.AssetKey, validation: Validation) -> Iterator[dg.AssetCheckResult]:
    for check in validation.checked:
        broken = validation.of(check)
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=check,
            passed=not broken,
            description="; ".join(map(str, broken)) or f"Kept: {_PURPOSE[check]}.",
            metadata={"violations": _table(broken)} if broken else {},
        )


def _drift_check(asset: dg.AssetKey, drift: DriftReport | None, settings: Drift) -> dg.AssetCheckResult:
    """A warning only: drifted data may train a model, and no such model may be deployed."""
    if drift is None:
        said, metadata = "There is no baseline to compare with. Type `invoke seed`.", dict[str, Any]()
    else:
        said = drift_said(drift, settings)
        metadata = {"psi": _psi_table(drift), "baseline_hash": dg.MetadataValue.text(drift.baseline_hash)}
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=DRIFT_CHECK,
        passed=drift_state(drift, settings) == "stable",
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
        metadata=metadata,
    )


def _metadata(ref: DatasetRef, validation: Validation, drift: DriftReport | None, state: str) -> dict[str, Any]:
    return {
        "data_hash": ref.sha256,
        "dagster/row_count": validation.rows,
        **{f"rows/{label}": times for label, times in validation.classes.items()},
        "ignored_columns": ", ".join(validation.extra_columns) or "none",
        "drift": state,
        "largest_psi": drift.features[0].psi if drift and drift.features else 0.0,
    }


def _table(violations: tuple[Violation, ...]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({"column": v.column, "problem": v.problem, "count": v.count, "example": v.example})
            for v in violations
        ],
        schema=dg.TableSchema(
            columns=[
                dg.TableColumn("column", "string"),
                dg.TableColumn("problem", "string"),
                dg.TableColumn("count", "int"),
                dg.TableColumn("example", "string"),
            ]
        ),
    )


def _psi_table(drift: DriftReport) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({"feature": f.name, "psi": round(f.psi, 6), "p_value": f.p_value, "state": f.state})
            for f in drift.features
        ],
        schema=dg.TableSchema(
            columns=[
                dg.TableColumn("feature", "string"),
                dg.TableColumn("psi", "float"),
                dg.TableColumn("p_value", "float"),
                dg.TableColumn("state", "string"),
            ]
        ),
    )
