"""A model with packages of its own: what its process may do, and what the run is told of it."""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import pipelines
from lab.base.errors import RunFailed, SettingsError
from lab.models.environment import OwnEnvironment, environment_of
from lab.models.environment_in_containers import Interpreter
from lab.models.environment_in_containers import make as make_for_containers
from lab.models.environment_making import VARIABLE, passed, prepared
from lab.models.model_folder import Model, read_contract
from lab.training.apart import process
from lab.training.own_environment import loader, trained
from tests.support import datasets
from tests.support.contracts import ROOT
from tests.training.test_own_code import OWN, SALES

PROJECT = """\
[project]
name = "own"
version = "1"
requires-python = ">=3.11"
dependencies = ["mlflow>=3", "Pandas >= 2, <9"]

[tool.mlops-lab]
deadline_seconds = 120
"""
LOCK = """\
version = 1
[[package]]
name = "mlflow"
[[package]]
name = "pandas"
[[package]]
name = "own"
source = { virtual = "." }
[package.metadata]
requires-dist = [{ name = "mlflow", specifier = ">=3" }, { name = "pandas", specifier = ">=2,<9" }]
"""
# What only that environment has.
ONLY_THERE = "only_there = 'yes'\n"


def own(project: str = PROJECT, lock: str = LOCK) -> OwnEnvironment:
    return OwnEnvironment("own_sales", project.encode(), lock.encode())


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one environment, which sees this one's packages and has a module of its own."""
    folder = tmp_path_factory.mktemp("environments")
    place = folder / own().lock_hash
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=120)
    site = next(place.glob("lib/python3*/site-packages"))
    (site / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (site / "only_there.py").write_text(ONLY_THERE)
    (place / "ready").touch()
    return folder


@pytest.fixture
def make(tmp_path: Path, environments: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Model]]:
    """A model's folder with this code, whose environment is the one above."""
    monkeypatch.setenv(VARIABLE, str(environments))
    pipelines.__path__.append(str(tmp_path / "pipelines"))

    def made(code: str, project: str = PROJECT) -> Model:
        folder = tmp_path / "pipelines" / "own_sales"
        folder.mkdir(parents=True)
        for name, text in {"model.yaml": SALES, "train.py": code, "pyproject.toml": project, "uv.lock": LOCK}.items():
            (folder / name).write_text(text)
        return Model(folder, read_contract(folder / "model.yaml"))

    yield made
    pipelines.__path__.remove(str(tmp_path / "pipelines"))


def run(model: Model, tmp_path: Path, said: list[str] | None = None) -> dict[str, float]:
    rows = tmp_path / "sales.csv"
    datasets.sales().to_csv(rows, index=False)
    with trained(model, rows, (said if said is not None else []).append) as found:
        assert (found.model.folder / "MLmodel").is_file()
        assert found.parameters["algorithm"] == "LinearRegression"
        return {**found.evaluation.metrics, **found.evaluation.own}


def test_it_is_fitted_with_its_own_packages_and_judged_as_every_other(
    make: Callable[..., Model], tmp_path: Path
) -> None:
    said: list[str] = []
    code = f"import only_there\nprint('has', only_there.only_there)\n{OWN}"
    found = run(make(code), tmp_path, said)
    assert {"rmse", "mae", "r2", "worst"} <= set(found)
    assert "has yes" in said
    assert "only_there" not in sys.modules


LOOKING = """\
from pathlib import Path

def there():
    return sorted(str(one) for one in Path().rglob("*.parquet"))

class Looking:
    def fit(self, frame, target):
        from pandas import DataFrame
        print("fit:", *there())
        self.mean = target.mean()
        return self

    def predict(self, features):
        from pandas import read_parquet
        if Path("held_out.parquet").exists():
            print("predict:", "amount" in read_parquet("held_out.parquet"), len(features), *there())
        return features["celsius"] * 0 + self.mean

def fit(frame, parameters, seed):
    return Looking().fit(frame, frame["amount"])

def evaluate(model, features, target):
    import pandas
    guess = pandas.read_parquet("predicted.parquet")
    guess.assign(guess=target.to_numpy()).to_parquet("predicted.parquet")
    return {"worst": abs(model.mean - target).max()}
"""


def test_held_out_rows_come_after_fit_and_their_target_after_the_predictions(
    make: Callable[..., Model], tmp_path: Path
) -> None:
    said: list[str] = []
    rows = tmp_path / "sales.csv"
    datasets.sales().to_csv(rows, index=False)
    with trained(make(LOOKING), rows, said.append) as found:
        pass
    known = "example.parquet known.parquet"
    assert next(line for line in said if line.startswith("fit:")) == f"fit: {known}"
    asked = f"predict: False {found.test_rows} example.parquet held_out.parquet known.parquet"
    assert [line for line in said if line.startswith("predict:")] == [asked]
    # What it wrote when it knew the target came too late.
    assert found.evaluation.metrics["rmse"] > 0
    assert found.evaluation.own["worst"] > 0


def test_a_process_that_asks_for_the_target_first_gets_none(make: Callable[..., Model], tmp_path: Path) -> None:
    code = """\
def fit(frame, parameters, seed):
    import json, os
    from pathlib import Path
    os.write(json.loads(Path("order.json").read_text())["asking"], b"target\\n")
    import time
    time.sleep(100)
"""
    with pytest.raises(RunFailed, match=r"can't be used: .*predicted\.parquet"):
        run(make(code), tmp_path)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise ValueError('no luck')", "The model's code failed: ValueError: no luck"),
        ("raise ValueError", "The model's code failed: ValueError, without a message"),
        ("pass", "The model's code failed: TypeError: fit returned nothing: let it return the fitted model"),
        ("import os; os._exit(0)", "ended with status 0 before it was done"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        ("import sys; sys.exit(0)", "The model's code failed: SystemExit"),
        ("import lab", "ModuleNotFoundError: No module named 'lab'"),
    ],
)
def test_what_its_code_does_fails_this_run_with_a_reason(
    make: Callable[..., Model], tmp_path: Path, body: str, told: str
) -> None:
    model = make(f"def fit(frame, parameters, seed):\n    {body}\n")
    with pytest.raises(RunFailed, match=told):
        run(model, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="no such limit elsewhere")
def test_it_gets_no_more_memory_than_a_run(
    make: Callable[..., Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_MEMORY_LIMIT_MB", "200")
    model = make("def fit(frame, parameters, seed):\n    return [bytearray(10 << 20) for _ in range(300)]\n")
    with pytest.raises(RunFailed, match=r"out of memory: .*200 MB, which RUN_MEMORY_LIMIT_MB"):
        run(model, tmp_path)


def test_one_that_hangs_is_ended_at_its_deadline_with_what_it_started(
    make: Callable[..., Model], tmp_path: Path
) -> None:
    mark = tmp_path / "child"
    code = f"""\
def fit(frame, parameters, seed):
    import subprocess, time
    child = subprocess.Popen(["sleep", "600"])
    open({str(mark)!r}, "w").write(str(child.pid))
    time.sleep(600)
"""
    with pytest.raises(RunFailed, match="wasn't done within 20 s"):
        run(make(code, PROJECT.replace("120", "20")), tmp_path)
    state = Path(f"/proc/{mark.read_text()}/stat")
    assert not state.exists() or state.read_text().split()[2] in {"Z", "X"}


def test_a_log_gets_the_first_lines_of_much_output(make: Callable[..., Model], tmp_path: Path) -> None:
    said: list[str] = []
    code = OWN.replace("    from sklearn", "    print('x\\n' * 50_000 + 'y' * 100_000)\n    from sklearn", 1)
    run(make(code), tmp_path, said)
    assert len(said) <= process.MOST_LINES + 1
    assert said[-1].startswith("… and ")


def test_its_data_may_come_from_its_own_packages(make: Callable[..., Model]) -> None:
    code = "\ndef load():\n    import pandas, only_there as it\n    return pandas.DataFrame({'a': [it.only_there]})\n"
    load = loader(make(OWN + code), print)
    assert load is not None
    assert load().to_pydict() == {"a": ["yes"]}


def test_no_secret_of_the_run_gets_there() -> None:
    told = {"AWS_SECRET_ACCESS_KEY": "x", "MLFLOW_TRACKING_URI": "x", "PGPASSFILE": "x", "TZ": "UTC"}
    assert set(told) & set(process.environment(told, Path("/x"))) == {"TZ"}
    assert passed(told | {"HTTPS_PROXY": "p", "UV_INDEX_URL": "u", "UV_LOCKED": "1", "PYTHONPATH": "x"}) == {
        "HTTPS_PROXY": "p",
        "UV_INDEX_URL": "u",
    }


@pytest.mark.parametrize(
    ("project", "lock", "told"),
    [
        (PROJECT.replace(">=3", ">=4"), LOCK, r"uv\.lock: doesn't fit pyproject\.toml: mlflow"),
        (PROJECT, "[[", r"uv\.lock: is no TOML"),
        (PROJECT, "package = 3", r"doesn't fit pyproject\.toml: mlflow, pandas"),
        (PROJECT.replace("120", "true"), LOCK, "deadline_seconds is no number"),
        (PROJECT, LOCK.replace('[[package]]\nname = "pandas"\n', ""), "lacks pandas"),
        (PROJECT.replace('["mlflow>=3", "Pandas >= 2, <9"]', '"mlflow"'), LOCK, "among its dependencies|doesn't fit"),
    ],
)
def test_a_lock_that_cant_be_used_says_why(project: str, lock: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        own(project, lock).check()


def test_half_an_environment_is_none(tmp_path: Path) -> None:
    assert environment_of(tmp_path) is None
    (tmp_path / "uv.lock").touch()
    with pytest.raises(SettingsError, match=r"has uv\.lock and no pyproject\.toml"):
        environment_of(tmp_path)


def test_packages_that_cant_be_had_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv's own words are the reason; what it had made is gone, so that the next attempt begins anew."""
    tool = tmp_path / "bin" / "uv"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\nmkdir -p "$UV_PROJECT_ENVIRONMENT/bin"\necho no such wheel >&2\nexit 2\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    with pytest.raises(RunFailed, match="no such wheel"):
        prepared(own(), tmp_path / "made", tmp_path, print)
    assert not (tmp_path / "made" / own().lock_hash).exists()
    tool.write_text('#!/bin/sh\nmkdir -p "$UV_PROJECT_ENVIRONMENT/bin"\n: > "$UV_PROJECT_ENVIRONMENT/bin/python"\n')
    said: list[str] = []
    python = prepared(own(), tmp_path / "made", tmp_path, said.append)
    assert prepared(own(), tmp_path / "made", tmp_path, said.append) == python
    assert len(said) == 2


def test_where_no_folder_is_told_it_is_refused_with_the_way_out(
    make: Callable[..., Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(OWN)
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(RunFailed, match="AWS Batch"):
        run(model, tmp_path)


def test_in_a_container_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(RunFailed, match="can't be from a container") as told:
        prepared(own(), tmp_path, tmp_path, print)
    assert "invoke train NAME" in told.value.remedy


@pytest.mark.parametrize(
    ("answer", "platform"),
    [
        ("3.11.2 /usr/bin/python3.11 x86_64 2.36", "x86_64-manylinux_2_36"),
        ("3.13.1 /usr/local/bin/python3.13 aarch64 2.41", "aarch64-manylinux_2_40"),
        ("3.12.1 /usr/bin/python3.12 x86_64 2.28", "x86_64-manylinux_2_28"),
        ("3.12.1 /usr/bin/python3.12 x86_64 2.26", "x86_64-manylinux_2_17"),
    ],
)
def test_a_containers_python_says_which_wheels_it_takes(answer: str, platform: str) -> None:
    assert Interpreter.told(answer).platform == platform
    with pytest.raises(ValueError, match="no versions"):
        Interpreter.told("sh: python: not found")


def test_an_environment_for_containers_is_laid_out_as_their_python_expects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made once for an interpreter, and anew for another one."""
    tool = tmp_path / "bin" / "uv"
    tool.parent.mkdir()
    script = 'case "$1" in pip) mkdir -p "$4"; echo "$@" >> {log};; esac'
    tool.write_text("#!/bin/sh\n" + script.format(log=tmp_path / "log") + "\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    python = Interpreter.told("3.11.2 /usr/bin/python3.11 x86_64 2.36")
    for one in (python, python, replace(python, version="3.12.1")):
        make_for_containers(own(), one, tmp_path / "made", tmp_path, print)
    place = tmp_path / "made" / own().lock_hash
    assert (place / "lib" / "python3.12" / "site-packages").is_dir()
    assert not (place / "lib" / "python3.11").exists()
    assert (place / "bin" / "python").readlink() == Path("/usr/bin/python3.11")
    assert "home = /usr/bin\n" in (place / "pyvenv.cfg").read_text()
    asked = (tmp_path / "log").read_text().splitlines()
    assert len(asked) == 2
    assert "--no-build" in asked[0]
    assert "--python-platform x86_64-manylinux_2_36" in asked[0]


@pytest.mark.parametrize("lock", sorted((ROOT / "pipelines").glob("*/uv.lock")), ids=lambda lock: lock.parent.name)
def test_a_shipped_lock_fits_names_the_labs_index_and_has_what_the_lab_lacks(lock: Path) -> None:
    found = environment_of(lock.parent)
    assert found is not None
    found.check()
    hosts = re.compile(r'(?:registry|url) = "https?://([^/"]+)')
    labs = (ROOT / "uv.lock").read_text()
    assert set(hosts.findall(lock.read_text())) == set(hosts.findall(labs))
    assert [name for name in found.packages if f'name = "{name}"' not in labs], "it has nothing that the lab hasn't"
