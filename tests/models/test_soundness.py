"""What is wrong with a model's code and data is said before anybody trains it, without executing any of it."""

from pathlib import Path

import pytest

from lab.models import soundness
from lab.models.model_folder import models_in
from lab.models.soundness import trouble
from tests.support.contracts import ROOT, SHIPPED, write_model
from tests.support.counting import opened_files


def said_of(folder: Path, code: str, data: str = "") -> str:
    """What is said of a model with this code."""
    made = write_model(folder, "churn", "Churn")
    (made / "train.py").write_text(code)
    return trouble(made, data)


FIT = "def fit(frame, parameters, seed):\n    import nowhere_at_all\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os\n\ndef fit(:\n", "churn/train.py, line 3: invalid syntax. Mend it there."),
        ("return 1\n" + FIT, "churn/train.py, line 1: 'return' outside function"),
        ("def train(): ...\n", "churn/train.py has no function fit"),
        ("import nowhere_at_all.of_it\n" + FIT, "churn/train.py imports nowhere_at_all, which isn't installed"),
        ("from nowhere_at_all.of_it import x\n" + FIT, "churn/train.py imports nowhere_at_all"),
        ("x = 1\0\n" + FIT, "churn/train.py"),
    ],
)
def test_code_that_cannot_be_imported_is_named_with_its_place(tmp_path: Path, code: str, words: str) -> None:
    assert said_of(tmp_path, code).startswith(words)


@pytest.mark.parametrize(
    "code",
    [
        FIT,
        "from sklearn.base import clone as fit\n",
        "from lab.nowhere import *\n",
        "import json, sys\nfrom . import helper\nif sys.argv:\n    " + FIT.replace("\n    ", "\n        "),
        "try:\n    import nowhere_at_all\nexcept ImportError:\n    pass\n" + FIT,
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nowhere_at_all\n" + FIT,
        "fit = lambda frame, parameters, seed: 1 is 1\n",
    ],
)
def test_of_code_that_may_work_nothing_is_said(tmp_path: Path, code: str) -> None:
    assert said_of(tmp_path, code) == ""


def test_no_code_is_executed(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    assert said_of(tmp_path, f"open({str(touched)!r}, 'w')\n" + FIT) == ""
    assert not touched.exists()


def test_a_model_with_packages_of_its_own_may_import_what_the_lab_lacks(tmp_path: Path) -> None:
    (write_model(tmp_path, "churn", "Churn") / "pyproject.toml").touch()
    assert said_of(tmp_path, "import nowhere_at_all\n" + FIT) == ""


def test_where_no_run_could_begin_nobody_tells_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "_TRAINING", "not_here_either")
    assert said_of(tmp_path, "import nowhere_at_all\n" + FIT) == ""


def test_data_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    absent, there = tmp_path / "absent.csv", tmp_path / "there.csv"
    there.touch()
    assert said_of(tmp_path, FIT, str(absent)) == (
        f"Can't read its data, {absent}: No such file or directory. Put it there, or name another in model.yaml."
    )
    assert "is no file" in said_of(tmp_path, FIT, str(tmp_path))
    for fine in (str(there), "s3://bucket/absent.csv", ""):
        assert said_of(tmp_path, FIT, fine) == ""
    # Its own `load` is where such a model's data come from.
    assert said_of(tmp_path, FIT + "def load(): ...\n", str(absent)) == ""


def test_code_that_is_missing_is_named(tmp_path: Path) -> None:
    made = write_model(tmp_path, "churn", "Churn")
    (made / "train.py").unlink()
    assert trouble(made, "").startswith("Can't read churn/train.py: No such file or directory.")


def test_code_is_read_once_until_it_changes(tmp_path: Path) -> None:
    with opened_files() as opened:
        assert said_of(tmp_path, FIT) == ""
        before = opened["train.py"]
        for _ in range(3):
            assert trouble(tmp_path / "churn", "") == ""
        assert opened["train.py"] == before
        assert "line 1" in said_of(tmp_path, "def fit(:\n")


def test_the_shipped_models_are_sound() -> None:
    found = {one.contract.name: trouble(one.folder, one.data) for one in models_in(ROOT / "pipelines").sound}
    assert [found[name] for name in SHIPPED] == ["", ""]
