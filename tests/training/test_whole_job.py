"""The whole job in one process: real Dagster, real training, MLflow on SQLite; data bucket and trail in memory."""

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dagster as dg
import mlflow
import pandas as pd
import pytest

from lab.base.dataset import BASELINE_KEY, CURRENT_KEY, DatasetRef, hash_file, profile_key, read_rows
from lab.base.model_id import ModelId
from lab.base.model_versions import GovernanceTags, files_digest
from lab.base.runs import INGEST, OWNER_TAG, REGISTER, REGISTRATION_REQUEST, STEPS, TRAIN
from lab.governance.ledger import Status, verify
from lab.governance.ledger.writer import Ledger
from lab.governance.rules.approval_states import PROBE
from lab.models.drift_simulation import worse_times
from lab.models.groups import parse_measured
from lab.models.model_folder import Model, Models
from lab.training.data_store import DataStore, Storage
from lab.training.definitions import of_models
from lab.training.fitting import code_of, load, train
from lab.training.governance_resource import Governance
from lab.training.guard import AuditWriter
from lab.training.score_version import Replaced, try_out
from lab.training.step_environment import StepEnvironment
from tests.support.contracts import CONTRACT, MODEL, MODEL_ASSET, MODEL_NAME, profile_of

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "sample_data.csv"
# As if the folder were another, not the default, model's: its steps, keys and experiment have other names.
SECOND = Model(MODEL.folder, CONTRACT.model_copy(update={"name": "Second", "default": False}))
TOLD = {model.contract.name: of_models(Models((model,), ()), {}) for model in (MODEL, SECOND)}
TOLD["both"] = of_models(Models((MODEL, replace(SECOND, folder=MODEL.folder.with_name("second"))), ()), {})
Launch = Callable[..., dg.ExecuteInProcessResult]
# MLflow warns of its own type hints when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*")


@pytest.fixture(scope="module")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tracking database that has the experiment already, with artifacts beside it."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.MlflowClient(uri).create_experiment("credit-risk", artifact_location=(folder / "artifacts").as_uri())
    return uri


@pytest.fixture
def launch(tracking_uri: str, objects: Any, trail: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launch:
    """Runs the job; keyword arguments are the governance resource's configuration."""
    environment = {
        "DATA_BUCKET": "data",
        "AUDIT_BUCKET": "audit",
        "AUDIT_LOG_PREFIX": "audit/",
        "DATA_PATH": str(SAMPLE),
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_URL": "http://127.0.0.1:5000",
        "RUN_OWNER": "ann",
        "RUN_ROLE": "ml-engineer",
        "ENVIRONMENT": "dev",
        "POLICY_PATH": str(ROOT / "stack" / "governance" / "policy.yaml"),
        "LAB_GOVERNANCE_DIR": str(tmp_path),
        "ALLOWED_STAGING_ROLES": "ml-engineer",
        "ALLOWED_PROD_ROLES": "",
        "CODE_VERSION": "c0de",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("BASELINE_DATA_HASH", raising=False)
    ledger = Ledger(trail, "audit/", tmp_path / "journal")

    class MemoryStorage(Storage):
        def open(self, model: ModelId) -> DataStore:
            return DataStore(objects, "data", model)

    class MemoryGovernance(Governance):
        def ledger(self, env: StepEnvironment) -> AuditWriter:
            return ledger

    def run(
        data: Path | None = None, model: Model = MODEL, both: bool = False, **claim: str
    ) -> dg.ExecuteInProcessResult:
        own = {
            "governance": MemoryGovernance(**({"owner": "", "role": "", "environment": ""} | claim)),
            "storage": MemoryStorage(timeout_s=1.0),
        }
        told = TOLD["both" if both else model.contract.name]
        defs = dg.Definitions(assets=told.assets, jobs=told.jobs, resources=own)
        config = {"ops": {model.id.op(INGEST): {"config": {"data_path": str(data)}}}} if data else {}
        with dg.DagsterInstance.ephemeral() as instance:
            job = defs.resolve_implicit_global_asset_job_def() if both else defs.resolve_job_def(model.id.job)
            return job.execute_in_process(config, instance=instance, raise_on_error=False)

    return run


def seed_baseline(objects: Any) -> DatasetRef:
    digest = hash_file(SAMPLE)
    ref = DatasetRef(digest, 1000, str(SAMPLE))
    with SAMPLE.open(newline="") as lines:
        objects.put("data", profile_key(digest), profile_of(read_rows(lines), digest).to_json())
    objects.put("data", BASELINE_KEY, ref.to_json())
    return ref


def newest_version(tracking_uri: str) -> Any:
    return mlflow.MlflowClient(tracking_uri).search_model_versions(
        f"name='{MODEL_NAME}'", order_by=["version_number DESC"], max_results=1
    )[0]


def versions(tracking_uri: str) -> int:
    return len(mlflow.MlflowClient(tracking_uri).search_model_versions(f"name='{MODEL_NAME}'"))


def metadata(result: dg.ExecuteInProcessResult, step: str) -> Mapping[str, Any]:
    (event,) = [e for e in result.all_node_events if e.is_step_materialization and e.step_key == step]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def check_results(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def failed_step(result: dg.ExecuteInProcessResult) -> tuple[str, str]:
    (event,) = [e for e in result.all_node_events if e.is_step_failure]
    return str(event.step_key), str(event.step_failure_data.user_failure_data.description)


def test_a_run_ends_in_a_version_that_the_trail_vouches_for(
    launch: Launch, objects: Any, trail: Any, tracking_uri: str
) -> None:
    seed_baseline(objects)
    result = launch()
    assert result.success
    version = newest_version(tracking_uri)
    tags = version.tags
    assert set(GovernanceTags.names()) <= set(tags)
    vouching = next(entry for entry in trail.entries if entry.seq == int(tags["audit_seq"]))
    assert (vouching.action, vouching.status, vouching.hash) == ("register_model", Status.REQUESTED, tags["audit_hash"])
    assert vouching.details["mlflow_run_id"] == version.run_id
    assert vouching.details["data_hash"] == tags["data_hash"] == hash_file(SAMPLE)
    assert (trail.entries[-1].action, trail.entries[-1].model_version) == (REGISTER, str(version.version))
    assert (tags["approval_state"], tags["deployment_blocked"]) == ("pending_staging", "true")
    assert tags["deployment_blocked_reason"] == "awaiting approval"


def test_another_model_is_registered_under_its_own_name_and_measured_against_its_own_baseline(
    launch: Launch, objects: Any, trail: Any, tracking_uri: str
) -> None:
    seed_baseline(objects)
    before = versions(tracking_uri)
    assert launch(model=SECOND).success
    client = mlflow.MlflowClient(tracking_uri)
    [version] = client.search_model_versions("name='Second'")
    assert versions(tracking_uri) == before
    # The baseline of the default model says nothing of this one.
    assert version.tags["drift_state"] == "unknown"
    assert {entry.details["model"] for entry in trail.entries} == {"Second"}
    assert [entry.action for entry in trail.entries if entry.status is Status.SUCCESS] == list(STEPS)

    body = objects.get("data", BASELINE_KEY)
    objects.put("data", SECOND.id.baseline_key, body)
    digest = DatasetRef.from_json(body).sha256
    objects.put("data", SECOND.id.profile_key(digest), objects.get("data", profile_key(digest)))
    assert launch(model=SECOND).success
    newest = max(client.search_model_versions("name='Second'"), key=lambda one: int(one.version))
    assert (newest.version, newest.tags["drift_state"]) in {("2", "stable"), (2, "stable")}


def test_a_run_of_several_models_is_refused_at_its_first_steps(launch: Launch, trail: Any) -> None:
    """As Dagster's page launches whatever is selected there."""
    result = launch(both=True)
    assert not result.success
    assert {(entry.action, entry.status) for entry in trail.entries} == {(INGEST, Status.BLOCKED)}
    assert {entry.details["model"] for entry in trail.entries} == {MODEL_NAME, "Second"}
    assert all("of several models" in entry.details["reason"] for entry in trail.entries)
    assert "Launch a run for each model" in str(result.all_node_events)


def test_what_groups_of_people_show_is_audited(launch: Launch, trail: Any) -> None:
    launch()
    ended = next(entry for entry in trail.entries if (entry.action, entry.status) == (TRAIN, Status.SUCCESS))
    found = parse_measured(ended.details["fairness"])
    assert (found.measure, found.least) == ("false_positive_rate_difference", 30)
    assert {one.column for one in found.columns} == set(CONTRACT.protected)
    age = next(one for one in found.columns if one.column == "age_in_years")
    assert len(age.compared()) == 4
    asked = next(entry for entry in trail.entries if entry.action == REGISTRATION_REQUEST).details["criteria"]
    assert asked["fairness"] == {"measure": found.measure, "least": 30, "margin": ""}


def test_every_step_has_its_two_entries_and_the_trail_verifies(launch: Launch, trail: Any) -> None:
    assert launch().success
    by_step = [(e.action, e.status) for e in trail.entries if e.action != "register_model"]
    assert by_step == [(step, status) for step in STEPS for status in (Status.STARTED, Status.SUCCESS)]
    verification = verify(sorted(trail.bodies.items()))
    assert (verification.intact, verification.unfinished) == (True, ())


def test_the_same_data_gives_the_same_metrics_and_hash(launch: Launch) -> None:
    first, second = (metadata(launch(), TRAIN) for _ in range(2))
    for name in ("auc", "gini", "ks", "accuracy", "log_loss"):
        assert first[name] == second[name]


def test_the_materialisation_names_the_version(launch: Launch, tracking_uri: str) -> None:
    result = launch()
    (event,) = [e for e in result.all_node_events if e.is_step_materialization and e.step_key == REGISTER]
    assert tuple(event.asset_key.path) == MODEL_ASSET
    shown = metadata(result, REGISTER)
    version = newest_version(tracking_uri).version
    assert (shown["version"], shown["model"]) == (
        int(version),
        f"http://127.0.0.1:5000/#/models/CreditRiskModel/versions/{version}",
    )


def test_mlflow_holds_parameters_pictures_model_and_the_data_as_input(launch: Launch, tracking_uri: str) -> None:
    assert launch().success
    client = mlflow.MlflowClient(tracking_uri)
    run = client.get_run(newest_version(tracking_uri).run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == "20240601"
    assert {"auc", "gini", "ks", "accuracy"} <= set(run.data.metrics)
    assert {f.path for f in client.list_artifacts(run.info.run_id, "plots")} == {
        "plots/roc.png",
        "plots/confusion_matrix.png",
    }
    assert run.data.tags["data_hash"] == hash_file(SAMPLE)
    assert [i.dataset.digest for i in run.inputs.dataset_inputs] == [hash_file(SAMPLE)[:36]]


@pytest.fixture
def served(tracking_uri: str) -> Iterator[None]:
    """MLflow's module-level functions ask the tests' registry."""
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    yield
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


@pytest.mark.usefixtures("served")
def test_the_audited_files_are_loaded_and_no_others(
    launch: Launch, trail: Any, tracking_uri: str, tmp_path: Path
) -> None:
    assert launch().success
    number = str(newest_version(tracking_uri).version)
    (digest,) = {e.details["model_digest"] for e in trail.entries if "model_digest" in e.details}
    rows = tmp_path / "rows.csv"
    rows.write_text("".join(SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)[:11]), encoding="utf-8")
    assert try_out(MODEL_NAME, number, digest, str(rows)) == {"rows": 10, "predictions": ["bad", "good"]}

    source = mlflow.MlflowClient().get_model_version_download_uri(MODEL_NAME, number)
    mlmodel = Path(unquote(urlsplit(source).path)) / "MLmodel"
    mlmodel.write_text(mlmodel.read_text().replace("loader_module: mlflow.sklearn", "loader_module: planted"))
    marker = tmp_path / "loaded"
    (tmp_path / "planted.py").write_text(f"open({str(marker)!r}, 'w')")
    with pytest.raises(Replaced, match=f"audited {digest[:12]}"):
        try_out(MODEL_NAME, number, digest, str(rows))
    assert not marker.exists()


def test_the_registered_model_scores_the_csv_as_a_user_reads_it(launch: Launch, tracking_uri: str) -> None:
    assert launch().success
    model = mlflow.pyfunc.load_model(newest_version(tracking_uri).source)
    rows = pd.read_csv(SAMPLE).drop(columns="creditability")
    assert rows["credit_amount"].dtype == "int64"
    expected = list(model.predict(rows))
    assert set(expected) == {"good", "bad"}
    for same in (
        rows.astype(dict.fromkeys(CONTRACT.numeric, "float64")),
        rows.astype(dict.fromkeys(CONTRACT.numeric, "int32")),
    ):
        assert list(model.predict(same)) == expected
    assert list(model.predict(rows.head(1))) == expected[:1]
    with pytest.raises(ValueError, match="NaN"):
        model.predict(rows.head(3).assign(age_in_years=[30, None, 40]))


@pytest.mark.usefixtures("served")
def test_a_model_that_takes_no_integers_is_not_one_that_works(tracking_uri: str, tmp_path: Path) -> None:
    trained = train(load(SAMPLE, CONTRACT), CONTRACT, code_of(MODEL))
    floats = trained.example.astype(dict.fromkeys(CONTRACT.numeric, "float64"))
    # Or MLflow would make a database and a folder of its own where the tests were started.
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_experiment("credit-risk")
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(
            trained.model,
            name="model",
            registered_model_name=MODEL_NAME,
            signature=mlflow.models.infer_signature(floats, trained.model.predict(floats)),
            pip_requirements=["mlflow"],
            serialization_format="skops",
        )
    digest = files_digest(Path(mlflow.artifacts.download_artifacts(info.model_uri, dst_path=str(tmp_path))))
    with pytest.raises(ValueError, match="it can't score rows as pandas reads them"):
        try_out(MODEL_NAME, str(info.registered_model_version), digest, str(SAMPLE))


def test_the_registered_model_predicts_its_own_example(launch: Launch, tracking_uri: str) -> None:
    assert launch().success
    model = mlflow.sklearn.load_model(newest_version(tracking_uri).source)
    info = mlflow.models.get_model_info(newest_version(tracking_uri).source)
    example = mlflow.models.Model.load(newest_version(tracking_uri).source).load_input_example(
        newest_version(tracking_uri).source
    )
    assert set(model.predict(example)) <= {"good", "bad"}
    assert len(info.signature.inputs.inputs) == 20


def test_a_broken_rule_stops_everything_after_it(
    launch: Launch, objects: Any, trail: Any, tracking_uri: str, data_file: Callable[[bytes], Path], sample: bytes
) -> None:
    assert launch().success
    before, current = versions(tracking_uri), objects.get("data", CURRENT_KEY)
    result = launch(data_file(sample.replace(b",rent,", b",castle,")))
    assert failed_step(result)[0] == "validate_data"
    assert "housing: no known category in 179 cells, for example 'castle'" in failed_step(result)[1]
    assert check_results(result) == {
        "is_utf8_csv": True,
        "has_expected_columns": True,
        "has_valid_values": False,
        "has_enough_rows": True,
    }
    assert versions(tracking_uri) == before
    assert objects.get("data", CURRENT_KEY) == current
    assert (trail.entries[-1].action, trail.entries[-1].status) == ("validate_data", Status.FAILURE)


@pytest.mark.parametrize("body", [b"", b"\x89PNG\r\n\x1a\n\x00\x00", "a;b\nä;ö".encode("latin-1")])
def test_what_is_no_csv_ends_in_a_failed_check(body: bytes, launch: Launch, data_file: Callable[[bytes], Path]) -> None:
    result = launch(data_file(body))
    assert check_results(result) == {"is_utf8_csv": False}
    assert failed_step(result)[1].startswith("The data set can't be used: the ")


def test_a_file_that_is_not_there_fails_the_first_step_by_name(launch: Launch, tmp_path: Path) -> None:
    step, reason = failed_step(launch(tmp_path / "none.csv"))
    assert step == "ingest_data"
    assert (
        reason
        == f"Can't read {tmp_path / 'none.csv'}: No such file or directory. Name a CSV file that the lab may read."
    )


def test_drifted_data_trains_a_model_that_says_so(
    launch: Launch, objects: Any, tracking_uri: str, data_file: Callable[[bytes], Path]
) -> None:
    seed_baseline(objects)
    with SAMPLE.open(newline="") as lines:
        body = worse_times(read_rows(lines), CONTRACT)
    result = launch(data_file(body))
    assert result.success
    assert check_results(result)["has_not_drifted"] is False
    tags = newest_version(tracking_uri).tags
    assert (tags["drift_state"], tags["deployment_blocked"]) == ("drifted", "true")
    assert "credit_amount" in tags["deployment_blocked_reason"]


def test_what_a_probe_trains_on_never_becomes_the_current_data(
    launch: Launch, objects: Any, data_file: Callable[[bytes], Path], sample: bytes
) -> None:
    assert launch().success
    current = objects.get("data", CURRENT_KEY)
    other = data_file(sample + sample.splitlines(keepends=True)[1])
    assert launch(other, owner=PROBE).success
    assert objects.get("data", CURRENT_KEY) == current
    assert launch(other).success
    assert objects.get("data", CURRENT_KEY) != current


def test_without_a_baseline_drift_is_unknown(launch: Launch, tracking_uri: str) -> None:
    result = launch()
    assert result.success
    assert check_results(result)["has_not_drifted"] is False
    assert newest_version(tracking_uri).tags["drift_state"] == "unknown"


def test_a_role_without_permission_is_blocked_before_anything_is_ingested(
    launch: Launch, objects: Any, trail: Any
) -> None:
    step, reason = failed_step(launch(role="analyst", environment="prod"))
    assert step == "ingest_data"
    assert "Blocked by policy: ann as analyst may not run in prod" in reason
    assert objects.bodies == {}
    assert [entry.status for entry in trail.entries] == [Status.BLOCKED]


@pytest.mark.parametrize(("claimed", "kept"), [("\ud800", r"\ud800"), ("a\0b", r"a\x00b")])
def test_no_page_of_dagster_meets_a_claim_that_it_could_not_show(
    claimed: str, kept: str, launch: Launch, objects: Any, trail: Any
) -> None:
    result = launch(owner=claimed)
    assert not result.success
    assert objects.uploads == 0
    assert [(entry.status, entry.owner) for entry in trail.entries] == [(Status.BLOCKED, kept)]
    assert result.dagster_run.tags[OWNER_TAG] == kept


def test_no_step_runs_while_the_trail_cannot_be_written(launch: Launch, objects: Any, trail: Any) -> None:
    trail.down = True
    step, reason = failed_step(launch())
    assert step == "ingest_data"
    assert "audit trail can't be written" in reason
    assert objects.bodies == {}


def test_a_training_that_fails_leaves_a_failed_mlflow_run(
    launch: Launch, trail: Any, tracking_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr("lab.training.fitting.train", fail)
    before = versions(tracking_uri)
    assert not launch().success
    last = trail.entries[-1]
    assert (last.action, last.status, last.details["reason"]) == (TRAIN, Status.FAILURE, "RuntimeError: no memory")
    assert mlflow.MlflowClient(tracking_uri).get_run(last.details["mlflow_run_id"]).info.status == "FAILED"
    assert versions(tracking_uri) == before


# Collecting the generator collects its scratch folder as well, of which Python tells.
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
def test_a_step_whose_result_dagster_refuses_has_an_end(
    launch: Launch, trail: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster.MaterializeResult", lambda **options: object())
    assert not launch().success
    # The step's generator is closed when nothing holds it any more, as the prefork server sees to after a run.
    gc.collect()
    assert [(entry.action, entry.status) for entry in trail.entries] == [
        (INGEST, Status.STARTED),
        (INGEST, Status.FAILURE),
    ]
