"""A lab with fifty models: what the observer asks stays as it is with one, and what it says names each."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import generate_latest

from exporters.drift_monitor import DriftStatus, collectors
from exporters.poller import Poller
from exporters.serve import Chosen, Exporter
from lab.base.catalogue import Service
from lab.base.drift_report import DriftReport, FeatureDrift
from lab.observe.drift_reports import DriftReports
from lab.observe.model_infos import model_infos
from lab.observe.snapshot import ModelInfo
from lab.services.exposition import CHECKS, POLLER_UP, REPORTS, chosen
from lab.services.mlflow import _AGAIN, _MOST_ALIASED, Mlflow
from tests.services.answers import http
from tests.support.contracts import ROOT, write_model
from tests.support.counting import opened_files
from tests.support.observed_lab import ObservedLab

MODELS = 50
_STAMP = 1795444690.0


class Registry:
    """Fifty models with a version each that is champion and too old to be listed, and one with the newest ones."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.client = Mlflow(http(self.serve))
        self.champions = {f"model-{number}": "1" for number in range(MODELS)}

    def serve(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/2.0/mlflow/")
        self.asked[path] += 1
        params = request.url.params
        return httpx.Response(200, json=self._answer(path, params))

    def _answer(self, path: str, params: Any) -> dict[str, Any]:
        match path:
            case "model-versions/search":
                return {"model_versions": [_version("busy", str(number)) for number in range(25, 0, -1)]}
            case "registered-models/search":
                aliases = [(name, [{"alias": "champion", "version": v}]) for name, v in self.champions.items()]
                return {"registered_models": [{"name": name, "aliases": found} for name, found in aliases]}
            case "model-versions/get":
                return {"model_version": _version(params["name"], params["version"])}
        return {"run": {"info": {"status": "FINISHED"}, "data": {"metrics": [{"key": "auc", "value": 0.7}]}}}


def _version(name: str, number: str) -> dict[str, Any]:
    run = f"{name}{number}".encode().hex().ljust(32, "0")[:32]
    return {"name": name, "version": number, "creation_timestamp": 1_000, "run_id": run, "tags": []}


def _exposition() -> str:
    lines = ["synthetic_data_check_interval_seconds 30.0"]
    for number in range(MODELS):
        label = f'model="model-{number}"'
        lines += [
            f"synthetic_data_row_count{{{label}}} 1000.0",
            f"synthetic_data_last_check_timestamp{{{label}}} {_STAMP}",
            f"synthetic_data_check_success{{{label}}} 1.0",
            f'synthetic_data_feature_psi{{{label},feature="x"}} {0.5 if number == 7 else 0.01}',
        ]
    return "\n".join(lines) + "\n"


async def test_a_look_at_fifty_models_costs_one_search_and_a_bounded_number_of_versions() -> None:
    registry = Registry()
    first = await registry.client.versions()
    assert len(first) == 25 + _MOST_ALIASED
    assert registry.asked["model-versions/get"] == _MOST_ALIASED
    for _ in range(4):
        registry.asked.clear()
        assert await registry.client.versions() == first
        assert registry.asked == {
            "model-versions/search": 1,
            "registered-models/search": 1,
            "model-versions/get": _AGAIN,
        }


async def test_older_versions_are_asked_for_again_in_turns() -> None:
    registry = Registry()
    await registry.client.versions()
    named: list[str] = []
    serve = registry._answer

    def noting(path: str, params: Any) -> dict[str, Any]:
        if path == "model-versions/get":
            named.append(params["name"])
        return serve(path, params)

    registry._answer = noting  # type: ignore[method-assign]  # only to see what is asked
    for _ in range(-(-_MOST_ALIASED // _AGAIN)):
        await registry.client.versions()
    assert len(set(named)) == _MOST_ALIASED


async def test_an_older_version_whose_alias_changed_is_asked_for_at_once() -> None:
    registry = Registry()
    registry.champions = {"model-1": "1"}
    await registry.client.versions()
    registry.champions = {"model-1": "2"}
    assert [(one.name, one.version, one.aliases) for one in (await registry.client.versions())[25:]] == [
        ("model-1", "2", ("champion",))
    ]


async def test_a_tick_over_fifty_models_asks_as_often_as_over_one(observed: ObservedLab) -> None:
    await observed.tick()
    before = dict(observed.services.asked)
    await observed.tick(60)
    of_one = {service: count - before[service] for service, count in observed.services.asked.items()}

    registry = Registry()
    # Nothing of it is older than what is listed: what that costs has tests of its own.
    registry.champions = {}
    observed.services.broken[Service.MLFLOW] = registry.serve
    observed.services.broken[Service.DRIFT_MONITOR] = lambda _: httpx.Response(200, text=_exposition())
    await observed.tick(60)
    before = dict(observed.services.asked)
    shot = await observed.tick(60)
    assert {service: count - before[service] for service, count in observed.services.asked.items()} == of_one
    reports = shot.drift.value or ()
    assert len(reports) == MODELS
    assert [one.model for one in reports if one.detected] == ["model-7"]


class Monitor:
    """The drift monitor's own answers about so many models, by its own rounds."""

    def __init__(self, models: int) -> None:
        features = tuple(FeatureDrift(f"feature_{number}", 0.01, 1.0) for number in range(20))
        report = DriftReport("b" * 64, "c" * 64, 1000, features, _STAMP)
        self.statuses = {f"m{number}": DriftStatus(report, 1) for number in range(models)}
        self.poller = Poller("check", 60, lambda: None)
        self.poller.once_more()
        made = collectors(lambda: self.statuses, 60)
        self._exporter = Exporter("drift-monitor", made, [self.poller], lambda: True)
        self.sent: list[int] = []
        self.http = http(self._serve)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        body = generate_latest(Chosen(self._exporter, request.url.params.get_list("name[]")))
        self.sent.append(len(body))
        return httpx.Response(200, content=body)


async def test_what_the_drift_monitor_says_is_read_once_for_each_of_its_rounds() -> None:
    told = []
    for models in (2, MODELS):
        monitor = Monitor(models)
        reports = DriftReports(monitor.http)
        first = await reports.fetch()
        assert len(first or ()) == models
        monitor.sent.clear()
        assert await reports.fetch() is first
        told.append(monitor.sent)
    [few], [many] = told
    # A time of day has a digit more or less.
    assert abs(many - few) < 20
    assert few < 1000


async def test_a_new_round_of_the_drift_monitor_is_seen_at_once() -> None:
    monitor = Monitor(2)
    reports = DriftReports(monitor.http)
    assert [one.detected for one in await reports.fetch() or ()] == [False, False]
    moved = DriftReport("b" * 64, "d" * 64, 1000, (FeatureDrift("feature_1", 0.5, 0.0),), _STAMP + 60)
    monitor.statuses["m1"] = DriftStatus(moved, 2)
    monitor.poller.once_more()
    assert [one.detected for one in await reports.fetch() or ()] == [False, True]


async def test_a_probe_of_the_drift_monitor_is_not_told_of_features() -> None:
    sent = []
    for features in (REPORTS, CHECKS):
        monitor = Monitor(MODELS)
        await monitor.http.get_text("/metrics", chosen(POLLER_UP, *features))
        sent += monitor.sent
    assert sent[1] * 5 < sent[0]


def test_contracts_are_listed_by_one_look_at_each_and_none_while_they_stay(tmp_path: Path) -> None:
    for number in range(3):
        write_model(tmp_path, f"m{number}", f"M{number}")
    with opened_files() as opened:
        first = model_infos(tmp_path)
        assert (opened["model.yaml"], opened["train.py"]) == (3, 3)
        assert model_infos(tmp_path) == first
    assert (opened["model.yaml"], opened["train.py"]) == (3, 3)
    assert [one.primary for one in first] == ["auc"] * 3


def test_a_model_that_cannot_be_trained_says_so_and_its_neighbours_do_not(tmp_path: Path) -> None:
    for number in range(3):
        write_model(tmp_path, f"m{number}", f"M{number}")
    assert [one.problem for one in model_infos(tmp_path)] == ["", "", ""]
    (tmp_path / "m1" / "train.py").write_text("def fit(:\n")
    assert [one.problem for one in model_infos(tmp_path)] == [
        "",
        "m1/train.py, line 1: invalid syntax. Mend it there.",
        "",
    ]


def test_a_contract_says_which_model_is_meant_and_which_metric_decides(tmp_path: Path) -> None:
    assert ModelInfo("CreditRiskModel", default=True, primary="auc") in model_infos(ROOT / "pipelines")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.yaml").write_text("name: Broken\ntask: sideways\n")
    (tmp_path / "broken" / "train.py").write_text("def fit(frame, parameters, seed): ...\n")
    assert model_infos(tmp_path) == (ModelInfo("Broken"),)
    assert model_infos(tmp_path / "absent") == ()


def test_a_wrong_contract_is_told_with_its_line_and_stays_its_own_models_affair(tmp_path: Path) -> None:
    for number in range(4):
        write_model(tmp_path, f"m{number}", f"M{number}")
    wrong = tmp_path / "m1" / "model.yaml"
    wrong.write_text(re.sub("^task: .*$", "task: sideways", wrong.read_text(), flags=re.MULTILINE))
    (tmp_path / "m2" / "model.yaml").write_text("name: [\n")
    (tmp_path / "m3" / "model.yaml").write_bytes((tmp_path / "m0" / "model.yaml").read_bytes())
    found = {one.name: one.problem for one in model_infos(tmp_path, judged=True)}
    assert list(found) == ["M0", "M1", "m2", "m3"]
    assert found["M0"] == ""
    assert re.match(r"m1/model\.yaml, line 5: task: .* task is: ", found["M1"])
    assert found["m2"].startswith("m2/model.yaml is no YAML: ")
    assert found["m3"] == "m3/model.yaml: name: M0 is the model of m0 already. Give it another name."


def test_contracts_are_judged_once_while_they_stay_and_again_when_one_is_mended(tmp_path: Path) -> None:
    for number in range(3):
        write_model(tmp_path, f"m{number}", f"M{number}")
    path = tmp_path / "m1" / "model.yaml"
    sound = path.read_bytes()
    path.write_bytes(sound + b"nonsense: 1\n")
    model_infos(tmp_path, judged=True)
    with opened_files() as opened:
        assert [bool(one.problem) for one in model_infos(tmp_path, judged=True)] == [False, True, False]
    assert opened["model.yaml"] == 0
    path.write_bytes(sound)
    assert [one.problem for one in model_infos(tmp_path, judged=True)] == ["", "", ""]


def test_packages_of_its_own_that_do_not_fit_are_told_and_looked_at_once(tmp_path: Path) -> None:
    made = write_model(tmp_path, "m", "M")
    (made / "pyproject.toml").write_text('[project]\nname = "m"\ndependencies = ["mlflow>=3"]\n')
    assert [one.problem for one in model_infos(tmp_path, judged=True)] == [
        "m has pyproject.toml and no uv.lock. Type `uv lock` in that folder."
    ]
    (made / "uv.lock").write_text("")
    assert "m/uv.lock: doesn't fit pyproject.toml: mlflow." in model_infos(tmp_path, judged=True)[0].problem
    with opened_files() as opened:
        assert model_infos(tmp_path, judged=True)[0].problem
    assert (opened["uv.lock"], opened["pyproject.toml"]) == (0, 0)


async def test_what_the_screen_shows_tells_of_a_wrong_contract(tmp_path: Path) -> None:
    write_model(tmp_path / "pipelines", "sound", "Sound")
    path = write_model(tmp_path / "pipelines", "wrong", "Wrong") / "model.yaml"
    path.write_text(path.read_text() + "nonsense: 1\n")
    observed = ObservedLab(tmp_path, root=tmp_path)
    told = {one.name: one.problem for one in (await observed.tick()).lab.models}
    await observed.observer.aclose()
    assert told["Sound"] == ""
    assert "nonsense" in told["Wrong"]
