"""From data that nobody saw before to a model that is fitted, logged, loaded and scores rows as its users have them."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import mlflow
import pytest

import pipelines
from lab.base.dataset import read_rows
from lab.base.drift import compare, profile
from lab.models.dataset_csv import as_csv, is_parquet
from lab.models.drift_simulation import worse_times
from lab.models.evaluation_file import FILE, read
from lab.models.model_folder import Model, read_contract
from lab.models.proposal.proposing import propose
from lab.training.dataset_checks import check_file
from lab.training.evaluating import evaluation_file
from lab.training.fitting import Trained
from lab.training.score_version import try_out
from lab.training.tracking import log_training
from lab.training.trying import better_than_guessing, tried
from tests.support import datasets
from tests.support.contracts import MODEL_NAME

pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*")]
# What each reaches at least by its decisive metric; rmse of the sales at most.
LEAST = {"Churn": 0.9, "FiveKinds": 0.7, "Sales": 40.0, "Wide": 0.8, "OddNames": 0.85, "Nullable": 0.8}
PICTURES = {
    "Churn": {"roc.png", "confusion_matrix.png"},
    "FiveKinds": {"roc.png", "confusion_matrix.png"},
    "Sales": {"residuals.png", "predicted_vs_actual.png"},
}


class Made:
    """A proposed folder, its data as the lab's own CSV, and the model fitted on it."""

    def __init__(self, name: str, root: Path) -> None:
        data, target = datasets.written(name, root)
        # Of a name that no model of the checkout has: their code is imported from one package.
        self.proposal = propose(root, f"Proposed{name}", data, target)
        self.model = Model(self.proposal.folder, read_contract(self.proposal.folder / "model.yaml"))
        self.source = root / self.proposal.data
        self.data = root / f"{name}.plain.csv"
        if is_parquet(self.source):
            as_csv(self.source, self.data, 1 << 30, lambda _: None)
        else:
            self.data = self.source
        self.trained: Trained = tried(self.model, self.source)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Made]]:
    root = tmp_path_factory.mktemp("project")
    (root / "pipelines").mkdir()
    pipelines.__path__.append(str(root / "pipelines"))
    known: dict[str, Made] = {}

    def make(name: str) -> Made:
        return known.get(name) or known.setdefault(name, Made(name, root))

    yield make
    pipelines.__path__.remove(str(root / "pipelines"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mlflow.MlflowClient]:
    folder = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("x", artifact_location=(folder / "a").as_uri()))
    client = mlflow.MlflowClient()
    client.create_registered_model(MODEL_NAME)
    yield client
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


@pytest.mark.parametrize("name", datasets.NAMES)
def test_a_proposed_model_scores_sensibly(name: str, made: Callable[[str], Made]) -> None:
    one = made(name)
    metric, evaluation = one.model.contract.decisive, one.trained.evaluation
    value = evaluation.metrics[metric]
    assert value < LEAST[name] if metric == "rmse" else value > LEAST[name]
    assert set(evaluation.metrics) == set(one.model.contract.judged)
    for judged, (low, high) in evaluation.intervals.items():
        assert low <= evaluation.metrics[judged] <= high or judged == "log_loss", judged


@pytest.mark.parametrize("name", datasets.NAMES)
def test_what_is_logged_is_loaded_and_scores_rows_in_each_way(
    name: str, made: Callable[[str], Made], registry: mlflow.MlflowClient, tmp_path: Path
) -> None:
    one = made(name)
    with mlflow.start_run() as run:
        logged = log_training(one.trained)
    version = registry.create_model_version(MODEL_NAME, logged.uri, run_id=run.info.run_id, model_id=logged.model_id)
    rows = tmp_path / "rows.csv"
    with one.data.open(newline="", encoding="utf-8") as file:
        rows.write_text("".join(islice(file, 30)), encoding="utf-8", newline="")
    answer = try_out(MODEL_NAME, str(version.version), logged.digest, str(rows))
    assert answer["rows"] > 10
    if name in PICTURES:
        found = {Path(item.path).name for item in registry.list_artifacts(run.info.run_id, "plots")}
        assert found == PICTURES[name]
    drawn = read(Path(registry.download_artifacts(run.info.run_id, FILE, str(tmp_path))).read_bytes())
    assert drawn == evaluation_file(one.trained.evaluation.predictions)
    metrics = registry.get_run(run.info.run_id).data.metrics
    assert {f"{one.model.contract.decisive}_{end}" for end in ("low", "high")} < set(metrics)


@pytest.mark.parametrize("name", datasets.NAMES)
def test_unchanged_data_has_not_drifted_and_worse_times_have(
    name: str, made: Callable[[str], Made], tmp_path: Path
) -> None:
    one, changed = made(name), tmp_path / "worse.csv"
    contract = one.model.contract
    with one.data.open(newline="", encoding="utf-8") as file:
        rows = list(read_rows(file))
    before = profile(rows, "x", *contract.profiled)
    assert not compare(before, rows, "y", 0).detected
    changed.write_bytes(worse_times(rows, contract))
    assert check_file(changed, contract).valid
    with changed.open(newline="", encoding="utf-8") as file:
        assert compare(before, read_rows(file), "z", 0).detected


def test_groups_of_people_are_compared_though_the_model_is_not_given_them(made: Callable[[str], Made]) -> None:
    one = made("Churn")
    assert not {"gender", "age"} & set(one.trained.example.columns)
    groups = {group.column: group for group in one.trained.evaluation.groups.columns}
    assert set(groups) == {"gender", "age"}
    assert {group.name for group in groups["gender"].groups} == {"f", "m"}
    assert sum(group.rows for group in groups["gender"].groups) == one.trained.test_rows
    for group in groups["gender"].groups:
        assert group.low is not None
        assert group.value is not None
        assert group.high is not None
        assert group.low <= group.value <= group.high
    assert "accuracy differs by" in groups["gender"].says


def test_the_test_that_comes_with_a_model_compares_it_with_a_guess(made: Callable[[str], Made]) -> None:
    one = made("FiveKinds")
    better, guessed = better_than_guessing(one.model, one.source)
    assert (better, guessed < 0.2) == (True, True)
