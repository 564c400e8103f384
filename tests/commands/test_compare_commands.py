"""What `compare`, `start` and `stop` print."""

import json
from dataclasses import replace

import pytest

from lab.commands import compare_commands, printing, service_commands
from lab.observe.comparison import compared
from lab.operations.bring_up import UpResult
from lab.operations.one_service import Stopped
from tests.screen import snapshots

CHAMPION, NEWER = snapshots.MODELS[2], snapshots.MODELS[1]


def test_each_metric_is_printed_with_its_verdict_and_each_fact_with_whether_it_differs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    a = replace(CHAMPION, metrics={"auc": 0.78, "auc_low": 0.7, "auc_high": 0.8, "log_loss": 0.4})
    b = replace(NEWER, metrics={"auc": 0.79, "log_loss": 0.5}, tags={**NEWER.tags, "data_hash": snapshots.CURRENT})
    compare_commands.print_comparison(compared(a, b, {"C": "1.0"}, {"C": "0.5"}))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "metric v5 v6 difference"
    assert "auc 0.78 0.79 ▲ +0.01 better, within chance" in lines
    assert "log_loss 0.4 0.5 ▲ +0.1 worse" in lines
    assert "C 1.0 0.5 differs" in lines
    assert f"data_hash {snapshots.BASELINE[:12]}… {snapshots.CURRENT[:12]}… differs" in lines
    assert lines[-1].startswith("▲ They were trained on different data")


def test_the_document_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    printing.print_json(compared(CHAMPION, replace(NEWER, name="ChurnModel"), {}, None))
    found = json.loads(capsys.readouterr().out)
    assert found["same_data"] is True
    assert found["facts"][0] == {"name": "data_hash", "a": snapshots.BASELINE, "b": snapshots.BASELINE}
    assert found["b"] == {"model": "ChurnModel", "version": "6", "run_id": NEWER.run_id, "run_known": False}
    assert len(found["cautions"]) == 2


def test_a_stop_says_what_does_not_work_and_how_to_start_again(capsys: pytest.CaptureFixture[str]) -> None:
    service_commands.print_stopped(Stopped("postgres", False, ("mlflow", "dagster")))
    service_commands.print_stopped(Stopped("grafana", True, ()))
    service_commands.print_started(("mlflow", UpResult((), False, 3.21, {})))
    service_commands.print_started(("mlflow", UpResult((), True, 0.0, {})))
    assert capsys.readouterr().out.splitlines() == [
        "postgres is stopped; without it these don't work: MLflow, Dagster; next: invoke start postgres",
        "grafana is stopped already; next: invoke start grafana",
        "mlflow is up after 3.2 s; next: invoke status",
        "mlflow runs already: nothing to do; invoke restart mlflow starts it anew",
    ]
